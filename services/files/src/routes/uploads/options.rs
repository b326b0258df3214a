use actix_web::{HttpResponse, options, web};

use super::VERSION;
use crate::state::State;

/// Say what of tus is spoken here
///
/// The version of the protocol, its extensions, the algorithms of checksums, and the largest upload in bytes. Needs
/// nothing.
#[utoipa::path(
    tag = "files",
    operation_id = "describe_uploads",
    responses((
        status = 204,
        description = "What is spoken",
        headers(
            ("Tus-Version" = String, description = "`1.0.0`"),
            ("Tus-Extension" = String, description = "The extensions"),
            ("Tus-Max-Size" = u64, description = "Bytes of the largest upload"),
            ("Tus-Checksum-Algorithm" = String, description = "The algorithms of checksums")
        )
    )),
    security(())
)]
#[options("/v1/uploads")]
pub async fn describe_uploads(state: web::Data<State>) -> HttpResponse {
    HttpResponse::NoContent()
        .insert_header(("tus-resumable", VERSION))
        .insert_header(("tus-version", VERSION))
        .insert_header(("tus-extension", "creation,creation-with-upload,termination,checksum,expiration"))
        .insert_header(("tus-checksum-algorithm", "sha256,sha1"))
        .insert_header(("tus-max-size", state.max_upload.0.to_string()))
        .finish()
}
