use std::{path::PathBuf, sync::Arc};

use dallosh_dataset::Limits;
use dallosh_primitives::{ByteSize, Clock, SystemClock};
use dallosh_service_kit::{Config, ServiceClient, ServiceName};
use dallosh_storage::Storage;
use dallosh_store::Store;
use tokio::sync::{Mutex, Semaphore};

use crate::{
    StartError,
    derived::Derived,
    quota::Quota,
    shown::Shown,
    store::Files,
    uploads::{Uploads, Writers},
};

/// Uploads that are taken in at once; more are told to come back.
const UPLOADS: usize = 16;
/// Short pieces of CPU work (a megabyte of an upload, a preview) at once; more wait.
const PIECES: usize = 2;
/// Readings of a whole file at once; more wait a little and are told to come back.
const SCANS: usize = 2;
/// Pages of rows that are read at once; more wait.
const PAGES: usize = 4;
/// Stages that are handed out in other formats at once; more wait a little and are told to come back.
const EXPORTS: usize = 4;

/// What the handlers and the janitor share.
pub struct State {
    pub files: Files,
    pub shown: Shown,
    pub uploads: Uploads,
    pub writers: Writers,
    pub storage: Storage,
    pub tasks: ServiceClient,
    pub clock: Arc<dyn Clock>,
    /// The largest file that is taken.
    pub max_upload: ByteSize,
    /// What one user may have.
    pub quota: Quota,
    /// Held by whoever adds to what a user has.
    pub entries: Mutex<()>,
    /// Bytes that uploads leave free.
    pub reserve: ByteSize,
    /// What a table may hold.
    pub limits: Limits,
    pub slots: Semaphore,
    pub pieces: Arc<Semaphore>,
    pub scans: Arc<Semaphore>,
    pub exports: Arc<Semaphore>,
    /// Where an export keeps what does not fit into memory.
    pub scratch: PathBuf,
    pub pages: Arc<Semaphore>,
    pub profiles: Arc<Derived>,
    pub row_indexes: Arc<Derived>,
}

impl State {
    pub async fn new(config: &Config, store: &Store, storage: &Storage) -> Result<Self, StartError> {
        Ok(Self {
            files: Files::open(store).await?,
            shown: Shown::default(),
            uploads: Uploads::open(store).await?,
            writers: Writers::default(),
            storage: storage.clone(),
            tasks: ServiceClient::new(config.url_of(ServiceName::Tasks))?,
            clock: Arc::new(SystemClock),
            max_upload: config.max_upload,
            quota: Quota { files: config.max_files_per_user, bytes: config.max_bytes_per_user },
            entries: Mutex::default(),
            reserve: config.storage_reserve,
            limits: Limits::default(),
            slots: Semaphore::new(UPLOADS),
            pieces: Arc::new(Semaphore::new(PIECES)),
            scans: Arc::new(Semaphore::new(SCANS)),
            exports: Arc::new(Semaphore::new(EXPORTS)),
            scratch: config.data_dir.clone(),
            pages: Arc::new(Semaphore::new(PAGES)),
            profiles: Arc::default(),
            row_indexes: Arc::default(),
        })
    }
}
