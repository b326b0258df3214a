use actix_web::{HttpRequest, HttpResponse, get, web};
use dallosh_contracts::{FileData, Permission, Resource};
use dallosh_primitives::Uid;
use dallosh_service_kit::{Caller, Problem, Revision};

use super::view;
use crate::state::State;

/// Show a dataset
///
/// How it is read, its columns and counts; not its content. Needs `read_datasets`.
#[utoipa::path(
    tag = "files",
    operation_id = "get_file",
    params(("id" = Uid, Path, description = "The file"), ("If-None-Match" = Option<String>, Header, description = "The ETag that the client has")),
    responses(
        (status = 200, description = "The file", body = Resource<FileData>, headers(("ETag" = String, description = "Its revision"))),
        (status = 304, description = "The client has this revision")
    )
)]
#[get("/v1/files/{id}")]
pub async fn get_file(
    state: web::Data<State>,
    caller: Caller,
    id: web::Path<Uid>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let scope = caller.require(Permission::ReadDatasets)?;
    let file = state.files.get(scope, *id).await?;
    Ok(Revision(file.revision).respond(&request, &view(file)))
}
