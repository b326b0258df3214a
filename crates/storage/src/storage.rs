use std::{ops::Range, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use tokio::io::AsyncRead;

use crate::{Key, StorageError, StorageErrorKind, local::LocalBackend};

/// The bytes of an object as they arrive.
pub type ByteReader = Box<dyn AsyncRead + Send + Unpin>;

/// What is known of an object without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Its length in bytes.
    pub size: u64,
    /// When it was committed.
    pub modified: DateTime<Utc>,
    /// Changes whenever the bytes do; quotes not included.
    pub etag: String,
}

/// Whether a commit may put its object in the place of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutMode {
    /// Whatever is there is replaced.
    Overwrite,
    /// Nothing may be there: the commit answers [`StorageErrorKind::Exists`].
    Create,
}

/// A backend's side of [`ObjectWriter`].
#[async_trait]
pub(crate) trait Upload: Send {
    async fn write(&mut self, bytes: Bytes) -> Result<(), StorageError>;
    async fn commit(self: Box<Self>) -> Result<ObjectInfo, StorageError>;
    async fn abort(self: Box<Self>);
}

/// Writes one object; nothing is visible before `commit`. Dropped or aborted, it leaves nothing behind (a process that
/// dies leaves a temporary file or an open multipart upload, which [`Storage::sweep`] removes).
///
/// # Cancel safety
///
/// A `write` that failed or was cancelled can't be repeated: every later call fails, and the object has to be begun anew.
/// A cancelled `commit` may have made the object visible or not, never a part of it.
pub struct ObjectWriter(pub(crate) Box<dyn Upload>);

impl ObjectWriter {
    /// Adds bytes.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), StorageError> {
        self.0.write(bytes).await
    }

    /// Makes the object visible, whole and durable.
    pub async fn commit(self) -> Result<ObjectInfo, StorageError> {
        self.0.commit().await
    }

    /// Gives up; what was there before stays.
    pub async fn abort(self) {
        self.0.abort().await;
    }
}

/// A backend.
#[async_trait]
pub(crate) trait Backend: Send + Sync {
    async fn writer(&self, key: &Key, mode: PutMode) -> Result<ObjectWriter, StorageError>;
    async fn reader(&self, key: &Key, range: Option<Range<u64>>) -> Result<ByteReader, StorageError>;
    async fn head(&self, key: &Key) -> Result<Option<ObjectInfo>, StorageError>;
    async fn delete(&self, key: &Key) -> Result<(), StorageError>;
    async fn list(&self, folder: &Key) -> Result<Vec<Key>, StorageError>;
    async fn sweep(&self, before: DateTime<Utc>) -> Result<u64, StorageError>;
    async fn free(&self) -> Result<Option<u64>, StorageError>;
    async fn ping(&self) -> Result<(), StorageError>;
}

/// An open object store; cheap to clone.
#[derive(Clone)]
pub struct Storage(Arc<dyn Backend>);

impl Storage {
    /// Opens `file://folder` (made when absent; relative to the working directory) or, with the `aws` feature,
    /// `s3://bucket/prefix`: region, credentials and endpoint come from the environment as the AWS tools take them;
    /// `?endpoint=URL` at the end names another server of the protocol. Opening S3 asks nothing; [`Storage::ping`] does.
    pub async fn open(url: &str) -> Result<Self, StorageError> {
        if let Some(folder) = url.strip_prefix("file://") {
            return Ok(Self(Arc::new(LocalBackend::open(folder).await?)));
        }
        #[cfg(feature = "aws")]
        if let Some(place) = url.strip_prefix("s3://") {
            return Ok(Self(Arc::new(crate::s3::S3Backend::open(place).await?)));
        }
        Err(StorageError::new(StorageErrorKind::Unavailable, "open", url).because(
            "this build knows no object store for the URL; it begins with file:// or, with the aws feature, s3://",
        ))
    }

    /// Begins an object.
    pub async fn writer(&self, key: &Key, mode: PutMode) -> Result<ObjectWriter, StorageError> {
        self.0.writer(key, mode).await
    }

    /// Opens an object, or the asked bytes of it (the end is exclusive and may lie beyond the object's).
    pub async fn reader(&self, key: &Key, range: Option<Range<u64>>) -> Result<ByteReader, StorageError> {
        self.0.reader(key, range).await
    }

    /// What is known of an object; `None` when it is absent.
    pub async fn head(&self, key: &Key) -> Result<Option<ObjectInfo>, StorageError> {
        self.0.head(key).await
    }

    /// Deletes an object; an absent one is no error.
    pub async fn delete(&self, key: &Key) -> Result<(), StorageError> {
        self.0.delete(key).await
    }

    /// The keys below a folder, sorted.
    pub async fn list(&self, folder: &Key) -> Result<Vec<Key>, StorageError> {
        self.0.list(folder).await
    }

    /// Removes what writers that died before `before` left behind; says how many.
    pub async fn sweep(&self, before: DateTime<Utc>) -> Result<u64, StorageError> {
        self.0.sweep(before).await
    }

    /// Bytes that can still be written, when the store has an end that is known: of a folder, not of S3.
    pub async fn free(&self) -> Result<Option<u64>, StorageError> {
        self.0.free().await
    }

    /// Asks the store for a sign of life.
    pub async fn ping(&self) -> Result<(), StorageError> {
        self.0.ping().await
    }
}
