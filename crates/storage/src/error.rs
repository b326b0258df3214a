use nix::errno::Errno;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What a caller branches on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StorageErrorKind {
    /// There is no such object.
    NotFound,
    /// The object exists already and was to be made new.
    Exists,
    /// There is no room left.
    Full,
    /// The store refuses access.
    Denied,
    /// The store did not answer; the same call may succeed later.
    Unavailable,
    /// The asked range is not in the object.
    BadRange,
    /// What was found is not what the store should hold (a symbolic link, a folder).
    Corrupt,
}

/// A failed operation on the object store.
#[derive(Debug, thiserror::Error)]
#[error("{operation} of {key} failed: {kind:?}")]
pub struct StorageError {
    /// What happened, as far as a caller can act on it.
    pub kind: StorageErrorKind,
    operation: &'static str,
    key: String,
    #[source]
    source: Option<BoxError>,
}

impl StorageError {
    /// An error without a deeper cause.
    pub fn new(kind: StorageErrorKind, operation: &'static str, key: impl ToString) -> Self {
        Self { kind, operation, key: key.to_string(), source: None }
    }

    /// The same error with its cause.
    #[must_use]
    pub fn because(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The error of a file operation.
    pub(crate) fn io(operation: &'static str, key: impl ToString, error: impl Into<std::io::Error>) -> Self {
        use std::io::ErrorKind as K;
        let error = error.into();
        let kind = match error.kind() {
            K::NotFound => StorageErrorKind::NotFound,
            K::AlreadyExists => StorageErrorKind::Exists,
            K::StorageFull | K::QuotaExceeded | K::FileTooLarge => StorageErrorKind::Full,
            K::PermissionDenied | K::ReadOnlyFilesystem => StorageErrorKind::Denied,
            K::NotADirectory | K::IsADirectory => StorageErrorKind::Corrupt,
            // What opening a symbolic link without following it answers.
            _ if error.raw_os_error() == Some(Errno::ELOOP as i32) => StorageErrorKind::Corrupt,
            _ => StorageErrorKind::Unavailable,
        };
        Self::new(kind, operation, key).because(error)
    }
}
