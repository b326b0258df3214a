use std::sync::Arc;

use dallosh_jobs::Engine;
use dallosh_service_kit::ServiceClient;
use dallosh_storage::Storage;
use tokio::sync::Semaphore;

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
    pub storage: Storage,
    /// Turns to read a file; the rest waits.
    pub scans: Arc<Semaphore>,
}
