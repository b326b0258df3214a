use chrono::{DateTime, Utc};
use dallosh_primitives::Uid;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Something that happened to a task: a new status, or `progress`. The same JSON in the history, in the stream and on
/// the broker, there under `<file_id>.<event>`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, ToSchema)]
pub struct TaskEvent {
    /// Grows by one with each event of the task, from 1.
    pub seq: i64,
    /// A status, or `progress`.
    #[schema(example = "sending_to_llm")]
    pub event: String,
    /// When.
    pub at: DateTime<Utc>,
    /// The task.
    pub task_id: Uid,
    /// Its dataset.
    pub file_id: Uid,
    /// `progress`, `counts`, `error`, … as in the task, as far as they belong to the event.
    pub data: serde_json::Value,
}
