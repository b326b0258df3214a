use chrono::{DateTime, Utc};
use dallosh_primitives::Uid;
use serde::{Serialize, de::DeserializeOwned};

/// Fields of `data` that a collection keeps an index on. `fields` are dotted paths below `data`, or `createdAt`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Index {
    /// The paths, in the order of the index.
    pub fields: &'static [&'static str],
    /// No two documents have the same values. A document in which one of the fields is null or absent is not counted.
    pub unique: bool,
}

/// What a collection holds: the `data` of the stored envelope.
pub trait Document: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    /// The collection's name, which is also the table's.
    const COLLECTION: &'static str;
    /// The indexes that its queries need.
    const INDEXES: &'static [Index] = &[];
}

/// A document with its envelope, as it was read or is to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct Versioned<T> {
    /// The id; primary key.
    pub uid: Uid,
    /// What the document says.
    pub data: T,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// The user or the part of the system that made it.
    pub created_by: String,
    /// When it was changed last.
    pub updated_at: DateTime<Utc>,
    /// Who changed it last.
    pub updated_by: String,
    /// Grows by one with each write; compared on every write.
    pub revision: i64,
}

impl<T> Versioned<T> {
    /// A new document, revision 1.
    pub fn new(uid: Uid, data: T, by: impl Into<String>, now: DateTime<Utc>) -> Self {
        let by = by.into();
        Self { uid, data, created_at: now, created_by: by.clone(), updated_at: now, updated_by: by, revision: 1 }
    }
}
