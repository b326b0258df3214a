//! What the operations on the activity log share: filters and the shape of an entry.

use chrono::{DateTime, Utc};
use dallosh_contracts::{Links, Resource};
use dallosh_service_kit::{ErrorCode, Problem};
use dallosh_store::{Filter, Value, Versioned};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::activity::Entry;

/// Which entries. An empty value is as good as none.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LogParams {
    /// Exactly this method.
    #[param(example = "PATCH")]
    pub method: Option<String>,
    /// The path begins with this.
    #[param(example = "/v1/settings")]
    pub path: Option<String>,
    /// The id of the user who asked.
    pub user: Option<String>,
    /// The status of the answer, or a class of them.
    #[param(example = "4xx")]
    pub status: Option<String>,
    /// From then on.
    #[param(example = "2026-01-01T00:00:00Z")]
    pub from: Option<String>,
    /// Before then.
    #[param(example = "2026-02-01T00:00:00Z")]
    pub to: Option<String>,
    /// Path, address or request id contain this.
    pub q: Option<String>,
}

impl LogParams {
    /// What to look for.
    ///
    /// # Errors
    /// `validation`, naming every wrong filter.
    pub fn filter(self) -> Result<Filter, Problem> {
        let Self { method, path, user, status, from, to, q } = self;
        let filled = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        let mut problem = Problem::new(ErrorCode::Validation, "a filter is not allowed");
        let mut filter = Filter::All;
        if let Some(method) = filled(method) {
            filter = filter.and(Filter::eq("method", method.to_ascii_uppercase()));
        }
        if let Some(path) = filled(path) {
            filter = filter.and(Filter::Prefix("path", path));
        }
        if let Some(user) = filled(user) {
            filter = filter.and(Filter::eq("requested_by", user));
        }
        if let Some(status) = filled(status) {
            match statuses(&status) {
                Some((from, to)) => filter = filter.and(Filter::Range("status", Some(from.into()), Some(to.into()))),
                None => problem = problem.with_error("/status", "a status such as 403, or a class such as 4xx"),
            }
        }
        let mut time = |pointer: &str, text: Option<String>| {
            let text = filled(text)?;
            let time = DateTime::parse_from_rfc3339(&text).map(|at| at.with_timezone(&Utc)).ok();
            if time.is_none() {
                problem.errors.extend(Problem::field(pointer, "a time such as 2026-01-01T00:00:00Z").errors);
            }
            time.map(Value::from)
        };
        let (from, to) = (time("/from", from), time("/to", to));
        if from.is_some() || to.is_some() {
            filter = filter.and(Filter::Range("at", from, to));
        }
        if let Some(q) = filled(q) {
            filter = filter.and(Filter::Text(&["path", "ip", "request_id"], q));
        }
        if problem.errors.is_empty() { Ok(filter) } else { Err(problem) }
    }
}

/// From the first to before the second.
fn statuses(text: &str) -> Option<(i64, i64)> {
    if let Some(class) = text.strip_suffix("xx") {
        let class = class.parse::<i64>().ok().filter(|class| (1..=5).contains(class))?;
        return Some((class * 100, class * 100 + 100));
    }
    let status = text.parse::<i64>().ok().filter(|status| (100..=599).contains(status))?;
    Some((status, status + 1))
}

/// What came of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was refused: 4xx.
    Refused,
    /// It failed: 5xx.
    Failed,
    /// No request: so many could not be kept as `lost` says.
    Lost,
}

impl Outcome {
    /// The word of the contract.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Lost => "lost",
        }
    }
}

/// The answer to a request.
#[derive(Debug, Serialize, ToSchema)]
pub struct LoggedResponse {
    /// The HTTP status.
    #[schema(example = 403)]
    status: u16,
}

/// A request that changed something or was refused. Nothing of its query, headers and bodies is kept.
#[derive(Debug, Serialize, ToSchema)]
pub struct LogEntry {
    /// Its number in the log.
    #[schema(example = 17)]
    pub seq: i64,
    /// When it was answered.
    #[schema(value_type = String, format = DateTime, example = "2026-01-01T08:00:00.000000Z")]
    pub at: String,
    /// The method.
    #[schema(example = "PATCH")]
    pub method: String,
    /// The path as it was written, without the query.
    #[schema(example = "/v1/settings/general")]
    pub path: String,
    /// The answer; `null` for `lost`.
    pub response: Option<LoggedResponse>,
    /// What came of it.
    pub outcome: Outcome,
    /// The user's id, when the request had a valid token.
    pub requested_by: Option<String>,
    /// The id under which services and their logs know the request.
    pub request_id: String,
    /// The client's address, as the last trusted proxy saw it.
    #[schema(example = "203.0.113.9")]
    pub ip: Option<String>,
    /// Milliseconds until the answer began.
    #[schema(example = 12)]
    pub duration_ms: u64,
    /// How many requests could not be kept; 0 but for `lost`.
    #[schema(example = 0)]
    pub lost: u64,
    /// For how many requests the entry stands. Of a flood of refusals that are alike (one caller, method, kind of path and
    /// status), the first ones have entries of their own and one stands for the rest of some seconds; where their paths
    /// differ, it has what they share, and `…`.
    #[schema(example = 1)]
    pub times: u64,
    /// The hash of the entry before.
    pub prev_hash: String,
    /// HMAC-SHA-256 of this one, with a key that the platform keeps.
    pub hash: String,
}

impl LogEntry {
    /// The status of the answer, when there was one.
    pub fn status(&self) -> Option<u16> {
        self.response.as_ref().map(|response| response.status)
    }
}

impl From<Entry> for LogEntry {
    fn from(entry: Entry) -> Self {
        let Entry {
            seq,
            at,
            method,
            path,
            status,
            requested_by,
            request_id,
            ip,
            duration_ms,
            lost,
            times,
            prev_hash,
            key_id: _,
            hash,
        } = entry;
        let outcome = match status {
            None => Outcome::Lost,
            Some(500..) => Outcome::Failed,
            Some(400..) => Outcome::Refused,
            Some(_) => Outcome::Done,
        };
        let requested_by = requested_by.map(|user| user.to_string());
        let response = status.map(|status| LoggedResponse { status });
        Self {
            seq,
            at,
            method,
            path,
            response,
            outcome,
            requested_by,
            request_id,
            ip,
            duration_ms,
            lost,
            times,
            prev_hash,
            hash,
        }
    }
}

/// An entry as the API shows it.
pub fn view_entry(entry: Versioned<Entry>) -> Resource<LogEntry> {
    let Versioned { uid, data, created_at, created_by, updated_at, updated_by, revision: _ } = entry;
    let links = Links::from([("self".to_owned(), format!("/v1/logs/{uid}"))]);
    Resource { uid, data: data.into(), created_at, created_by, updated_at, updated_by, links }
}
