use dallosh_dataset::DatasetError;
use dallosh_primitives::{ByteSize, Uid};
use dallosh_service_kit::{ClientError, ErrorCode, Problem};
use dallosh_storage::{StorageError, StorageErrorKind};
use dallosh_store::{StoreError, StoreErrorKind};

/// Why a request about a file did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such file, or not for this caller.
    #[error("there is no such file")]
    NotFound,
    /// The file has not come to this stage, or its bytes are gone.
    #[error("the file has no {0} content yet")]
    NoContent(&'static str),
    /// The form is not the one that is asked for, or it broke off.
    #[error("{0}")]
    Form(&'static str),
    /// The body is no form.
    #[error("send the file as multipart/form-data, in a part named `file`")]
    NotAForm,
    /// More bytes than are taken.
    #[error("the file is larger than {0}")]
    TooLarge(ByteSize),
    /// Bytes for another place of an upload than the one where it goes on.
    #[error("the upload goes on at byte {0}")]
    WrongOffset(u64),
    /// Another request writes to the upload.
    #[error("another request writes to the upload; ask again in a moment")]
    Locked,
    /// The bytes are not those that were sent.
    #[error("the bytes do not have the checksum that was sent along; nothing of them was kept")]
    ChecksumMismatch,
    /// An upload that was given up.
    #[error("the upload waited too long for its next bytes; begin a new one")]
    Expired,
    /// The user has as many files as one may have.
    #[error("you have {0} files, those on their way included, and may have no more; delete some first")]
    TooManyFiles(u64),
    /// The user's files would be larger together than they may be.
    #[error("your files would be larger than {0} together; delete some first")]
    TooManyBytes(ByteSize),
    /// Less room than an upload needs.
    #[error("there is no room left for a file of this size")]
    NoRoom,
    /// The content is no table that can be read.
    #[error("the content can't be read")]
    Dataset(#[from] DatasetError),
    /// Somebody changed the document first.
    #[error("it was changed meanwhile; read it again")]
    Stale,
    /// A task needs the file.
    #[error("the task {0} uses the file; stop or delete it first")]
    InUse(Uid),
    /// There is too much to do.
    #[error("there is too much to do at once; try again in a moment")]
    Busy,
    /// The tasks service did not say what was asked.
    #[error("the tasks service gave no answer")]
    Tasks(#[from] ClientError),
    /// The database failed.
    #[error("the database failed")]
    Store(#[from] StoreError),
    /// The object store failed.
    #[error("the object store failed")]
    Storage(#[from] StorageError),
    /// Work on the blocking pool came to a bad end.
    #[error("the work came to a bad end")]
    Crashed(#[from] tokio::task::JoinError),
}

impl Error {
    /// The stable code of it.
    pub fn code(&self) -> ErrorCode {
        use ErrorCode as C;
        match self {
            Self::NotFound | Self::NoContent(_) => C::NotFound,
            Self::Form(_) => C::BadUpload,
            Self::NotAForm => C::UnsupportedMedia,
            Self::TooLarge(_) => C::TooLarge,
            Self::WrongOffset(_) => C::UploadOffset,
            Self::Locked => C::UploadLocked,
            Self::ChecksumMismatch => C::ChecksumMismatch,
            Self::Expired => C::UploadExpired,
            Self::TooManyFiles(_) | Self::TooManyBytes(_) => C::QuotaExceeded,
            Self::NoRoom => C::StorageFull,
            Self::Dataset(error) => dataset_code(error),
            Self::Stale => C::PreconditionFailed,
            Self::InUse(_) => C::InUse,
            Self::Tasks(ClientError::Refused { status: 403, .. }) => C::Forbidden,
            Self::Busy | Self::Tasks(_) => C::Unavailable,
            Self::Store(error) => match error.kind {
                StoreErrorKind::Stale => C::PreconditionFailed,
                StoreErrorKind::Duplicate => C::Conflict,
                StoreErrorKind::NotFound => C::NotFound,
                StoreErrorKind::Unavailable => C::Unavailable,
                StoreErrorKind::Full => C::StorageFull,
                StoreErrorKind::BadCursor => C::Validation,
                StoreErrorKind::Corrupt => C::Internal,
            },
            Self::Storage(error) => match error.kind {
                StorageErrorKind::NotFound => C::NotFound,
                StorageErrorKind::Full => C::StorageFull,
                StorageErrorKind::Unavailable => C::Unavailable,
                StorageErrorKind::BadRange => C::RangeNotSatisfiable,
                StorageErrorKind::Exists | StorageErrorKind::Denied | StorageErrorKind::Corrupt => C::Internal,
            },
            Self::Crashed(_) => C::Internal,
        }
    }
}

fn dataset_code(error: &DatasetError) -> ErrorCode {
    use {DatasetError as D, ErrorCode as C};
    match error {
        D::Empty => C::CsvEmpty,
        D::NotText { .. } => C::UnsupportedMedia,
        D::Binary { .. } => C::CsvBinary,
        D::Encoding { .. } => C::CsvEncoding,
        D::UnclosedQuote { .. } => C::CsvUnclosedQuote,
        D::FieldTooLarge { .. } | D::RowTooLarge { .. } => C::CsvFieldTooLarge,
        D::TooManyColumns { .. } => C::CsvTooManyColumns,
        D::TooManyRows { .. } => C::CsvTooManyRows,
        D::TooManyRejects { .. } => C::CsvTooManyRejects,
        D::MissingColumn { .. } => C::MissingColumn,
        D::DuplicateTextColumn { .. } => C::TextColumnRequired,
        D::UnsupportedDialect { .. } | D::SheetTooLarge => C::Validation,
        full if full.is_for_want_of_room() => C::StorageFull,
        D::Io(_) => C::Unavailable,
        _ => C::Internal,
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let code = error.code();
        match error {
            Error::Dataset(error) => dataset_problem(code, error),
            Error::Tasks(ClientError::Refused { status: 403, detail, .. }) => Self::new(code, detail),
            Error::Tasks(error) => Self::unavailable("the tasks service", error),
            Error::Store(error) if code == ErrorCode::Unavailable => Self::unavailable("the database", error),
            Error::Storage(error) if code == ErrorCode::Unavailable => Self::unavailable("the object store", error),
            Error::Store(_) if code == ErrorCode::Validation => {
                Self::field("/cursor", "not a cursor of this list in this order")
            }
            Error::Store(_) | Error::Storage(_) if code == ErrorCode::StorageFull => {
                Self::new(code, "there is no room left for data")
            }
            Error::Storage(_) if code == ErrorCode::NotFound => Self::new(code, "the content is not there (any more)"),
            Error::Store(_) if code == ErrorCode::PreconditionFailed => Self::new(code, Error::Stale.to_string()),
            other if code == ErrorCode::Internal => Self::internal(other),
            other => Self::new(code, other.to_string()),
        }
    }
}

fn dataset_problem(code: ErrorCode, error: DatasetError) -> Problem {
    match error {
        DatasetError::TooManyRejects { ref first, .. } => {
            first.iter().fold(Problem::new(code, error.to_string()), |problem, reject| {
                problem.with_error(format!("line {}", reject.line), reject.reason.clone())
            })
        }
        DatasetError::MissingColumn { name, nearest } => {
            let names: Vec<_> = nearest.iter().map(|name| format!("`{name}`")).collect();
            let detail = format!("no column is called `{name}`; the nearest are {}", names.join(", "));
            Problem::new(code, detail.clone()).with_error("/text_column", detail)
        }
        DatasetError::SheetTooLarge => Problem::field("/format", error.to_string()),
        DatasetError::UnsupportedDialect { what } => Problem::field("/dialect", what),
        full if full.is_for_want_of_room() => Problem::new(code, Error::NoRoom.to_string()),
        DatasetError::Io(error) => Problem::unavailable("the object store", error),
        other if code == ErrorCode::Internal => Problem::internal(other),
        other => Problem::new(code, other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use dallosh_dataset::Reject;

    use super::*;

    fn problem(error: impl Into<Error>) -> Problem {
        error.into().into()
    }

    #[test]
    fn a_full_store_is_507_and_a_silent_one_is_503() {
        for (kind, code) in [
            (StorageErrorKind::Full, ErrorCode::StorageFull),
            (StorageErrorKind::Unavailable, ErrorCode::Unavailable),
            (StorageErrorKind::Denied, ErrorCode::Internal),
            (StorageErrorKind::NotFound, ErrorCode::NotFound),
        ] {
            assert_eq!(problem(StorageError::new(kind, "write", "datasets/x.csv")).code, code);
        }
        for (kind, code) in [
            (StoreErrorKind::Full, ErrorCode::StorageFull),
            (StoreErrorKind::Unavailable, ErrorCode::Unavailable),
            (StoreErrorKind::Stale, ErrorCode::PreconditionFailed),
            (StoreErrorKind::Corrupt, ErrorCode::Internal),
        ] {
            assert_eq!(problem(StoreError::new(kind, "replace", "files")).code, code);
        }
        for (kind, code) in [
            (io::ErrorKind::StorageFull, ErrorCode::StorageFull),
            (io::ErrorKind::QuotaExceeded, ErrorCode::StorageFull),
            (io::ErrorKind::TimedOut, ErrorCode::Unavailable),
        ] {
            assert_eq!(problem(DatasetError::Io(kind.into())).code, code);
        }
        assert_eq!(problem(Error::Busy).retry_after, Some(1));
    }

    #[test]
    fn what_is_internal_is_not_told() {
        let error = StorageError::new(StorageErrorKind::Corrupt, "read", "datasets/secret.csv");
        let problem = problem(error.because("/srv/secret is a link"));
        assert!(!problem.detail.contains("secret"), "{}", problem.detail);
    }

    #[test]
    fn too_many_rejects_are_shown_by_their_lines() {
        let reject =
            |line| Reject { line, column: None, reason: "3 cells instead of 2".to_owned(), raw: String::new() };
        let error = DatasetError::TooManyRejects { rejected: 2, rows: 10, first: vec![reject(4), reject(9)] };
        let problem = problem(error);
        assert_eq!(problem.code, ErrorCode::CsvTooManyRejects);
        let shown: Vec<_> =
            problem.errors.iter().map(|error| (error.pointer.as_str(), error.detail.as_str())).collect();
        assert_eq!(shown, [("line 4", "3 cells instead of 2"), ("line 9", "3 cells instead of 2")]);
    }
}
