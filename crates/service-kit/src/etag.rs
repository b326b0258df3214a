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
        if has_tag(request, &tag) {
            return HttpResponse::NotModified().insert_header((header::ETAG, tag)).finish();
        }
        HttpResponse::Ok().insert_header((header::ETAG, tag)).json(body)
    }

    /// Refuses when the client's `If-Match` names another revision.
    ///
    /// # Errors
    /// [`ErrorCode::PreconditionFailed`].
    pub fn check(self, request: &HttpRequest) -> Result<(), Problem> {
        let tag = self.etag();
        // A weak tag never allows a change.
        if named(request, header::IF_MATCH, |one| one == tag) == Some(false) {
            return Err(Problem::new(ErrorCode::PreconditionFailed, "it was changed since it was read; read it again"));
        }
        Ok(())
    }

    /// Refuses when the client's `If-Match` is absent or names another revision.
    ///
    /// # Errors
    /// [`ErrorCode::PreconditionRequired`], [`ErrorCode::PreconditionFailed`].
    pub fn require(self, request: &HttpRequest) -> Result<(), Problem> {
        if !request.headers().contains_key(header::IF_MATCH) {
            let detail = "read it first, and send its ETag in the If-Match header";
            return Err(Problem::new(ErrorCode::PreconditionRequired, detail));
        }
        self.check(request)
    }
}

/// Whether the client's `If-None-Match` says that it has what this tag names.
pub fn has_tag(request: &HttpRequest, tag: &str) -> bool {
    named(request, header::IF_NONE_MATCH, |one| one.strip_prefix("W/").unwrap_or(one) == tag) == Some(true)
}

/// Whether the header holds `*` or a tag that `fits`; `None` when it is absent. What can't be read fits nothing.
fn named(request: &HttpRequest, name: header::HeaderName, fits: impl Fn(&str) -> bool) -> Option<bool> {
    let mut values = request.headers().get_all(name).peekable();
    values.peek()?;
    Some(
        values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .any(|one| one == "*" || fits(one)),
    )
}
