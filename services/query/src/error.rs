use dallosh_dataset::DatasetError;
use dallosh_service_kit::{ClientError, ErrorCode, Problem};
use dallosh_storage::{StorageError, StorageErrorKind};

/// The dataset has no result that could be looked at.
pub fn not_analysed() -> Problem {
    let detail = "the dataset has no analysed result yet; make a task for it, start it, and wait until it is done";
    Problem::new(ErrorCode::NotAnalysed, detail)
}

/// More is asked than can be done at once.
pub fn busy() -> Problem {
    Problem::new(ErrorCode::Unavailable, "there is too much to do at once; try again in a moment")
}

/// What a failed call of the object store means. What is gone was deleted, or is being replaced.
pub fn storage_failed(error: StorageError) -> Problem {
    match error.kind {
        StorageErrorKind::NotFound => not_analysed(),
        StorageErrorKind::Unavailable => Problem::unavailable("the object store", error),
        _ => Problem::internal(error),
    }
}

/// What a table that can't be read means.
pub fn table_failed(error: DatasetError) -> Problem {
    match error {
        DatasetError::Io(error) => match error.downcast::<StorageError>() {
            Ok(error) => storage_failed(error),
            Err(error) => Problem::unavailable("the object store", error),
        },
        error => Problem::internal(error),
    }
}

/// What the refusal or silence of another service means here.
pub fn client_failed(what: &'static str, error: ClientError) -> Problem {
    match error {
        ClientError::Refused { status: 404, .. } => Problem::new(ErrorCode::NotFound, "there is no such dataset"),
        ClientError::Refused { status: 403, detail, .. } => Problem::new(ErrorCode::Forbidden, detail),
        ClientError::Refused { status: 401, detail, .. } => Problem::new(ErrorCode::Unauthorized, detail),
        error => Problem::unavailable(what, error),
    }
}
