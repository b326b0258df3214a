use actix_web::{HttpRequest, HttpResponse, http::header, post, web};
use dallosh_contracts::Permission;
use dallosh_service_kit::{ErrorCode, Problem};

use super::{answer, append, describe, is_part, number, text};
use crate::{state::State, upload::Metadata, uploads, workflow};

/// Begin a resumable upload
///
/// tus 1.0.0. The file's bytes follow by `PATCH` at `Location`, in as many requests as it takes; a body of
/// `application/offset+octet-stream` here is their beginning. Needs `manage_datasets`, and `manage_tasks` with
/// `create_task`.
#[utoipa::path(
    tag = "files",
    operation_id = "create_upload",
    params(
        ("Tus-Resumable" = String, Header, description = "`1.0.0`", example = "1.0.0"),
        ("Upload-Length" = u64, Header, description = "Bytes of the whole file"),
        ("Upload-Metadata" = Option<String>, Header, description = "`filename` and, to make a task of the file as well, `create_task` (`true`), each with its value in base64, separated by commas")
    ),
    responses((
        status = 201,
        description = "The upload is begun",
        headers(
            ("Location" = String, description = "The upload"),
            ("Upload-Offset" = u64, description = "Bytes that are safe"),
            ("Upload-Expires" = String, description = "When it is given up, unless more comes before"),
            ("Upload-File" = String, description = "The file, when it is made already")
        )
    ))
)]
#[post("/v1/uploads")]
pub async fn create_upload(state: web::Data<State>, request: HttpRequest, payload: web::Payload) -> HttpResponse {
    answer(&request, async |caller| {
        caller.require(Permission::ManageDatasets)?;
        let wrong = |what: &'static str| Problem::new(ErrorCode::BadRequest, what);
        let length = number(&request, "upload-length")?.ok_or_else(|| wrong("Upload-Length is missing"))?;
        let metadata = if request.headers().contains_key("upload-metadata") {
            text(&request, "upload-metadata").ok_or_else(|| wrong("Upload-Metadata can't be read"))?
        } else {
            ""
        };
        let metadata = Metadata::parse(metadata).map_err(wrong)?;
        if metadata.create_task {
            caller.require(workflow::CREATE_TASK)?;
        }
        let (writer, mut upload) = uploads::create(&state, &caller, length, metadata).await?;
        let uid = upload.uid;
        if is_part(&request) {
            match append::append(&state, caller, writer, upload, &request, payload).await {
                Ok(appended) => upload = appended,
                // Its address would never be known.
                Err(error) => {
                    uploads::remove(&state, uid).await?;
                    return Err(error.into());
                }
            }
        }
        let mut response = HttpResponse::Created();
        describe(&upload, &mut response);
        Ok(response.insert_header((header::LOCATION, format!("/v1/uploads/{uid}"))).finish())
    })
    .await
}
