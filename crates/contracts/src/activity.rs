use chrono::{DateTime, Utc};
use dallosh_primitives::Uid;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A request at the door that changed something or was refused. Nothing of its query, headers and bodies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Activity {
    /// Its id; a repeated sending has the same.
    pub id: Uid,
    /// When it was answered.
    pub at: DateTime<Utc>,
    /// The method.
    pub method: String,
    /// The path as it was written, without the query.
    pub path: String,
    /// The HTTP status of the answer.
    pub status: u16,
    /// The user, when the request had a valid token.
    pub requested_by: Option<Uid>,
    /// The id under which services and their logs know the request.
    pub request_id: String,
    /// The client's address, as the last trusted proxy saw it.
    pub ip: Option<String>,
    /// Milliseconds until the answer began; of several requests, of the slowest.
    pub duration_ms: u64,
    /// For how many requests this stands: a flood of refusals that are alike is told by the first ones and by one that
    /// stands for the rest. Where their paths differ, it has what they share, and `…`.
    #[serde(default = "one")]
    pub times: u64,
}

const fn one() -> u64 {
    1
}

/// Requests for the activity log: `record_activity`, gateway → admin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RecordActivity {
    /// The requests, in the order of their answers.
    pub entries: Vec<Activity>,
    /// How many more there were before them that could not be kept.
    #[serde(default)]
    pub lost: u64,
}
