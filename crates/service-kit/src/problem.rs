use std::{borrow::Cow, fmt::Write as _, time::Duration};

use actix_web::{HttpResponse, ResponseError, http::StatusCode, http::header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::manners::current_request;

/// The closed table of error codes: word, status, whether the same request may succeed later, and the meaning that
/// `docs/errors.md` prints.
macro_rules! error_codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $word:literal, $status:literal, $title:literal, $retry:ident;)+) => {
        /// A stable code of a refusal or a failure.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode { $($(#[doc = $doc])+ $name,)+ }

        impl ErrorCode {
            /// All of them, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The word of the contract.
            pub const fn as_str(self) -> &'static str { match self { $(Self::$name => $word,)+ } }
            /// The HTTP status as a number.
            pub const fn status_number(self) -> u16 { match self { $(Self::$name => $status,)+ } }
            /// The short text that is the same for every such problem.
            pub const fn title(self) -> &'static str { match self { $(Self::$name => $title,)+ } }
            /// When it happens, for people.
            pub const fn meaning(self) -> &'static str { match self { $(Self::$name => concat!($($doc,)+),)+ } }
            /// Whether the same request may succeed later.
            pub const fn is_retryable(self) -> bool { match self { $(Self::$name => error_codes!(@$retry),)+ } }
        }
    };
    (@retry) => { true };
    (@final) => { false };
}

error_codes! {
    /// The request is not readable: broken JSON, a broken form, a header that makes no sense.
    BadRequest = "bad_request", 400, "The request can't be read", final;
    /// The answer to a form was not the form that is asked for: no file part, two of them, no boundary.
    BadUpload = "bad_upload", 400, "The upload can't be read", final;
    /// There is no token, or it is not valid (any more). Sign in again.
    Unauthorized = "unauthorized", 401, "Sign in first", final;
    /// The e-mail or the password is wrong. Which of them is not told.
    InvalidCredentials = "invalid_credentials", 401, "E-mail or password is wrong", final;
    /// A permission is missing; the detail names it.
    Forbidden = "forbidden", 403, "A permission is missing", final;
    /// A change asked for with a browser's cookies has to come from a page of this place: its `Origin` is another one, or missing.
    OriginMismatch = "origin_mismatch", 403, "The request comes from another site", final;
    /// Registration is switched off.
    RegistrationClosed = "registration_closed", 403, "Registration is switched off", final;
    /// The caller has as many datasets, or as many bytes of them, as one may have: delete some, or ask the operator for more.
    QuotaExceeded = "quota_exceeded", 403, "The quota is used up", final;
    /// There is no such thing, or the caller may not see it.
    NotFound = "not_found", 404, "Not found", final;
    /// The path exists, but not with this method.
    MethodNotAllowed = "method_not_allowed", 405, "This method is not allowed here", final;
    /// The action makes no sense in the task's present state, which the detail names.
    IllegalTransition = "illegal_transition", 409, "The task's state does not allow this", final;
    /// The request came so slowly that it was given up.
    RequestTimeout = "request_timeout", 408, "The request came too slowly", retry;
    /// Something with this name exists already.
    Conflict = "conflict", 409, "It exists already", final;
    /// A request with this `Idempotency-Key` is being done; the same request later gets its answer.
    RequestInProgress = "request_in_progress", 409, "It is being done", retry;
    /// It is in use and can't be changed or deleted now.
    InUse = "in_use", 409, "It is in use", retry;
    /// The change would leave nobody who may do everything: make somebody else an administrator first.
    LastAdmin = "last_admin", 409, "The last administrator stays", final;
    /// This is the caller's own account: nobody gives themselves a role, or disables or deletes themselves, as an administrator does it to others. `/v1/auth/me` is for one's own.
    OwnAccount = "own_account", 409, "It is your own account", final;
    /// The role comes with the product and stays as it is.
    FixedRole = "fixed_role", 409, "This role stays as it is", final;
    /// The settings name no model that the task's mode allows; add one, or choose another mode.
    NoModel = "no_model", 409, "There is no model to ask", final;
    /// The dataset has no analysed result to look at: make a task for it, start it, and wait until it is done.
    NotAnalysed = "not_analysed", 409, "Not analysed yet", retry;
    /// The thing was changed by somebody else since it was read; read it again.
    PreconditionFailed = "precondition_failed", 412, "It was changed meanwhile", final;
    /// The change has to name the revision that it is made to: read it, and send its `ETag` as `If-Match`.
    PreconditionRequired = "precondition_required", 428, "Say which revision is changed", final;
    /// The bytes do not begin where the upload goes on; `Upload-Offset` of the answer says where that is.
    UploadOffset = "upload_offset", 409, "The upload goes on elsewhere", retry;
    /// The upload waited too long for its next bytes; begin a new one.
    UploadExpired = "upload_expired", 410, "The upload was given up", final;
    /// The request names another version of the protocol for resumable uploads, or none.
    TusVersion = "tus_version", 412, "This version of tus is not spoken", final;
    /// Another request writes to the same upload.
    UploadLocked = "upload_locked", 423, "Somebody writes to the upload", retry;
    /// The bytes do not have the checksum that was sent along; nothing of them was kept.
    ChecksumMismatch = "checksum_mismatch", 460, "The checksum does not fit", retry;
    /// The body is larger than this route takes.
    TooLarge = "too_large", 413, "The body is too large", final;
    /// The content is not of a kind that this route takes: an archive, a picture or a document instead of a CSV, or a body that is not JSON.
    UnsupportedMedia = "unsupported_media_type", 415, "This kind of content is not taken", final;
    /// The asked bytes are not in the file.
    RangeNotSatisfiable = "range_not_satisfiable", 416, "The range is not in the file", final;
    /// A field has a value that it can't have; `errors` names it.
    Validation = "validation", 422, "A value is not allowed", final;
    /// The `Idempotency-Key` was used for a request with another body.
    KeyReused = "idempotency_key_reused", 422, "The key was used for another request", final;
    /// The file holds no data: nothing, or only white space.
    CsvEmpty = "csv_empty", 422, "The file is empty", final;
    /// The file has a header and no rows.
    NoRows = "no_rows", 422, "The file has no rows", final;
    /// The characters can't be decoded in any encoding that is taken.
    CsvEncoding = "csv_encoding", 422, "The encoding is not known", final;
    /// The file holds NUL bytes: it is no text.
    CsvBinary = "csv_binary", 422, "The file is binary", final;
    /// A quote opens and never closes; the detail says in which line.
    CsvUnclosedQuote = "csv_unclosed_quote", 422, "A quote is never closed", final;
    /// A cell or a row is larger than the limit.
    CsvFieldTooLarge = "csv_field_too_large", 422, "A cell or a row is too large", final;
    /// The file has more columns than the limit.
    CsvTooManyColumns = "csv_too_many_columns", 422, "Too many columns", final;
    /// The file has more rows than the limit.
    CsvTooManyRows = "csv_too_many_rows", 422, "Too many rows", final;
    /// More rows can't be read than a good file has; `errors` shows the first ones.
    CsvTooManyRejects = "csv_too_many_rejects", 422, "Too many rows can't be read", final;
    /// The named column is not in the file; the detail has the nearest names.
    MissingColumn = "missing_column", 422, "The column is not in the file", final;
    /// It is not clear which column holds the posts; choose one.
    TextColumnRequired = "text_column_required", 422, "Choose the text column", final;
    /// No model may be asked at this address: it is none, or the operator does not allow its origin.
    UrlNotAllowed = "url_not_allowed", 422, "The address is not allowed", final;
    /// The password is too short, too long or too common.
    WeakPassword = "weak_password", 422, "The password is too weak", final;
    /// Too many requests; `Retry-After` says when to come back.
    RateLimited = "rate_limited", 429, "Too many requests", retry;
    /// Something went wrong here. The request id finds it in the log.
    Internal = "internal", 500, "Something went wrong", final;
    /// The service behind the door gave no sensible answer.
    BadGateway = "bad_gateway", 502, "A service gave no answer", retry;
    /// A part that is needed (database, object store, a service) does not answer, or there is too much to do at once.
    Unavailable = "unavailable", 503, "Not available at the moment", retry;
    /// The platform is being worked on: only admins are served. `Retry-After` says when to look again.
    Maintenance = "maintenance", 503, "Maintenance", retry;
    /// The service behind the door did not answer in time.
    GatewayTimeout = "gateway_timeout", 504, "A service did not answer in time", retry;
    /// There is no room left for data.
    StorageFull = "storage_full", 507, "No room left", retry;
    /// Of a task: the stored file is not the one that was uploaded.
    InputChanged = "input_changed", 409, "The stored file was changed", final;
    /// Of a task: the run brought its worker down several times and is not tried again by itself.
    CrashLoop = "crash_loop", 409, "The task brought its worker down", final;
}

impl ErrorCode {
    /// The HTTP status.
    pub fn status(self) -> StatusCode {
        StatusCode::from_u16(self.status_number()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The code that fits a status that something else chose.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        match status.as_u16() {
            401 => Self::Unauthorized,
            403 => Self::Forbidden,
            404 => Self::NotFound,
            405 => Self::MethodNotAllowed,
            408 => Self::RequestTimeout,
            409 => Self::Conflict,
            412 => Self::PreconditionFailed,
            413 => Self::TooLarge,
            415 => Self::UnsupportedMedia,
            416 => Self::RangeNotSatisfiable,
            422 => Self::Validation,
            428 => Self::PreconditionRequired,
            429 => Self::RateLimited,
            502 => Self::BadGateway,
            503 => Self::Unavailable,
            504 => Self::GatewayTimeout,
            507 => Self::StorageFull,
            code if code < 500 => Self::BadRequest,
            _ => Self::Internal,
        }
    }
}

/// One wrong field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldProblem {
    /// JSON pointer of the field (`/email`), or a place in a file (`row 17`).
    #[schema(example = "/email")]
    pub pointer: String,
    /// What is wrong with it.
    pub detail: String,
}

/// The body of a problem (RFC 9457).
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody {
    /// A URI reference that names the kind; leads to the documentation.
    #[serde(rename = "type")]
    #[schema(example = "/docs/errors#not_found")]
    pub kind: String,
    /// The same for every problem of the kind.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// Stable; listed in docs/errors.md.
    #[schema(example = "not_found")]
    pub code: String,
    /// What happened this time.
    pub detail: String,
    /// The request's id, also in `X-Request-Id` and in the log.
    pub request_id: String,
    /// The wrong fields, when there are some.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldProblem>,
    /// For `illegal_transition`: what may be done instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_actions: Option<Vec<String>>,
}

/// A refusal or a failure as a client sees it. `detail` holds nothing internal.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}: {detail}", code.as_str())]
pub struct Problem {
    /// What kind.
    pub code: ErrorCode,
    /// What happened this time, for people.
    pub detail: Cow<'static, str>,
    /// The wrong fields.
    pub errors: Vec<FieldProblem>,
    /// Seconds until it makes sense to try again.
    pub retry_after: Option<u32>,
    /// For `illegal_transition`.
    pub allowed_actions: Option<Vec<String>>,
    /// For `rate_limited`: the limit that was reached.
    pub rate: Option<Box<RatePolicy>>,
}

/// A limit as the `RateLimit-Policy` header tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RatePolicy {
    /// What is counted.
    pub name: &'static str,
    /// How many there may be.
    pub quota: u32,
    /// Over which time.
    pub window: Duration,
}

impl Problem {
    /// A problem with its detail.
    pub fn new(code: ErrorCode, detail: impl Into<Cow<'static, str>>) -> Self {
        let retry_after =
            matches!(code, ErrorCode::RateLimited | ErrorCode::Unavailable | ErrorCode::UploadLocked).then_some(1);
        Self { code, detail: detail.into(), errors: Vec::new(), retry_after, allowed_actions: None, rate: None }
    }

    /// A token that is missing, not valid, or not any more. Which of them is not told.
    pub fn unauthorized() -> Self {
        Self::new(ErrorCode::Unauthorized, "sign in, and send the token as `Authorization: Bearer …` or as the cookie")
    }

    /// Only admins are served now.
    pub fn maintenance() -> Self {
        let detail = "the platform is being worked on and will be back; nothing is lost";
        Self { retry_after: Some(30), ..Self::new(ErrorCode::Maintenance, detail) }
    }

    /// Too much of something; the next is taken after `wait`.
    pub fn rate_limited(policy: RatePolicy, wait: Duration, detail: impl Into<Cow<'static, str>>) -> Self {
        let seconds = u32::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u32::MAX).max(1);
        Self { retry_after: Some(seconds), rate: Some(Box::new(policy)), ..Self::new(ErrorCode::RateLimited, detail) }
    }

    /// A wrong field.
    pub fn field(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(ErrorCode::Validation, "a value is not allowed").with_error(pointer, detail)
    }

    /// The same problem with one more wrong field.
    #[must_use]
    pub fn with_error(mut self, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        self.errors.push(FieldProblem { pointer: pointer.into(), detail: detail.into() });
        self
    }

    /// The same problem with the actions that are allowed instead.
    #[must_use]
    pub fn with_allowed_actions(mut self, actions: impl IntoIterator<Item = String>) -> Self {
        self.allowed_actions = Some(actions.into_iter().collect());
        self
    }

    /// Something that a client may not see the inside of: logged here with its causes, answered as `internal`.
    pub fn internal(error: impl std::error::Error) -> Self {
        tracing::error!(error = %causes(&error), "internal error");
        Self::new(ErrorCode::Internal, "something went wrong; the request id finds it in the log")
    }

    /// A part that did not answer: logged here with its causes, answered as `unavailable`.
    pub fn unavailable(what: &'static str, error: impl std::error::Error) -> Self {
        tracing::warn!(error = %causes(&error), "{what} is not available");
        Self::new(ErrorCode::Unavailable, format!("{what} is not available at the moment"))
    }

    /// The problem as an answer.
    pub fn respond(&self) -> HttpResponse {
        self.error_response()
    }

    /// The problem as an answer with another body, which has the problem's members too.
    pub(crate) fn respond_with(&self, body: &impl Serialize) -> HttpResponse {
        let mut response = HttpResponse::build(self.code.status());
        if let Some(seconds) = self.retry_after {
            response.insert_header((header::RETRY_AFTER, seconds.to_string()));
        }
        if let Some(RatePolicy { name, quota, window }) = self.rate.as_deref() {
            let (window, reset) = (window.as_secs(), self.retry_after.unwrap_or_default());
            response.insert_header(("ratelimit-policy", format!("\"{name}\";q={quota};w={window}")));
            response.insert_header(("ratelimit", format!("\"{name}\";r=0;t={reset}")));
        }
        if self.code.status() == StatusCode::UNAUTHORIZED {
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
        }
        response.content_type("application/problem+json").json(body)
    }

    pub(crate) fn body(&self) -> ProblemBody {
        let code = self.code.as_str();
        ProblemBody {
            kind: format!("/docs/errors#{code}"),
            title: self.code.title().to_owned(),
            status: self.code.status_number(),
            code: code.to_owned(),
            detail: self.detail.clone().into_owned(),
            request_id: current_request().id,
            errors: self.errors.clone(),
            allowed_actions: self.allowed_actions.clone(),
        }
    }
}

/// An error and its causes in one line.
fn causes(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let _ = write!(line, ": {next}");
        cause = next.source();
    }
    line
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.code.status()
    }

    fn error_response(&self) -> HttpResponse {
        self.respond_with(&self.body())
    }
}

/// The text of `docs/errors.md`.
pub fn describe_errors() -> String {
    let mut text = String::from(
        "# Error codes\n\nGenerated from the table in `crates/service-kit/src/problem.rs` by `dallosh errors`; a test keeps it true.\n\
         Every 4xx and 5xx answer is an RFC 9457 problem (`application/problem+json`) with one of these codes.\n\
         *Again* says whether the same request may succeed later.\n\n| code | status | again | meaning |\n| --- | --- | --- | --- |\n",
    );
    for code in ErrorCode::ALL {
        let again = if code.is_retryable() { "yes" } else { "no" };
        let _ = writeln!(
            text,
            "| <a id=\"{0}\"></a>`{0}` | {1} | {again} | {2} |",
            code.as_str(),
            code.status_number(),
            code.meaning().trim()
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_listed_once_and_has_a_real_error_status() {
        let mut words: Vec<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        assert!(ErrorCode::ALL.iter().all(|code| code.status().is_client_error() || code.status().is_server_error()));
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), ErrorCode::ALL.len());
    }
}
