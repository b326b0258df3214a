use dallosh_service_kit::{ErrorCode, Problem};
use dallosh_store::{StoreError, StoreErrorKind};

/// What the database refused, as a client sees it.
pub fn problem(error: StoreError) -> Problem {
    match error.kind {
        StoreErrorKind::Stale | StoreErrorKind::NotFound => {
            Problem::new(ErrorCode::PreconditionFailed, "it was changed since it was read; read it again")
        }
        StoreErrorKind::BadCursor => Problem::field("/cursor", "the cursor was not made by this list"),
        StoreErrorKind::Unavailable => Problem::unavailable("the database", error),
        StoreErrorKind::Full => Problem::new(ErrorCode::StorageFull, "there is no room left for settings"),
        StoreErrorKind::Duplicate | StoreErrorKind::Corrupt => Problem::internal(error),
    }
}

/// There is no such model.
pub fn no_model() -> Problem {
    Problem::new(ErrorCode::NotFound, "there is no such model")
}
