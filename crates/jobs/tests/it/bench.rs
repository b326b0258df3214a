use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::{Result, bail};
use async_trait::async_trait;
use dallosh_broker::Broker;
use dallosh_contracts::{Budget, TaskEvent};
use dallosh_jobs::{
    CallDocument, Command, Engine, EventQuery, Job, JobContext, JobDocument, Kind, Lease, NewJob, Pipeline,
    PlannedCall, Settled, State, StepError, StepOutcome, Worker, WorkerConfig,
};
use dallosh_primitives::{Limit, SystemClock, Uid};
use dallosh_store::{Filter, ListQuery, Store};
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use tokio::{sync::watch, task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;

const KIND: Kind = Kind { name: "test", steps: &["read", "ask", "save"], units_step: "ask" };
const PATIENCE: Duration = Duration::from_secs(30);

/// What a step does while it is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Waits until it is let go or interrupted.
    Waits,
    /// As a process that was frozen: notices nothing, and writes when it wakes up.
    Silent,
    /// Tells its progress this often.
    Reports(u32),
    /// Stores one page twice.
    WritesPageTwice,
    /// Misses a part.
    Lacks,
    /// Can't succeed.
    Fails,
    /// Makes ten calls of at most 40 tokens, two at once, of which each takes 10.
    Pays,
    /// Sets 40 tokens aside, and notices nothing before it is let go; settles then.
    PaysLate,
    /// Sets 40 tokens aside and then misses a part; when it is tried again, it pays as [`Step::Pays`].
    DropsACall,
    /// Needs five results: pays for those that nobody paid for, and waits for the others.
    Shares,
    /// Claims the five results and notices nothing before it is let go.
    ClaimsSilently,
}

#[derive(Default)]
struct Script {
    held: HashMap<&'static str, Step>,
    runs: Vec<(Uid, &'static str)>,
    pages: HashMap<Uid, Vec<Value>>,
    late: Option<Result<(), String>>,
    /// How often each result was paid for.
    paid: HashMap<Uid, u32>,
}

/// A database, a broker, and workers whose steps do what a test says.
pub struct Bench {
    pub engine: Engine,
    store: Store,
    script: Arc<Mutex<Script>>,
    news: watch::Sender<u64>,
    _folder: TempDir,
}

pub struct Running {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    pub async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

struct Scripted {
    script: Arc<Mutex<Script>>,
    news: watch::Sender<u64>,
}

impl Scripted {
    fn held(&self, step: &str) -> Option<Step> {
        self.script.lock().unwrap().held.get(step).copied()
    }

    async fn let_go(&self, step: &str) {
        let mut news = self.news.subscribe();
        while self.held(step).is_some() {
            news.changed().await.unwrap();
        }
    }
}

#[async_trait]
impl Pipeline for Scripted {
    async fn run(&self, step: &'static str, job: &Arc<JobContext>) -> StepOutcome {
        self.script.lock().unwrap().runs.push((job.uid(), step));
        self.news.send_modify(|count| *count += 1);
        match self.held(step) {
            Some(Step::Waits) => {
                tokio::select! {
                    () = self.let_go(step) => {}
                    _ = job.interrupted() => return Err(StepError::Interrupted),
                }
            }
            Some(Step::Silent) => {
                self.let_go(step).await;
                let written = job.update(|data| data.priority = 99).await;
                self.script.lock().unwrap().late = Some(written.map_err(|error| error.to_string()));
                self.news.send_modify(|count| *count += 1);
            }
            Some(Step::WritesPageTwice) => {
                let first = job.put_page(0, json!("first")).await?;
                assert_eq!(job.job().data.control.stalls, 0, "a stored page is progress");
                let second = job.put_page(0, json!("second")).await?;
                assert_eq!(first, second);
                let stored = job.pages().await?;
                self.script.lock().unwrap().pages.insert(job.uid(), stored);
            }
            Some(Step::DropsACall) => {
                let call =
                    PlannedCall { model: "m".into(), unit: step.into(), rows: 3, tokens: 40, cost: Decimal::ZERO };
                let _dropped = job.reserve(&call).await?;
                self.script.lock().unwrap().held.insert(step, Step::Pays);
                return Err(StepError::Unavailable { what: "the part", source: "it is away".into() });
            }
            Some(Step::Pays) => {
                let call =
                    PlannedCall { model: "m".into(), unit: step.into(), rows: 3, tokens: 40, cost: Decimal::new(4, 2) };
                let pay = async || {
                    let hold = job.reserve(&call).await?;
                    // The other call may be on its way meanwhile.
                    tokio::task::yield_now().await;
                    let used = Settled::Exactly { prompt_tokens: 7, completion_tokens: 3, cost: Decimal::new(1, 2) };
                    job.settle(hold, used).await;
                    Ok::<_, StepError>(())
                };
                for _ in 0..5 {
                    tokio::try_join!(pay(), pay())?;
                }
            }
            Some(Step::PaysLate) => {
                let call =
                    PlannedCall { model: "m".into(), unit: step.into(), rows: 3, tokens: 40, cost: Decimal::ZERO };
                let hold = job.reserve(&call).await?;
                self.news.send_modify(|count| *count += 1);
                // Its settlement outlives the loss of the lease, as that of a frozen process does.
                let (job, late) = (job.clone(), Self { script: self.script.clone(), news: self.news.clone() });
                let settlement = tokio::spawn(async move {
                    late.let_go(step).await;
                    let used = Settled::Exactly { prompt_tokens: 1, completion_tokens: 1, cost: Decimal::ZERO };
                    job.settle(hold, used).await;
                    late.script.lock().unwrap().late = Some(Ok(()));
                    late.news.send_modify(|count| *count += 1);
                });
                settlement.await.unwrap();
            }
            Some(Step::Shares) => {
                while job.recall(&results()).await?.len() < results().len() {
                    let mut mine: Vec<Uid> = job.claim("part", &results()).await?.into_iter().collect();
                    let there = job.recall(&mine).await?;
                    mine.retain(|key| !there.contains_key(key));
                    for key in &mine {
                        *self.script.lock().unwrap().paid.entry(*key).or_default() += 1;
                    }
                    job.remember(mine.iter().map(|key| (*key, json!(job.uid()))).collect()).await?;
                    job.release("part").await?;
                    job.pause_for(Duration::from_millis(5)).await?;
                }
            }
            Some(Step::ClaimsSilently) => {
                assert_eq!(job.claim("part", &results()).await?.len(), results().len());
                self.script.lock().unwrap().runs.push((job.uid(), "claimed"));
                self.news.send_modify(|count| *count += 1);
                self.let_go(step).await;
            }
            Some(Step::Reports(times)) => {
                for _ in 0..times {
                    job.report(|data| data.progress.pages_done += 1).await?;
                }
            }
            Some(Step::Lacks) => return Err(StepError::Unavailable { what: "the part", source: "it is away".into() }),
            Some(Step::Fails) => return Err(StepError::Failed { code: "broken", message: "it can't be done".into() }),
            None => {}
        }
        Ok(json!({ "done": step }))
    }

    async fn is_intact(&self, _: &'static str, _: &Value, _: &JobContext) -> Result<bool, StepError> {
        Ok(true)
    }
}

/// The keys of what [`Step::Shares`] needs.
pub fn results() -> Vec<Uid> {
    (0..5).map(|number| Uid::only(&format!("result {number}"))).collect()
}

impl Bench {
    pub async fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let url = format!("sqlite://{}", folder.path().join("test.db").display());
        let clock = Arc::new(SystemClock);
        let store = Store::open(&url, clock.clone()).await?;
        let broker = Broker::open("memory://", &[]).await?;
        let engine = Engine::open(KIND, &store, broker, clock).await?;
        Ok(Self { engine, store, script: Arc::default(), news: watch::Sender::new(0), _folder: folder })
    }

    pub fn worker(&self, instance: &str, lease: Duration) -> Running {
        self.worker_with(instance, lease, 4, 4)
    }

    /// A worker that does one job at a time.
    pub fn single(&self, instance: &str) -> Running {
        self.worker_with(instance, Duration::from_secs(30), 1, 1)
    }

    /// A worker that does one job of each owner at a time.
    pub fn fair(&self, instance: &str) -> Running {
        self.worker_with(instance, Duration::from_secs(30), 4, 1)
    }

    fn worker_with(&self, instance: &str, lease: Duration, max_parallel: usize, max_per_owner: usize) -> Running {
        let pipeline = Arc::new(Scripted { script: self.script.clone(), news: self.news.clone() });
        let config = WorkerConfig { instance: instance.to_owned(), lease, max_parallel, max_per_owner };
        let worker = Arc::new(Worker::new(self.engine.clone(), pipeline, config));
        let stop = CancellationToken::new();
        Running { task: tokio::spawn(worker.run(stop.clone())), stop }
    }

    /// Makes a job and puts it into the queue.
    pub async fn started(&self) -> Result<Uid> {
        self.started_of(Uid::new()).await
    }

    /// Makes a job of an owner and puts it into the queue.
    pub async fn started_of(&self, owner: Uid) -> Result<Uid> {
        let job = self.made(owner, Uid::new()).await?;
        self.engine.command(job, &Command::Start, "test").await?;
        Ok(job)
    }

    /// Makes a job of an owner about something.
    pub async fn made(&self, owner: Uid, subject: Uid) -> Result<Uid> {
        let new = NewJob { owner, subject, priority: 0, input: json!({}), details: Map::new(), budget: None };
        Ok(self.engine.create(new, "test").await?.uid)
    }

    pub fn hold(&self, step: &'static str, how: Step) {
        self.script.lock().unwrap().held.insert(step, how);
    }

    pub fn let_go(&self, step: &str) {
        self.script.lock().unwrap().held.remove(step);
        self.news.send_modify(|count| *count += 1);
    }

    /// Gives the job to a worker that never says anything.
    pub async fn steal(&self, job: Uid) -> Result<()> {
        let jobs = self.store.collection::<JobDocument>().await?;
        jobs.modify::<()>(job, "thief", |job| {
            job.data.control.epoch += 1;
            job.data.control.lease = Some(Lease { owner: "thief".to_owned(), beat: 0 });
            Ok(())
        })
        .await?;
        Ok(())
    }

    /// Waits until a step of the job was begun.
    pub async fn reached(&self, job: Uid, step: &str) {
        let mut news = self.news.subscribe();
        while !self.script.lock().unwrap().runs.contains(&(job, step)) {
            news.changed().await.unwrap();
        }
    }

    /// Waits until a step of one of the jobs was begun; which one.
    pub async fn reached_one_of(&self, jobs: &[Uid], step: &str) -> Uid {
        let mut news = self.news.subscribe();
        loop {
            let reached =
                self.script.lock().unwrap().runs.iter().find(|run| jobs.contains(&run.0) && run.1 == step).copied();
            if let Some((job, _)) = reached {
                return job;
            }
            news.changed().await.unwrap();
        }
    }

    /// What became of the write of a worker that woke up too late.
    pub async fn late_write(&self) -> Result<(), String> {
        let mut news = self.news.subscribe();
        loop {
            if let Some(late) = self.script.lock().unwrap().late.clone() {
                return late;
            }
            news.changed().await.unwrap();
        }
    }

    pub async fn wait_for(&self, job: Uid, state: State) -> Result<Job> {
        self.wait_until(job, |job| job.data.control.state == state).await
    }

    pub async fn wait_until(&self, job: Uid, is_so: impl Fn(&Job) -> bool) -> Result<Job> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let Some(found) = self.engine.find(job).await? else { bail!("the job is gone") };
            if is_so(&found) {
                return Ok(found);
            }
            if Instant::now() > deadline {
                bail!("the job stays {:?}, {:?}", found.data.control, found.data.error);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until nothing of a job is left.
    pub async fn gone(&self, job: Uid) -> Result<()> {
        let jobs = self.store.collection::<JobDocument>().await?;
        let deadline = Instant::now() + PATIENCE;
        while jobs.find(job).await?.is_some() {
            if Instant::now() > deadline {
                bail!("the document stays");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let left = self.events(job).await?;
        if left.is_empty() { Ok(()) } else { bail!("{} events stay", left.len()) }
    }

    pub async fn state(&self, job: Uid) -> Result<State> {
        Ok(self.wait_until(job, |_| true).await?.data.control.state)
    }

    pub async fn events(&self, job: Uid) -> Result<Vec<TaskEvent>> {
        Ok(self.engine.events(job, EventQuery { after: 0, limit: Limit::coerce(Some(200)) }).await?)
    }

    /// Gives a job a limit in tokens.
    pub async fn limit(&self, job: Uid, max_tokens: u64) -> Result<Job> {
        let budget = Budget { max_cost: None, max_tokens: Some(max_tokens) };
        Ok(self.engine.adjust(job, Some(budget), None, "test").await?)
    }

    /// The calls of a job as the books have them.
    pub async fn calls(&self, job: Uid) -> Result<Vec<CallDocument>> {
        let calls = self.store.collection::<CallDocument>().await?;
        let found = calls.list(&ListQuery::newest(Filter::eq("job", job))).await?;
        Ok(found.items.into_iter().map(|call| call.data).collect())
    }

    /// How often each result was paid for.
    pub fn paid(&self) -> HashMap<Uid, u32> {
        self.script.lock().unwrap().paid.clone()
    }

    /// The steps that were begun for a job.
    pub fn runs(&self, job: Uid) -> Vec<&'static str> {
        self.script.lock().unwrap().runs.iter().filter(|run| run.0 == job).map(|run| run.1).collect()
    }

    /// The jobs in the order of their steps.
    pub fn order(&self) -> Vec<Uid> {
        self.script.lock().unwrap().runs.iter().map(|run| run.0).collect()
    }

    /// The pages that the step saw after it had stored them.
    pub fn pages(&self, job: Uid) -> Vec<Value> {
        self.script.lock().unwrap().pages.get(&job).cloned().unwrap_or_default()
    }
}
