type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What a caller branches on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreErrorKind {
    /// The document changed since it was read.
    Stale,
    /// A document with this uid, or with these unique fields, exists already.
    Duplicate,
    /// There is no such document.
    NotFound,
    /// The database did not answer in time; the same call may succeed later.
    Unavailable,
    /// The database has no room left or may not be written.
    Full,
    /// A stored document does not decode, or does not fit; a person has to look.
    Corrupt,
    /// The cursor was not made by this list.
    BadCursor,
}

/// A failed operation on a collection: a kind to branch on and a source to report.
#[derive(Debug, thiserror::Error)]
#[error("{operation} in {collection} failed: {kind:?}")]
pub struct StoreError {
    /// What happened, as far as a caller can act on it.
    pub kind: StoreErrorKind,
    operation: &'static str,
    collection: String,
    #[source]
    source: Option<BoxError>,
}

impl StoreError {
    /// An error without a deeper cause.
    pub fn new(kind: StoreErrorKind, operation: &'static str, collection: impl Into<String>) -> Self {
        Self { kind, operation, collection: collection.into(), source: None }
    }

    /// The same error with the cause that is reported once, at the boundary.
    #[must_use]
    pub fn because(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }
}
