use std::sync::Arc;

use dallosh_jobs::Engine;
use dallosh_service_kit::ServiceClient;
use dallosh_storage::Storage;
use tokio::sync::{Mutex, Semaphore};

use crate::{
    live::Followed,
    routes::{AllLog, TaskLog},
};

/// What the handlers share.
pub struct State {
    pub engine: Engine,
    pub files: ServiceClient,
    pub settings: ServiceClient,
    pub task_logs: Followed<TaskLog>,
    pub all_logs: Followed<AllLog>,
    /// How many rows of one user's tasks go to models within a day.
    pub rows_per_day: u64,
    /// One start at a time: two that both see room in a day would both take it.
    pub starts: Mutex<()>,
    pub storage: Storage,
    /// Turns to read a file; the rest waits.
    pub scans: Arc<Semaphore>,
}
