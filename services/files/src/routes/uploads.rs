//! tus 1.0.0 with creation, creation-with-upload, termination, checksum and expiration: <https://tus.io>.

pub mod append;
pub mod create;
pub mod delete;
pub mod head;
pub mod options;

use std::time::SystemTime;

use actix_web::{
    FromRequest as _, HttpRequest, HttpResponse, HttpResponseBuilder,
    http::header::{self, HeaderValue, HttpDate},
    web,
};
use dallosh_primitives::Uid;
use dallosh_service_kit::{Caller, ErrorCode, Problem};
use dallosh_store::Versioned;

use crate::{
    error::Error,
    upload::{Outcome, Upload},
    uploads::expiry,
};

/// The version of the protocol.
const VERSION: &str = "1.0.0";
/// The media type of parts.
const PART: &str = "application/offset+octet-stream";

/// Answers in the protocol: refuses other versions, and says which this is, also when something is wrong.
async fn answer(
    request: &HttpRequest,
    work: impl AsyncFnOnce(Caller) -> Result<HttpResponse, Refusal>,
) -> HttpResponse {
    let answered = async {
        if text(request, "tus-resumable") != Some(VERSION) {
            let detail = "send `Tus-Resumable: 1.0.0`, the version of the protocol that is spoken here";
            return Err(Problem::new(ErrorCode::TusVersion, detail).into());
        }
        work(Caller::extract(request).await?).await
    };
    let mut response = answered.await.unwrap_or_else(Refusal::respond);
    for name in ["tus-resumable", "tus-version"] {
        response.headers_mut().insert(header::HeaderName::from_static(name), HeaderValue::from_static(VERSION));
    }
    response
}

/// A problem, and where the upload goes on when that is what is wrong.
struct Refusal {
    problem: Problem,
    offset: Option<u64>,
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self { problem, offset: None }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let offset = if let Error::WrongOffset(offset) = error { Some(offset) } else { None };
        Self { problem: error.into(), offset }
    }
}

impl Refusal {
    fn respond(self) -> HttpResponse {
        let mut response = self.problem.respond();
        if let Some(offset) = self.offset {
            response.headers_mut().insert(header::HeaderName::from_static("upload-offset"), offset.into());
        }
        response
    }
}

/// The upload that the path names.
async fn id(request: &HttpRequest) -> Result<Uid, Error> {
    let id = web::Path::<Uid>::extract(request).await;
    Ok(id.map_err(|_| Error::NotFound)?.into_inner())
}

fn text<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    request.headers().get(name).and_then(|value| value.to_str().ok())
}

/// A header that holds a whole number; nothing when it is absent.
fn number(request: &HttpRequest, name: &str) -> Result<Option<u64>, Problem> {
    let Some(value) = request.headers().get(name) else { return Ok(None) };
    let number = value.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let number = number.and_then(|text| text.parse().ok());
    number.map(Some).ok_or_else(|| Problem::new(ErrorCode::BadRequest, format!("{name} is no whole number")))
}

fn is_part(request: &HttpRequest) -> bool {
    text(request, "content-type").is_some_and(|kind| kind.eq_ignore_ascii_case(PART))
}

/// Adds how far an upload is, until when it is kept, and what it became.
fn describe(upload: &Versioned<Upload>, response: &mut HttpResponseBuilder) {
    response
        .insert_header(("upload-offset", upload.data.offset().to_string()))
        .insert_header(("upload-expires", HttpDate::from(SystemTime::from(expiry(upload))).to_string()))
        .insert_header((header::CACHE_CONTROL, "no-store"));
    if let Some(Outcome { task }) = upload.data.outcome {
        response.insert_header(("upload-file", upload.uid.to_string()));
        if let Some(task) = task {
            response.insert_header(("upload-task", task.to_string()));
        }
    }
}
