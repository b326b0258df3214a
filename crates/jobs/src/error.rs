use dallosh_failpoints::Injected;
use dallosh_store::{StoreError, StoreErrorKind};

use crate::IllegalTransition;

/// Why an operation on a job failed.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// There is no such job.
    #[error("there is no such job")]
    NotFound,
    /// The command makes no sense in the job's state.
    #[error(transparent)]
    Illegal(#[from] IllegalTransition),
    /// Another job is at work on the same subject.
    #[error("another job is at work on the same subject")]
    Occupied,
    /// The worker no longer has the job: another one took it, or somebody ended it. It writes nothing more.
    #[error("the lease was lost")]
    LeaseLost,
    /// The database failed.
    #[error("the job's documents can't be read or written")]
    Store(#[from] StoreError),
    /// A job's own data does not encode or decode.
    #[error("the job's data does not decode")]
    Corrupt(#[from] serde_json::Error),
}

/// A failpoint fails as the database does.
impl From<Injected> for JobError {
    fn from(injected: Injected) -> Self {
        StoreError::new(StoreErrorKind::Unavailable, "failpoint", injected.0.as_str()).because(injected).into()
    }
}
