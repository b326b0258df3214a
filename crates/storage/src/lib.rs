//! Object storage: a folder or S3, one interface, one conformance suite, and the layout of the keys.
//!
//! An object is absent or whole: a writer's bytes become visible at [`ObjectWriter::commit`] in one step. Deliberately
//! not here: partial writes, appends, versions, permissions.

mod bridge;
mod error;
mod key;
mod local;
#[cfg(feature = "aws")]
mod s3;
mod storage;

pub use bridge::{BlockingReader, BlockingWriter};
pub use error::{StorageError, StorageErrorKind};
pub use key::{InvalidKey, Key, Stage};
pub use storage::{ByteReader, ObjectInfo, ObjectWriter, PutMode, Storage};
