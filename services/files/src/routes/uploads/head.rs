use actix_web::{HttpRequest, HttpResponse, head, web};
use dallosh_contracts::Permission;

use super::{answer, describe, id};
use crate::{error::Error, state::State, uploads};

/// Ask how far an upload is
///
/// `Upload-Offset` is where the next `PATCH` goes on: what is safe, also when this process or its machine ends now.
/// `Upload-File` names the file once it is made; an upload that is whole has it made now when that was interrupted.
/// Needs `manage_datasets`.
#[utoipa::path(
    tag = "files",
    operation_id = "head_upload",
    params(
        ("id" = dallosh_primitives::Uid, Path, description = "The upload"),
        ("Tus-Resumable" = String, Header, description = "`1.0.0`", example = "1.0.0")
    ),
    responses((
        status = 200,
        description = "How far it is",
        headers(
            ("Upload-Offset" = u64, description = "Bytes that are safe"),
            ("Upload-Length" = u64, description = "Bytes of the whole file"),
            ("Upload-Metadata" = String, description = "As it was sent"),
            ("Upload-Expires" = String, description = "When it is given up, unless more comes before"),
            ("Upload-File" = String, description = "The file that was made"),
            ("Upload-Task" = String, description = "The task that was made of it")
        )
    ))
)]
#[head("/v1/uploads/{id}")]
pub async fn head_upload(state: web::Data<State>, request: HttpRequest) -> HttpResponse {
    answer(&request, async |caller| {
        let scope = caller.require(Permission::ManageDatasets)?;
        let uid = id(&request).await?;
        let mut upload = uploads::get(&state, scope, uid).await?;
        if upload.data.is_whole() && upload.data.outcome.is_none() {
            upload = match uploads::open(&state, scope, uid).await {
                Ok((writer, upload)) => uploads::finish(state.clone().into_inner(), caller, writer, upload).await?,
                // It is being made.
                Err(Error::Locked) => upload,
                Err(error) => return Err(error.into()),
            };
        }
        let mut response = HttpResponse::Ok();
        describe(&upload, &mut response);
        response.insert_header(("upload-length", upload.data.length.to_string()));
        if !upload.data.metadata.raw.is_empty() {
            response.insert_header(("upload-metadata", upload.data.metadata.raw));
        }
        Ok(response.finish())
    })
    .await
}
