//! How much of the store one user may fill. Counted anew each time from the documents, so that it is never wrong for long:
//! uploads that end in the same moment at several of these services may exceed it by themselves, and nothing else does.

use dallosh_primitives::{ByteSize, Uid};

use crate::{error::Error, state::State};

/// What one user may have.
#[derive(Debug, Clone, Copy)]
pub struct Quota {
    /// Files, those on their way in parts included.
    pub files: u64,
    /// Their bytes together.
    pub bytes: ByteSize,
}

/// Refuses one more file of `size` bytes when its owner may not have it.
///
/// # Errors
/// [`Error::TooManyFiles`], [`Error::TooManyBytes`].
pub async fn require(state: &State, owner: Uid, size: u64) -> Result<(), Error> {
    let Quota { files, bytes } = state.quota;
    let ((stored, stored_bytes), (coming, coming_bytes)) =
        tokio::try_join!(state.files.usage(owner), state.uploads.usage(owner))?;
    if stored.saturating_add(coming) >= files {
        return Err(Error::TooManyFiles(files));
    }
    let together = stored_bytes.saturating_add(coming_bytes).saturating_add(size);
    if together > bytes.0 { Err(Error::TooManyBytes(bytes)) } else { Ok(()) }
}

/// Writes with `insert` what takes `size` bytes of its owner's share, when there is room for it. One after the other: two
/// that both see the last room would both take it.
///
/// # Errors
/// As [`require`] and `insert`.
pub async fn take<T>(
    state: &State,
    owner: Uid,
    size: u64,
    insert: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let _turn = state.entries.lock().await;
    require(state, owner, size).await?;
    insert.await
}
