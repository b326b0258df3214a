use dallosh_jobs::JobError;
use dallosh_service_kit::{ErrorCode, Problem};
use dallosh_store::StoreErrorKind;

use crate::task::state_word;

/// What went wrong with a task, as a client sees it.
pub fn problem(error: JobError) -> Problem {
    match error {
        JobError::NotFound | JobError::LeaseLost => not_found(),
        JobError::Illegal(illegal) => {
            let detail = format!("cannot {} a task that is {}", illegal.action, state_word(illegal.state));
            Problem::new(ErrorCode::IllegalTransition, detail)
        }
        JobError::Occupied => {
            Problem::new(ErrorCode::InUse, "another task works on this file already; stop it or wait for its end")
        }
        JobError::Store(error) => match error.kind {
            StoreErrorKind::BadCursor => Problem::field("/cursor", "the cursor was not made by this list"),
            StoreErrorKind::Unavailable => Problem::unavailable("the database", error),
            StoreErrorKind::Full => Problem::new(ErrorCode::StorageFull, "there is no room left for the task"),
            _ => Problem::internal(error),
        },
        JobError::Corrupt(error) => Problem::internal(error),
    }
}

/// There is no such task, for this caller.
pub fn not_found() -> Problem {
    Problem::new(ErrorCode::NotFound, "there is no such task")
}
