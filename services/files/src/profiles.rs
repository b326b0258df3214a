//! Profiles of files: made once for each content, kept beside it as the JSON that is answered, and shared by everybody
//! who asks meanwhile.

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
use dallosh_dataset::{CLEAN_TEXT, Dialect, Limits, Profile, profile};
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

/// Part of every fingerprint: another one has all profiles made again.
const VERSION: u32 = 1;
/// How long somebody who asks waits for a profile that is being made.
const PATIENCE: Duration = Duration::from_secs(2);
/// Profiles that are made at once; more wait.
const TURNS: usize = 1;

/// The profiles that are being made.
pub struct Profiles {
    running: Mutex<HashMap<Key, Running>>,
    turns: Arc<Semaphore>,
}

impl Default for Profiles {
    fn default() -> Self {
        Self { running: Mutex::default(), turns: Arc::new(Semaphore::new(TURNS)) }
    }
}

#[derive(Clone)]
struct Running {
    bytes_done: Arc<AtomicU64>,
    bytes_total: u64,
    outcome: watch::Receiver<Option<Result<Bytes, Problem>>>,
}

/// What there is of a profile.
pub enum Found {
    /// The JSON that was made of it.
    Ready(Bytes),
    /// It is being made.
    Running {
        /// Bytes of the file that were read.
        bytes_done: u64,
        /// All of them.
        bytes_total: u64,
    },
}

/// How a profile becomes the JSON that is kept.
pub type Render = fn(&Profile) -> serde_json::Result<Vec<u8>>;

/// The content of which a profile is asked for. Equal fingerprints are equal profiles.
pub struct Subject {
    file: Uid,
    stage: Stage,
    dialect: Dialect,
    limits: Limits,
    text_column: Option<String>,
    size: u64,
    fingerprint: u128,
}

impl Subject {
    /// # Errors
    /// [`Error::NoContent`] when the file has not come to this stage.
    pub async fn find(state: &State, file: &Versioned<File>, of: Stage, name: &'static str) -> Result<Self, Error> {
        let info = state.storage.head(&Key::dataset(file.uid, of)).await?.ok_or(Error::NoContent(name))?;
        let (dialect, limits, text_column) = match of {
            Stage::Original => (file.data.dialect.clone(), state.limits.clone(), file.data.text_column.clone()),
            Stage::Cleaned | Stage::Analysed => (Dialect::ours(), Limits::ours(), Some(CLEAN_TEXT.to_owned())),
        };
        let tag = if of == Stage::Original { &file.data.sha256 } else { &info.etag };
        let digest = Sha256::digest(format!("{VERSION}\n{tag}\n{dialect:?}\n{text_column:?}"));
        let fingerprint = digest.iter().take(16).fold(0, |all, byte| all << 8 | u128::from(*byte));
        Ok(Self { file: file.uid, stage: of, dialect, limits, text_column, size: info.size, fingerprint })
    }

    /// The entity tag of its profile.
    pub fn etag(&self) -> String {
        format!("\"{:032x}\"", self.fingerprint)
    }
}

/// The profile when it was made before or is within two seconds; else how far it is. It is made to its end whoever
/// waits for it.
pub async fn find(state: Arc<State>, subject: Subject, render: Render) -> Result<Found, Problem> {
    let key = Key::profile(subject.file, subject.stage, subject.fingerprint);
    match state.storage.reader(&key, None).await {
        Ok(mut kept) => {
            let mut json = Vec::new();
            kept.read_to_end(&mut json).await.map_err(|error| Problem::unavailable("the object store", error))?;
            return Ok(Found::Ready(json.into()));
        }
        Err(error) if error.kind == StorageErrorKind::NotFound => {}
        Err(error) => return Err(Error::from(error).into()),
    }
    let Running { bytes_done, bytes_total, mut outcome } = join(&state, key, subject, render);
    let ended = tokio::time::timeout(PATIENCE, outcome.wait_for(Option::is_some)).await;
    match ended {
        Ok(Ok(outcome)) => match outcome.clone() {
            Some(made) => made.map(Found::Ready),
            None => Err(Error::Busy.into()),
        },
        Ok(Err(_)) => Err(Error::Busy.into()),
        Err(_) => Ok(Found::Running { bytes_done: bytes_done.load(Ordering::Relaxed), bytes_total }),
    }
}

/// Joins those who wait for this profile; the first has it made.
fn join(state: &Arc<State>, key: Key, subject: Subject, render: Render) -> Running {
    let mut running = state.profiles.running.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = running.get(&key) {
        return found.clone();
    }
    let (tell, outcome) = watch::channel(None);
    let began = Running { bytes_done: Arc::default(), bytes_total: subject.size, outcome };
    running.insert(key.clone(), began.clone());
    let (state, bytes_done) = (Arc::clone(state), Arc::clone(&began.bytes_done));
    tokio::spawn(async move {
        let made = make(&state, &key, subject, bytes_done, render).await;
        // Kept, or failed: whoever comes now begins anew.
        state.profiles.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        tell.send_replace(Some(made.map_err(Problem::from)));
    });
    began
}

async fn make(
    state: &State,
    key: &Key,
    subject: Subject,
    bytes_done: Arc<AtomicU64>,
    render: Render,
) -> Result<Bytes, Error> {
    let Subject { file, stage, dialect, limits, text_column, .. } = subject;
    let turn = Arc::clone(&state.profiles.turns).acquire_owned().await.map_err(|_| Error::Busy)?;
    let content = state.storage.reader(&Key::dataset(file, stage), None).await?;
    let content = Counted { content: BlockingReader::new(content), bytes_done };
    let made = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let found = profile(content, &dialect, limits, text_column.as_deref())?;
        render(&found).map_err(|error| Error::Dataset(io::Error::from(error).into()))
    });
    let json = Bytes::from(made.await??);
    if let Err(error) = keep(state, key, file, json.clone()).await {
        tracing::warn!(%error, file.id = %file, "a profile is answered and not kept");
    }
    Ok(json)
}

/// Keeps the profile of a file that is still there, in the place of the older ones of its stage.
async fn keep(state: &State, key: &Key, file: Uid, json: Bytes) -> Result<(), Error> {
    let older = state.storage.list(&Key::profiles(file)).await?;
    let mut writer = state.storage.writer(key, PutMode::Overwrite).await?;
    writer.write(json).await?;
    writer.commit().await?;
    let is_gone = state.files.existing(&[file]).await?.is_empty();
    let stages = |key: &Key| key.as_str().rsplit_once('-').map(|(stage, _)| stage.to_owned());
    let replaced = older.into_iter().filter(|old| old != key && stages(old) == stages(key));
    for old in replaced.chain(is_gone.then(|| key.clone())) {
        state.storage.delete(&old).await?;
    }
    Ok(())
}

/// Tells how much was read.
struct Counted {
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
