use std::{
    collections::{HashMap, HashSet},
    pin::pin,
    sync::Mutex,
    sync::PoisonError,
    time::Duration,
};

use dallosh_primitives::Uid;
use dallosh_store::StoreErrorKind;
use futures::TryStreamExt as _;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::watch;

use crate::{Engine, Hold, Job, JobDocument, JobError, PlannedCall, Settled, ledger::Ledger, memo::ClaimDocument};

/// How often a settlement that the database does not take is tried again; after that the worst case counts.
const SETTLE_ATTEMPTS: u32 = 5;

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
    /// The limit does not cover another call: the job is paused until it is raised.
    #[error("out of budget: {detail}")]
    OutOfBudget {
        /// In words.
        detail: String,
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
    pub(crate) ledger: Ledger,
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
            biased;
            _ = self.interrupted() => Err(StepError::Interrupted),
            () = tokio::time::sleep(time) => Ok(()),
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

    /// The same for what is only worth telling: a database that is away is no reason to put the work down.
    pub async fn tell(&self, change: impl FnMut(&mut JobDocument)) -> Result<(), StepError> {
        match self.report(change).await {
            Err(StepError::Job(JobError::Store(error))) if error.kind == StoreErrorKind::Unavailable => {
                tracing::warn!(error = %error, "progress was not written");
                Ok(())
            }
            told => told,
        }
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
        Ok(self.engine.pages(self.uid, self.job().data.control.run).try_collect().await?)
    }

    /// Sets the worst case of a call aside. While other calls are on their way that may use less than was set aside for
    /// them, it waits for those.
    ///
    /// # Errors
    /// [`StepError::OutOfBudget`] when the limit does not cover the call; [`StepError::Interrupted`] when the work is to
    /// be put down.
    ///
    /// # Cancel safety
    /// A future that is dropped may leave the worst case set aside, which counts as spent.
    pub async fn reserve(&self, call: &PlannedCall) -> Result<Hold, StepError> {
        loop {
            let Ledger { turn, calls } = &self.ledger;
            let mut ended = pin!(calls.ended.notified());
            ended.as_mut().enable();
            self.check()?;
            let turn = turn.lock().await;
            let (job, reserved) = self.engine.reserve(self.uid, self.epoch, &self.worker, call.clone(), calls).await?;
            self.seen(job);
            drop(turn);
            match reserved {
                Ok(hold) => return Ok(hold),
                Err(over) if !over.may_change => return Err(StepError::OutOfBudget { detail: over.detail }),
                Err(_) => {
                    tokio::select! {
                        () = ended => {}
                        _ = self.interrupted() => return Err(StepError::Interrupted),
                    }
                }
            }
        }
    }

    /// Replaces what was set aside by what was spent. When the database does not take it, the worst case counts.
    pub async fn settle(&self, hold: Hold, settled: Settled) {
        for attempt in 1..=SETTLE_ATTEMPTS {
            let turn = self.ledger.turn.lock().await;
            let written = self.engine.settle(self.uid, &hold, settled).await;
            drop(turn);
            match written {
                Ok(()) => break,
                Err(error) if attempt == SETTLE_ATTEMPTS => {
                    tracing::error!(task.id = %self.uid, error = %error, "a call was not settled; its worst case counts");
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(100) * 2_u32.pow(attempt)).await,
            }
        }
    }

    /// Those of the results that were paid for already, by this job or another one.
    pub async fn recall(&self, keys: &[Uid]) -> Result<HashMap<Uid, Value>, StepError> {
        Ok(self.engine.memo.recall(keys).await?)
    }

    /// Claims the results that this part of the work is about to pay for; those that are its own now. Others are at work on
    /// the rest. A result may have come meanwhile: [`JobContext::recall`] those that were claimed.
    pub async fn claim(&self, part: &str, keys: &[Uid]) -> Result<HashSet<Uid>, StepError> {
        Ok(self.engine.memo.claim(&self.claimant(part), keys).await?)
    }

    /// Keeps results that were paid for.
    pub async fn remember(&self, results: Vec<(Uid, Value)>) -> Result<(), StepError> {
        Ok(self.engine.memo.remember(results).await?)
    }

    /// Ends the claims of a part of the work.
    pub async fn release(&self, part: &str) -> Result<(), StepError> {
        Ok(self.engine.memo.release(&self.claimant(part)).await?)
    }

    fn claimant(&self, part: &str) -> ClaimDocument {
        ClaimDocument { job: self.uid, epoch: self.epoch, part: part.to_owned() }
    }

    fn seen(&self, job: Job) {
        *self.job.lock().unwrap_or_else(PoisonError::into_inner) = job;
    }

    pub(crate) async fn write(&self, change: impl FnMut(&mut Job)) -> Result<(), StepError> {
        let job = self.engine.write(self.uid, self.epoch, &self.worker, change).await?;
        self.seen(job);
        Ok(())
    }
}
