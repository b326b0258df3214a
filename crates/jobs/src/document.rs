use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, Utc};
use dallosh_contracts::{Budget, Progress, Spend, TaskError, TaskEvent, Waiting};
use dallosh_primitives::Uid;
use dallosh_store::{Document, Index, Versioned};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{Control, State, ledger::StoredHold};

/// How many messages a job remembers.
const ORDERS: usize = 32;

/// A job with its envelope.
pub type Job = Versioned<JobDocument>;

/// What makes a job.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// The user who pays and may see it.
    pub owner: Uid,
    /// What it is about (a dataset); events are published under it.
    pub subject: Uid,
    /// Larger goes first.
    pub priority: i64,
    /// What the pipeline needs to know; never changed by the engine.
    pub input: Value,
    /// What everybody may see from the start.
    pub details: Map<String, Value>,
    /// The hard limit.
    pub budget: Option<Budget>,
}

/// A stored job: collection `tasks`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobDocument {
    /// The shape of this document.
    pub schema_version: u32,
    /// The kind's name.
    pub kind: String,
    /// The user who pays and may see it.
    pub owner: Uid,
    /// What it is about.
    pub subject: Uid,
    /// The subject while the job waits or is at work, which no other one is then: the index sees to that.
    #[serde(default)]
    pub(crate) occupied: Option<Uid>,
    /// Larger goes first.
    pub priority: i64,
    /// State, lease, steps.
    #[serde(flatten)]
    pub control: Control,
    /// It is to be removed as soon as nothing runs.
    pub deleted: bool,
    /// `user` or `budget_exhausted`, when it is paused.
    pub pause_reason: Option<String>,
    /// The same in words, when there is more to say.
    #[serde(default)]
    pub pause_detail: Option<String>,
    /// Since when it waits in the queue.
    pub queued_at: Option<DateTime<Utc>>,
    /// When a worker took this run first.
    pub started_at: Option<DateTime<Utc>>,
    /// When it came to its end.
    pub finished_at: Option<DateTime<Utc>>,
    /// What the pipeline needs to know.
    pub input: Value,
    /// What each complete step left for the following ones, by step.
    pub checkpoints: BTreeMap<String, Value>,
    /// How far it came; rows are the kind's units of work.
    pub progress: Progress,
    /// What the kind shows besides.
    pub details: Map<String, Value>,
    /// What was used up.
    pub usage: Spend,
    /// What is set aside for calls that are on their way, or were when their worker died.
    #[serde(default)]
    pub(crate) holds: BTreeMap<String, StoredHold>,
    /// The limit for it.
    pub budget: Option<Budget>,
    /// Why it ended `on_error`.
    pub error: Option<TaskError>,
    /// What it waits for.
    pub waiting: Option<Waiting>,
    /// The number of the last event.
    pub seq: i64,
    /// Events that are not in the log yet.
    pub outbox: Vec<TaskEvent>,
    /// Whether there are some; what a dead process left is found by it.
    pub unsent: bool,
    /// The ids of the messages that were carried out last, so that none is carried out twice.
    #[serde(default)]
    pub orders: VecDeque<String>,
}

impl Document for JobDocument {
    const COLLECTION: &'static str = "tasks";
    const INDEXES: &'static [Index] = &[
        Index { fields: &["state"], unique: false },
        Index { fields: &["owner", "createdAt"], unique: false },
        Index { fields: &["subject"], unique: false },
        Index { fields: &["occupied"], unique: true },
        Index { fields: &["unsent"], unique: false },
    ];
}

impl JobDocument {
    pub(crate) fn new(kind: &str, new: NewJob) -> Self {
        let NewJob { owner, subject, priority, input, details, budget } = new;
        Self {
            schema_version: 1,
            kind: kind.to_owned(),
            owner,
            subject,
            occupied: None,
            priority,
            control: Control::new(),
            deleted: false,
            pause_reason: None,
            pause_detail: None,
            queued_at: None,
            started_at: None,
            finished_at: None,
            input,
            checkpoints: BTreeMap::new(),
            progress: Progress::default(),
            details,
            usage: Spend::default(),
            holds: BTreeMap::new(),
            budget,
            error: None,
            waiting: None,
            seq: 0,
            outbox: Vec::new(),
            unsent: false,
            orders: VecDeque::new(),
        }
    }

    /// The word that clients see: the state, or the step when it runs.
    pub fn status(&self) -> &str {
        match (&self.control.state, &self.control.step) {
            (State::Running, Some(step)) => step,
            (state, _) => state.as_str(),
        }
    }

    /// Writes down that a message was judged; `false` when it was before.
    pub(crate) fn takes_order(&mut self, id: &str) -> bool {
        if self.orders.iter().any(|known| known == id) {
            return false;
        }
        self.orders.truncate(ORDERS.saturating_sub(1));
        self.orders.push_front(id.to_owned());
        true
    }

    /// Adds an event to the outbox; the write that follows makes both true at once.
    pub(crate) fn emit(&mut self, task: Uid, event: &str, now: DateTime<Utc>) {
        self.seq = self.seq.saturating_add(1);
        let mut data = json!({ "status": self.status(), "progress": self.progress, "usage": self.spend() });
        if let Value::Object(data) = &mut data {
            data.extend(self.details.clone());
            for (name, value) in [
                ("error", json!(self.error)),
                ("waiting", json!(self.waiting)),
                ("pause_reason", json!(self.pause_reason)),
                ("pause_detail", json!(self.pause_detail)),
            ] {
                if !value.is_null() {
                    data.insert(name.to_owned(), value);
                }
            }
        }
        self.unsent = true;
        self.outbox.push(TaskEvent {
            seq: self.seq,
            event: event.to_owned(),
            at: now,
            task_id: task,
            file_id: self.subject,
            data,
        });
    }
}

/// An event in the log: collection `task_events`, its id derived from the job's and the number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct EventDocument {
    /// The event.
    #[serde(flatten)]
    pub event: TaskEvent,
    /// Who may see it.
    pub owner: Uid,
    /// The broker confirmed it.
    pub published: bool,
}

impl Document for EventDocument {
    const COLLECTION: &'static str = "task_events";
    const INDEXES: &'static [Index] = &[
        Index { fields: &["task_id", "seq"], unique: false },
        Index { fields: &["published"], unique: false },
        Index { fields: &["createdAt"], unique: false },
        Index { fields: &["owner", "createdAt"], unique: false },
    ];
}

/// The results of a page: collection `task_pages`, its id derived from the job's, the run and the page, so that the
/// first writer wins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PageDocument {
    pub job: Uid,
    pub run: i64,
    pub page: i64,
    pub content: Value,
}

impl Document for PageDocument {
    const COLLECTION: &'static str = "task_pages";
    const INDEXES: &'static [Index] = &[Index { fields: &["job", "run", "page"], unique: false }];
}
