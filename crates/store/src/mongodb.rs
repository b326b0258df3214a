//! MongoDB: not answered yet.

use crate::{StoreError, StoreErrorKind, sqlite::SqliteBackend};

/// A database on a MongoDB server.
pub struct MongoBackend;

impl MongoBackend {
    /// Refuses every URL.
    pub async fn open(_url: &str) -> Result<SqliteBackend, StoreError> {
        Err(StoreError::new(StoreErrorKind::Unavailable, "open", "database").because("MongoDB is not supported yet"))
    }
}
