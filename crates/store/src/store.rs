use std::sync::Arc;

use dallosh_primitives::Clock;

use crate::{Backend, Collection, Document, StoreError, StoreErrorKind, mongodb::MongoBackend, sqlite::SqliteBackend};

/// An open database; cheap to clone.
#[derive(Clone)]
pub struct Store {
    backend: Arc<dyn Backend>,
    clock: Arc<dyn Clock>,
}

impl Store {
    /// Opens the database that the URL names: `sqlite://path/to/file.db` (made when absent) or `mongodb://…/database`.
    /// `MongoDB` is not asked yet: an unreachable server shows in the first call.
    pub async fn open(url: &str, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let backend: Arc<dyn Backend> = if let Some(path) = url.strip_prefix("sqlite://") {
            Arc::new(SqliteBackend::open(path).await?)
        } else if url.starts_with("mongodb://") || url.starts_with("mongodb+srv://") {
            Arc::new(MongoBackend::open(url).await?)
        } else {
            return Err(StoreError::new(StoreErrorKind::Corrupt, "open", "database")
                .because("the URL begins with neither sqlite:// nor mongodb://"));
        };
        Ok(Self { backend, clock })
    }

    /// A store on a database of one's own, such as a simulated one that fails as it is told.
    pub fn on(backend: Arc<dyn Backend>, clock: Arc<dyn Clock>) -> Self {
        Self { backend, clock }
    }

    /// The collection of `T`, made with its indexes when it is not there yet.
    pub async fn collection<T: Document>(&self) -> Result<Collection<T>, StoreError> {
        self.backend.prepare(T::COLLECTION, T::INDEXES).await?;
        Ok(Collection::new(self.backend.clone(), self.clock.clone()))
    }

    /// Asks the database for a sign of life.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.backend.ping().await
    }
}
