//! Runs a step's file work on the blocking pool: a few at once, stopped within moments, seen while it runs.

use std::{
    io::{self, Read},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use dallosh_dataset::DatasetError;
use dallosh_failpoints::Failpoint;
use dallosh_jobs::{JobContext, StepError};
use dallosh_storage::{BlockingReader, Key, Storage, StorageError, StorageErrorKind};
use sha2::{Digest, Sha256};

/// How often progress is told while a file is worked on.
const TELL: Duration = Duration::from_secs(1);

/// What the work and its watcher share.
#[derive(Default)]
pub struct Gauge {
    stop: AtomicBool,
    read: AtomicU64,
}

/// An object as it is read by blocking work: counts, hashes, and ends with an error when the work is to stop.
pub struct Source {
    reader: BlockingReader,
    gauge: Arc<Gauge>,
    hash: Option<Sha256>,
}

impl Source {
    /// Opens an object; called on the runtime.
    pub async fn open(storage: &Storage, key: &Key, gauge: &Arc<Gauge>) -> Result<Self, StepError> {
        let reader = storage.reader(key, None).await.map_err(|error| storage_failed(key, error))?;
        Ok(Self { reader: BlockingReader::new(reader), gauge: gauge.clone(), hash: None })
    }

    /// Hashes what is read.
    pub fn hashed(mut self) -> Self {
        self.hash = Some(Sha256::new());
        self
    }

    /// Reads what is left, and gives the hash of everything.
    pub fn finish_hash(mut self) -> io::Result<String> {
        let mut rest = vec![0; 64 << 10];
        while self.read(&mut rest)? > 0 {}
        Ok(self.hash.take().map(|hash| hex::encode(hash.finalize())).unwrap_or_default())
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.gauge.stop.load(Ordering::Relaxed) {
            return Err(io::Error::other("the work was stopped"));
        }
        let read = self.reader.read(buffer)?;
        if let (Some(hash), Some(bytes)) = (&mut self.hash, buffer.get(..read)) {
            hash.update(bytes);
        }
        self.gauge.read.fetch_add(u64::try_from(read).unwrap_or(0), Ordering::Relaxed);
        Ok(read)
    }
}

/// Runs `work` on the blocking pool; tells the progress from `percent.0` to `percent.1` as `size` bytes are read.
pub async fn run<T: Send + 'static>(
    job: &JobContext,
    gauge: Arc<Gauge>,
    size: u64,
    percent: (f64, f64),
    work: impl FnOnce() -> Result<T, StepError> + Send + 'static,
) -> Result<T, StepError> {
    let mut task = tokio::task::spawn_blocking(work);
    let mut told = 0;
    let outcome = loop {
        tokio::select! {
            outcome = &mut task => break outcome,
            _ = job.interrupted(), if !gauge.stop.load(Ordering::Relaxed) => gauge.stop.store(true, Ordering::Relaxed),
            () = tokio::time::sleep(TELL) => {
                let read = gauge.read.load(Ordering::Relaxed);
                if read != told && !gauge.stop.load(Ordering::Relaxed) {
                    told = read;
                    let share = share_of(read, size);
                    job.report(|data| data.progress.percent = percent.0 + (percent.1 - percent.0) * share).await?;
                }
            }
        }
    };
    match outcome {
        Ok(Err(_)) if gauge.stop.load(Ordering::Relaxed) => Err(StepError::Interrupted),
        Ok(result) => result,
        Err(error) => {
            tracing::error!(error = %error, "the work on a file panicked");
            Err(StepError::Failed {
                code: "internal",
                message: "something went wrong while a file was worked on".into(),
            })
        }
    }
}

/// `part` of `whole` as a share from 0 to 1, in thousandths.
pub fn share_of(part: u64, whole: u64) -> f64 {
    let thousandths = part.saturating_mul(1000).checked_div(whole).unwrap_or(1000).min(1000);
    f64::from(u32::try_from(thousandths).unwrap_or(1000)) / 1000.0
}

/// Passes a failpoint in work on a file; it fails as the object store does.
pub fn pass(failpoint: Failpoint) -> Result<(), StepError> {
    failpoint.pass_blocking().map_err(|error| dataset_failed(io::Error::from(error).into()))
}

/// What a failed storage call means for a step.
pub fn storage_failed(key: &Key, error: StorageError) -> StepError {
    match error.kind {
        StorageErrorKind::Full => {
            StepError::Failed { code: "storage_full", message: "there is no room left for the result".into() }
        }
        StorageErrorKind::NotFound => {
            StepError::Failed { code: "input_changed", message: format!("the stored file {key} is not there any more") }
        }
        _ => StepError::Unavailable { what: "the object store", source: error.into() },
    }
}

/// What an unreadable dataset means for a step. What came from the store below is the store's failure.
pub fn dataset_failed(error: DatasetError) -> StepError {
    use DatasetError as E;
    let code = match &error {
        E::Empty => "csv_empty",
        E::NotText { .. } => "unsupported_media_type",
        E::Binary { .. } => "csv_binary",
        E::Encoding { .. } => "csv_encoding",
        E::UnclosedQuote { .. } => "csv_unclosed_quote",
        E::FieldTooLarge { .. } | E::RowTooLarge { .. } => "csv_field_too_large",
        E::TooManyColumns { .. } => "csv_too_many_columns",
        E::TooManyRows { .. } => "csv_too_many_rows",
        E::TooManyRejects { .. } => "csv_too_many_rejects",
        E::MissingColumn { .. } | E::DuplicateTextColumn { .. } => "missing_column",
        E::Io(_) => return io_failed(error),
        _ => "internal",
    };
    StepError::Failed { code, message: error.to_string() }
}

fn io_failed(error: DatasetError) -> StepError {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(cause) = source {
        let inner = cause
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
            .and_then(|inner| inner.downcast_ref::<StorageError>());
        if inner.is_some_and(|storage| storage.kind == StorageErrorKind::Full) {
            return StepError::Failed { code: "storage_full", message: "there is no room left for the result".into() };
        }
        source = cause.source();
    }
    StepError::Unavailable { what: "the object store", source: error.into() }
}
