use std::{sync::Mutex, sync::PoisonError, time::Duration};

use dallosh_primitives::Uid;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::watch;

use crate::{Engine, Job, JobDocument, JobError};

/// Why a step is to put its work down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interruption {
    /// Somebody wants it held or ended.
    Wanted,
    /// The process stops; another one goes on.
    Shutdown,
    /// Another worker has the job; nothing may be written any more.
    LeaseLost,
}

/// Why a step did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// It put its work down because it was asked to.
    #[error("interrupted")]
    Interrupted,
    /// It can't succeed: the job ends `on_error` with this code and message.
    #[error("{code}: {message}")]
    Failed {
        /// Stable.
        code: &'static str,
        /// For people, without internals.
        message: String,
    },
    /// A part that it needs did not answer; it is tried again.
    #[error("{what} is not available")]
    Unavailable {
        /// Which part.
        what: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The job's own documents failed.
    #[error(transparent)]
    Job(#[from] JobError),
}

/// What a step leaves for the following ones, or why it did not come to its end.
pub type StepOutcome = Result<Value, StepError>;

/// What a step sees of its job, and the only way in which it changes it: every write carries the worker's epoch.
pub struct JobContext {
    pub(crate) engine: Engine,
    pub(crate) uid: Uid,
    pub(crate) epoch: i64,
    pub(crate) worker: String,
    pub(crate) job: Mutex<Job>,
    pub(crate) signal: watch::Receiver<Option<Interruption>>,
}

impl JobContext {
    /// The job's id.
    pub fn uid(&self) -> Uid {
        self.uid
    }

    /// The job as it was read or written last.
    pub fn job(&self) -> Job {
        self.job.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the pipeline was told when the job was made.
    pub fn input<T: DeserializeOwned>(&self) -> Result<T, StepError> {
        serde_json::from_value(self.job().data.input).map_err(|error| JobError::from(error).into())
    }

    /// What a complete step left.
    pub fn checkpoint<T: DeserializeOwned>(&self, step: &str) -> Result<Option<T>, StepError> {
        let checkpoint = self.job().data.checkpoints.get(step).cloned();
        checkpoint.map(serde_json::from_value).transpose().map_err(|error| JobError::from(error).into())
    }

    /// Whether the work is to be put down now.
    pub fn interruption(&self) -> Option<Interruption> {
        *self.signal.borrow()
    }

    /// Fails when the work is to be put down now.
    pub fn check(&self) -> Result<(), StepError> {
        if self.interruption().is_some() { Err(StepError::Interrupted) } else { Ok(()) }
    }

    /// Waits until the work is to be put down.
    pub async fn interrupted(&self) -> Interruption {
        let mut signal = self.signal.clone();
        let seen = signal.wait_for(Option::is_some).await.map(|seen| *seen);
        seen.ok().flatten().unwrap_or(Interruption::LeaseLost)
    }

    /// Waits, but no longer than until the work is to be put down.
    pub async fn pause_for(&self, time: Duration) -> Result<(), StepError> {
        tokio::select! {
            () = tokio::time::sleep(time) => Ok(()),
            _ = self.interrupted() => Err(StepError::Interrupted),
        }
    }

    /// Changes the document, without an event.
    pub async fn update(&self, mut change: impl FnMut(&mut JobDocument)) -> Result<(), StepError> {
        self.write(|job| change(&mut job.data)).await
    }

    /// Changes the document and tells everybody with an event `progress`.
    pub async fn report(&self, mut change: impl FnMut(&mut JobDocument)) -> Result<(), StepError> {
        let now = self.engine.clock.now();
        self.write(|job| {
            change(&mut job.data);
            job.data.emit(job.uid, "progress", now);
        })
        .await
    }

    /// Stores the results of a page; gives back those that count, which are the first writer's. A page is progress: the
    /// job is not given up as long as pages are stored.
    pub async fn put_page(&self, page: i64, content: Value) -> Result<Value, StepError> {
        let content = self.engine.put_page(&self.job(), page, content).await?;
        if self.job().data.control.stalls > 0 {
            self.update(|data| data.control.stalls = 0).await?;
        }
        Ok(content)
    }

    /// The results of every page of this run, in order; those of a later round after those of an earlier one.
    pub async fn pages(&self) -> Result<Vec<Value>, StepError> {
        Ok(self.engine.pages(self.uid, self.job().data.control.run).await?)
    }

    pub(crate) async fn write(&self, change: impl FnMut(&mut Job)) -> Result<(), StepError> {
        let job = self.engine.write(self.uid, self.epoch, &self.worker, change).await?;
        *self.job.lock().unwrap_or_else(PoisonError::into_inner) = job;
        Ok(())
    }
}
