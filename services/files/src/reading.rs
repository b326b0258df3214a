//! Reads stored tables, always on the blocking pool and never more than a few at once.

use std::{sync::Arc, time::Duration};

use dallosh_dataset::{DatasetError, Dialect, Inspection, Preview, Reader, Reject, Step, inspect, preview};
use dallosh_primitives::Uid;
use dallosh_storage::{BlockingReader, Key, Stage};
use tokio::{io::AsyncReadExt, sync::Semaphore};

use crate::{error::Error, state::State};

/// What a preview reads of a file, whatever its size.
pub const PREVIEW_BYTES: u64 = 256 << 10;
/// How long a reading of a whole file waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// Does `work` on the blocking pool when it is its turn. Once begun it keeps its turn to its end, also when the caller
/// goes away.
pub async fn on_cpu<T: Send + 'static>(
    turns: &Arc<Semaphore>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    let turn = Arc::clone(turns).acquire_owned().await.map_err(|_| Error::Busy)?;
    let done = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        work()
    });
    Ok(done.await?)
}

/// Reads the whole original.
async fn scan<T: Send + 'static>(
    state: &State,
    uid: Uid,
    work: impl FnOnce(BlockingReader) -> Result<T, DatasetError> + Send + 'static,
) -> Result<T, Error> {
    let turn = Arc::clone(&state.scans).acquire_owned();
    let turn = tokio::time::timeout(PATIENCE, turn).await.ok().and_then(Result::ok).ok_or(Error::Busy)?;
    let reader = state.storage.reader(&Key::dataset(uid, Stage::Original), None).await?;
    let reader = BlockingReader::new(reader);
    let done = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        work(reader)
    });
    Ok(done.await??)
}

/// Looks at the whole original again, as the given dialect reads it.
pub async fn inspect_as(state: &State, uid: Uid, dialect: Dialect) -> Result<Inspection, Error> {
    let limits = state.limits.clone();
    scan(state, uid, move |reader| inspect(reader, Some(&dialect), limits)).await
}

/// Fails with the nearest names when the original has no such column.
pub async fn require_column(state: &State, uid: Uid, dialect: Dialect, name: String) -> Result<(), Error> {
    let limits = state.limits.clone();
    scan(state, uid, move |reader| Reader::new(reader, &dialect, limits)?.header().get(&name).map(drop)).await
}

/// The first rows of a stage, out of its first 256 KiB.
pub async fn first_rows(state: &State, uid: Uid, of: Stage, dialect: Dialect, rows: usize) -> Result<Preview, Error> {
    let reader = state.storage.reader(&Key::dataset(uid, of), Some(0..PREVIEW_BYTES)).await?;
    let mut head = Vec::new();
    let read = reader.take(PREVIEW_BYTES).read_to_end(&mut head).await;
    read.map_err(DatasetError::from)?;
    let limits = state.limits.clone();
    Ok(on_cpu(&state.pieces, move || preview(head.as_slice(), &dialect, rows, &limits)).await??)
}

/// A page of the rows that can't be read.
pub struct RejectPage {
    pub items: Vec<Reject>,
    /// Whether there are some behind these.
    pub more: bool,
}

/// Lists rows that can't be read, in the order of the file, those behind line `after`. Reads no further than the page
/// or the last of the `known` ones.
pub async fn rejects(
    state: &State,
    uid: Uid,
    dialect: Dialect,
    known: u64,
    after: u64,
    limit: usize,
) -> Result<RejectPage, Error> {
    if known == 0 {
        return Ok(RejectPage { items: Vec::new(), more: false });
    }
    let limits = state.limits.clone();
    scan(state, uid, move |input| {
        let mut reader = Reader::new(input, &dialect, limits)?;
        let (mut items, mut seen) = (Vec::new(), 0);
        while seen < known {
            match reader.read()? {
                Some(Step::Reject(reject)) => {
                    seen += 1;
                    if reject.line > after {
                        if items.len() == limit {
                            return Ok(RejectPage { items, more: true });
                        }
                        items.push(reject);
                    }
                }
                Some(Step::Row(_)) => {}
                None => break,
            }
        }
        Ok(RejectPage { items, more: false })
    })
    .await
}
