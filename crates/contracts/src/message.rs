use dallosh_primitives::Uid;
use schemars::{JsonSchema, Schema, schema_for};
use serde::{Deserialize, Serialize};

use crate::{RecordActivity, TaskEvent, TaskStatus};

/// A task waits in the queue: `proceed_task`, tasks → enrichment. Only a hint: a task is started over REST, where its file
/// and its models are looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProceedTask {
    /// The task.
    pub task_id: Uid,
    /// Its dataset.
    pub file_id: Uid,
    /// For readers of the message; the worker goes by its own record.
    pub file_path: String,
    /// The document's revision when this was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<i64>,
}

/// A task goes on from a step: `retry_step`, tasks → enrichment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RetryStep {
    /// The task.
    pub task_id: Uid,
    /// Its dataset.
    pub file_id: Uid,
    /// For readers of the message; the worker goes by its own record.
    pub file_path: String,
    /// The last step that the sender knows to be complete; the one behind it is the first that is done again. What is
    /// later than the record says, or no step, is ignored, and the record decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_event_step: Option<TaskStatus>,
    /// The document's revision when this was written. With it this is carried out only when nothing was changed since;
    /// without it, as the task is when it arrives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<i64>,
}

/// What a running task is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProcessEvent {
    /// Hold.
    Pause,
    /// Go on.
    Resume,
    /// End.
    Stop,
}

/// A task is to be held, let go on or ended: `handle_process`, tasks → enrichment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HandleProcess {
    /// The task.
    pub task_id: Uid,
    /// Its dataset.
    pub file_id: Uid,
    /// What it is told.
    pub event: ProcessEvent,
    /// The document's revision when this was written. With it this is carried out only when nothing was changed since;
    /// without it, as the task is when it arrives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<i64>,
}

/// One published schema: its routing key, the name of its file, and how it is made.
pub type PublishedSchema = (&'static str, &'static str, fn() -> Schema);

/// Every message, for `proto/`.
pub const SCHEMAS: [PublishedSchema; 5] = [
    ("proceed_task", "proceed_task", || schema_for!(ProceedTask)),
    ("retry_step", "retry_step", || schema_for!(RetryStep)),
    ("handle_process", "handle_process", || schema_for!(HandleProcess)),
    ("record_activity", "record_activity", || schema_for!(RecordActivity)),
    ("{file_id}.{event}", "task_event", || schema_for!(TaskEvent)),
];
