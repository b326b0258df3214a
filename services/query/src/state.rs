use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use dallosh_analysis::{Index, Totals};
use dallosh_primitives::Uid;
use dallosh_service_kit::{Config, Problem, ServiceClient, ServiceName, SettingsReader};
use dallosh_storage::Storage;
use moka::future::Cache;
use tokio::sync::Semaphore;

use crate::{StartError, dataset::PostRow, error::busy};

/// Memory for indexes, in bytes: some six million posts.
const INDEXES: u64 = 256 << 20;
/// Memory for whole answers, in bytes.
const ANSWERS: u64 = 32 << 20;
/// Memory for the rows of critical posts, in bytes.
const ROWS: u64 = 16 << 20;
/// Datasets whose totals are remembered.
const TOTALS: u64 = 100_000;
/// Short pieces of CPU work at once; more wait.
const PIECES: usize = 2;
/// Readings of tables at once; more wait a little and are told to come back.
const SCANS: usize = 2;
/// How long a piece of work waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// A result as it was written once: another run writes another one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Version {
    pub file: Uid,
    pub etag: String,
}

/// What the handlers share.
pub struct State {
    pub files: ServiceClient,
    pub tasks: ServiceClient,
    pub settings: SettingsReader,
    pub storage: Storage,
    pub indexes: Cache<Version, Arc<Index>>,
    /// Answers by version and question.
    pub answers: Cache<(Version, String), Bytes>,
    /// Rows of critical posts, which many answers have in common.
    pub rows: Cache<(Version, u64), PostRow>,
    pub totals: Cache<Version, Totals>,
    pub pieces: Arc<Semaphore>,
    pub scans: Arc<Semaphore>,
}

impl State {
    pub fn new(config: &Config, storage: &Storage) -> Result<Self, StartError> {
        let weight = |size: usize| u32::try_from(size).unwrap_or(u32::MAX);
        Ok(Self {
            files: ServiceClient::new(config.url_of(ServiceName::Files))?,
            tasks: ServiceClient::new(config.url_of(ServiceName::Tasks))?,
            settings: SettingsReader::new(config)?,
            storage: storage.clone(),
            indexes: Cache::builder()
                .max_capacity(INDEXES)
                .weigher(move |_, index: &Arc<Index>| weight(index.size()))
                .build(),
            answers: Cache::builder()
                .max_capacity(ANSWERS)
                .weigher(move |(_, question): &(Version, String), answer: &Bytes| weight(question.len() + answer.len()))
                .build(),
            rows: Cache::builder().max_capacity(ROWS).weigher(move |_, row: &PostRow| weight(row.size())).build(),
            totals: Cache::new(TOTALS),
            pieces: Arc::new(Semaphore::new(PIECES)),
            scans: Arc::new(Semaphore::new(SCANS)),
        })
    }
}

/// Does `work` on the blocking pool when it is its turn. Once begun it keeps its turn to its end, also when the caller
/// goes away.
pub async fn on_pool<T: Send + 'static>(
    turns: &Arc<Semaphore>,
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let turn = tokio::time::timeout(PATIENCE, Arc::clone(turns).acquire_owned()).await;
    let turn = turn.ok().and_then(Result::ok).ok_or_else(busy)?;
    let done = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        work()
    });
    done.await.map_err(Problem::internal)?
}
