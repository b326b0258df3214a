//! What is derived from a stored table in one pass: made once for each content, kept beside it as JSON, and shared by
//! everybody who asks meanwhile.

use std::{
    collections::HashMap,
    io::{self, Read},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use dallosh_dataset::{DatasetError, Dialect, Limits};
use dallosh_primitives::Uid;
use dallosh_service_kit::Problem;
use dallosh_storage::{BlockingReader, Key, PutMode, Stage, StorageErrorKind};
use dallosh_store::Versioned;
use sha2::{Digest, Sha256};
use tokio::{
    io::AsyncReadExt as _,
    sync::{Semaphore, watch},
};

use crate::{error::Error, file::File, state::State};

/// Part of every fingerprint: another one has everything made again.
const VERSION: u32 = 1;
/// Things of a kind that are made at once; more wait.
const TURNS: usize = 1;

/// The things of one kind that are being made.
pub struct Derived {
    running: Mutex<HashMap<Key, Running>>,
    turns: Arc<Semaphore>,
}

impl Default for Derived {
    fn default() -> Self {
        Self { running: Mutex::default(), turns: Arc::new(Semaphore::new(TURNS)) }
    }
}

#[derive(Clone)]
struct Running {
    progress: Progress,
    outcome: watch::Receiver<Option<Result<Bytes, Problem>>>,
}

/// How much of a table was read.
#[derive(Clone)]
pub struct Progress {
    done: Arc<AtomicU64>,
    /// Bytes of the table.
    pub bytes_total: u64,
}

impl Progress {
    /// Bytes that were read.
    pub fn bytes_done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }
}

/// What there is of something derived.
pub enum Found {
    /// The JSON that was made of it.
    Ready(Bytes),
    /// It is being made.
    Running(Progress),
}

/// A stored table that something is derived from.
pub struct Source {
    pub file: Uid,
    pub key: Key,
    pub dialect: Dialect,
    pub limits: Limits,
    pub size: u64,
    /// That of the object.
    etag: String,
    /// Changes with the content.
    tag: String,
}

impl Source {
    /// # Errors
    /// [`Error::NoContent`] when the file has not come to this stage.
    pub async fn stage(state: &State, file: &Versioned<File>, of: Stage, name: &'static str) -> Result<Self, Error> {
        let found = Self::ours(state, file.uid, Key::dataset(file.uid, of), name).await?;
        Ok(match of {
            Stage::Original => Self {
                dialect: file.data.dialect.clone(),
                limits: state.limits.clone(),
                tag: file.data.sha256.clone(),
                ..found
            },
            Stage::Cleaned | Stage::Analysed => found,
        })
    }

    /// A table that the pipeline wrote.
    ///
    /// # Errors
    /// [`Error::NoContent`] when it did not yet.
    pub async fn ours(state: &State, file: Uid, key: Key, name: &'static str) -> Result<Self, Error> {
        let info = state.storage.head(&key).await?.ok_or(Error::NoContent(name))?;
        let (dialect, limits) = (Dialect::ours(), Limits::ours());
        Ok(Self { file, key, dialect, limits, size: info.size, tag: info.etag.clone(), etag: info.etag })
    }

    /// Whether the table still has this content.
    pub async fn is_current(&self, state: &State) -> Result<bool, Error> {
        Ok(state.storage.head(&self.key).await?.is_some_and(|info| info.etag == self.etag))
    }

    /// Equal ones are of equal things, which `how` tells from other things of the same kind.
    pub fn fingerprint(&self, how: &str) -> u128 {
        let Self { tag, dialect, .. } = self;
        let digest = Sha256::digest(format!("{VERSION}\n{tag}\n{dialect:?}\n{how}"));
        digest.iter().take(16).fold(0, |all, byte| all << 8 | u128::from(*byte))
    }
}

/// The entity tag of what has this fingerprint.
pub fn etag(fingerprint: u128) -> String {
    format!("\"{fingerprint:032x}\"")
}

/// How something becomes the JSON that is kept.
type Make = Box<dyn FnOnce(Counted) -> Result<Vec<u8>, DatasetError> + Send>;

/// Something to make, once.
pub struct Order {
    file: Uid,
    source: Key,
    size: u64,
    key: Key,
    make: Make,
}

impl Order {
    /// What `make` makes of the whole content of a table, to be kept under `key`.
    pub fn new<T: serde::Serialize>(
        source: &Source,
        key: Key,
        make: impl FnOnce(Counted) -> Result<T, DatasetError> + Send + 'static,
    ) -> Self {
        let make = Box::new(move |content| {
            let derived = make(content)?;
            serde_json::to_vec(&derived).map_err(|error| io::Error::from(error).into())
        });
        Self { file: source.file, source: source.key.clone(), size: source.size, key, make }
    }
}

impl Derived {
    /// What was made before or is within the patience; else how far it is. It is made to its end whoever waits for it.
    pub async fn find(
        self: &Arc<Self>,
        state: &Arc<State>,
        order: Order,
        patience: Duration,
    ) -> Result<Found, Problem> {
        match state.storage.reader(&order.key, None).await {
            Ok(mut kept) => {
                let mut json = Vec::new();
                kept.read_to_end(&mut json).await.map_err(|error| Problem::unavailable("the object store", error))?;
                return Ok(Found::Ready(json.into()));
            }
            Err(error) if error.kind == StorageErrorKind::NotFound => {}
            Err(error) => return Err(Error::from(error).into()),
        }
        let Running { progress, mut outcome } = self.join(state, order);
        let ended = tokio::time::timeout(patience, outcome.wait_for(Option::is_some)).await;
        match ended {
            Ok(Ok(outcome)) => match outcome.clone() {
                Some(made) => made.map(Found::Ready),
                None => Err(Error::Busy.into()),
            },
            Ok(Err(_)) => Err(Error::Busy.into()),
            Err(_) => Ok(Found::Running(progress)),
        }
    }

    /// Joins those who wait for the same; the first has it made.
    fn join(self: &Arc<Self>, state: &Arc<State>, order: Order) -> Running {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = running.get(&order.key) {
            return found.clone();
        }
        let (tell, outcome) = watch::channel(None);
        let progress = Progress { done: Arc::default(), bytes_total: order.size };
        let began = Running { progress: progress.clone(), outcome };
        running.insert(order.key.clone(), began.clone());
        let (state, derived) = (Arc::clone(state), Arc::clone(self));
        tokio::spawn(async move {
            let key = order.key.clone();
            let made = make(&state, &derived.turns, order, progress.done).await;
            // Kept, or failed: whoever comes now begins anew.
            derived.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
            tell.send_replace(Some(made.map_err(Problem::from)));
        });
        began
    }
}

async fn make(state: &State, turns: &Arc<Semaphore>, order: Order, bytes_done: Arc<AtomicU64>) -> Result<Bytes, Error> {
    let Order { file, source, key, make, .. } = order;
    let turn = Arc::clone(turns).acquire_owned().await.map_err(|_| Error::Busy)?;
    let content = state.storage.reader(&source, None).await?;
    let content = Counted { content: BlockingReader::new(content), bytes_done };
    let json = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        make(content)
    });
    let json = Bytes::from(json.await??);
    if let Err(error) = keep(state, &key, file, json.clone()).await {
        tracing::warn!(%error, file.id = %file, "what was derived of a file is answered and not kept");
    }
    Ok(json)
}

/// Keeps what was derived of a file that is still there, in the place of the older ones of its kind.
async fn keep(state: &State, key: &Key, file: Uid, json: Bytes) -> Result<(), Error> {
    let older = state.storage.list(&Key::profiles(file)).await?;
    let mut writer = state.storage.writer(key, PutMode::Overwrite).await?;
    writer.write(json).await?;
    writer.commit().await?;
    let is_gone = state.files.existing(&[file]).await?.is_empty();
    let kind = |key: &Key| key.as_str().rsplit_once('-').map(|(kind, _)| kind.to_owned());
    let replaced = older.into_iter().filter(|old| old != key && kind(old) == kind(key));
    for old in replaced.chain(is_gone.then(|| key.clone())) {
        state.storage.delete(&old).await?;
    }
    Ok(())
}

/// The content of a table; tells how much of it was read.
pub struct Counted {
    content: BlockingReader,
    bytes_done: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let read = self.content.read(room)?;
        self.bytes_done.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
