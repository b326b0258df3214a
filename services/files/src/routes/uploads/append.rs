use actix_web::{HttpRequest, HttpResponse, patch, web};
use dallosh_contracts::Permission;
use dallosh_service_kit::{Caller, ErrorCode, Problem};
use dallosh_store::Versioned;

use super::{answer, describe, id, is_part, number, text};
use crate::{
    error::Error,
    state::State,
    upload::Upload,
    uploads::{self, Checksum, Writer},
};

/// Send the next bytes of an upload
///
/// From `Upload-Offset` on, which has to be what is safe already; 409 `upload_offset` tells where that is. What arrives
/// is kept when the request breaks off. With `Upload-Checksum` it is kept as a whole or not at all. The last bytes make
/// the file: `Upload-File` names it, here or, when making it takes longer, in the answer to `HEAD`; a content that is no
/// table is refused as by `POST /v1/files`, and the upload is gone. Needs `manage_datasets`.
#[utoipa::path(
    tag = "files",
    operation_id = "append_upload",
    params(
        ("id" = dallosh_primitives::Uid, Path, description = "The upload"),
        ("Tus-Resumable" = String, Header, description = "`1.0.0`", example = "1.0.0"),
        ("Upload-Offset" = u64, Header, description = "Where the bytes begin"),
        ("Upload-Checksum" = Option<String>, Header, description = "`sha256` or `sha1`, a blank and the hash of the body in base64")
    ),
    request_body(content = inline(Vec<u8>), content_type = "application/offset+octet-stream"),
    responses((
        status = 204,
        description = "The bytes are safe",
        headers(
            ("Upload-Offset" = u64, description = "Bytes that are safe"),
            ("Upload-Expires" = String, description = "When it is given up, unless more comes before"),
            ("Upload-File" = String, description = "The file that was made"),
            ("Upload-Task" = String, description = "The task that was made of it")
        )
    ))
)]
#[patch("/v1/uploads/{id}")]
pub async fn append_upload(state: web::Data<State>, request: HttpRequest, payload: web::Payload) -> HttpResponse {
    answer(&request, async |caller| {
        let scope = caller.require(Permission::ManageDatasets)?;
        if !is_part(&request) {
            let detail = "send the bytes as application/offset+octet-stream";
            return Err(Problem::new(ErrorCode::UnsupportedMedia, detail).into());
        }
        let offset = number(&request, "upload-offset")?;
        let offset = offset.ok_or_else(|| Problem::new(ErrorCode::BadRequest, "Upload-Offset is missing"))?;
        let (writer, upload) = uploads::open(&state, scope, id(&request).await?).await?;
        if upload.data.offset() != offset {
            return Err(Error::WrongOffset(upload.data.offset()).into());
        }
        let appended = append(&state, caller, writer, upload, &request, payload).await?;
        let mut response = HttpResponse::NoContent();
        describe(&appended, &mut response);
        Ok(response.finish())
    })
    .await
}

/// Receives the body as the next bytes, and makes the file when they are the last.
pub async fn append(
    state: &web::Data<State>,
    caller: Caller,
    writer: Writer,
    upload: Versioned<Upload>,
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<Versioned<Upload>, Error> {
    let checksum = request.headers().contains_key("upload-checksum").then(|| text(request, "upload-checksum"));
    let checksum = checksum.map(|sum| Checksum::parse(sum.unwrap_or_default())).transpose().map_err(Error::Form)?;
    let _slot = state.slots.try_acquire().map_err(|_| Error::Busy)?;
    let upload = uploads::receive(state, upload, payload, checksum).await?;
    uploads::finish(state.clone().into_inner(), caller, writer, upload).await
}
