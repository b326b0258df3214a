use actix_web::{HttpRequest, HttpResponse, http::header};
use serde::Serialize;

use crate::{ErrorCode, Problem};

/// The revision of a document as an entity tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revision(pub i64);

impl Revision {
    /// The value of the `ETag` header.
    pub fn etag(self) -> String {
        format!("\"{}\"", self.0)
    }

    /// Answers with the document, or with 304 when the client has this revision already.
    pub fn respond(self, request: &HttpRequest, body: &impl Serialize) -> HttpResponse {
        let tag = self.etag();
        if matches_header(request, header::IF_NONE_MATCH, &tag) == Some(true) {
            return HttpResponse::NotModified().insert_header((header::ETAG, tag)).finish();
        }
        HttpResponse::Ok().insert_header((header::ETAG, tag)).json(body)
    }

    /// Refuses when the client's `If-Match` names another revision.
    ///
    /// # Errors
    /// [`ErrorCode::PreconditionFailed`].
    pub fn check(self, request: &HttpRequest) -> Result<(), Problem> {
        if matches_header(request, header::IF_MATCH, &self.etag()) == Some(false) {
            return Err(Problem::new(ErrorCode::PreconditionFailed, "it was changed since it was read; read it again"));
        }
        Ok(())
    }
}

/// Whether the header names the tag or `*`; `None` when it is absent.
fn matches_header(request: &HttpRequest, name: header::HeaderName, tag: &str) -> Option<bool> {
    let mut values = request.headers().get_all(name).filter_map(|value| value.to_str().ok()).peekable();
    values.peek()?;
    Some(
        values
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .any(|one| one == "*" || one.trim_start_matches("W/") == tag),
    )
}
