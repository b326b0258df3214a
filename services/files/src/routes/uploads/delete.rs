use actix_web::{HttpRequest, HttpResponse, delete, web};
use dallosh_contracts::Permission;

use super::{answer, id};
use crate::{state::State, uploads};

/// Give an upload up
///
/// What came of it is removed. The file that it became stays. Needs `manage_datasets`.
#[utoipa::path(
    tag = "files",
    operation_id = "delete_upload",
    params(
        ("id" = dallosh_primitives::Uid, Path, description = "The upload"),
        ("Tus-Resumable" = String, Header, description = "`1.0.0`", example = "1.0.0")
    ),
    responses((status = 204, description = "It is gone"))
)]
#[delete("/v1/uploads/{id}")]
pub async fn delete_upload(state: web::Data<State>, request: HttpRequest) -> HttpResponse {
    answer(&request, async |caller| {
        let scope = caller.require(Permission::ManageDatasets)?;
        let (_writer, upload) = uploads::open(&state, scope, id(&request).await?).await?;
        uploads::remove(&state, upload.uid).await?;
        Ok(HttpResponse::NoContent().finish())
    })
    .await
}
