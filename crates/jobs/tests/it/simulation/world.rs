use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use chrono::TimeDelta;
use dallosh_broker::Broker;
use dallosh_jobs::{
    Engine, Job, JobContext, JobDocument, Kind, Pipeline, State, StepError, StepOutcome, Worker, WorkerConfig,
};
use dallosh_primitives::{ManualClock, Uid};
use dallosh_store::{RawDocument, Store, Versioned};
use futures::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::database::{Connection, Database, Life};

pub const KIND: Kind = Kind { name: "test", steps: &["read", "ask", "save"], units_step: "ask" };
/// What each job is about: so many texts.
pub const UNITS: u64 = 10;
const PAGE_UNITS: usize = 2;
const LEASE: Duration = Duration::from_secs(3);

/// A stored page: for each unit the number of the call that answered it, and whether the answer was usable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageContent {
    pub round: i64,
    pub answers: BTreeMap<u64, (u64, bool)>,
}

/// A question to the model.
pub struct Call {
    pub job: Uid,
    /// Whether nobody may ask now, by the document: the job does not run, or another worker has it.
    pub forbidden: Option<String>,
}

/// Everything that outlives a process.
pub struct World {
    pub database: Arc<Database>,
    pub failing: watch::Sender<u8>,
    pub calls: Mutex<Vec<Call>>,
    broker: Broker,
}

/// A simulated process.
pub struct Process {
    pub engine: Engine,
    pub life: watch::Sender<Life>,
}

/// A simulated process with a worker.
pub struct WorkerProcess {
    pub process: Process,
    pub worker: Arc<Worker>,
    pub stop: CancellationToken,
    pub task: JoinHandle<()>,
}

impl World {
    pub async fn new() -> Self {
        Self {
            database: Arc::default(),
            failing: watch::Sender::new(0),
            calls: Mutex::default(),
            broker: Broker::open("memory://", &[]).await.unwrap(),
        }
    }

    /// A process that begins now; its clock is off by up to an hour.
    pub async fn process(&self) -> (Process, Connection) {
        let life = watch::Sender::new(Life::Alive);
        let connection =
            Connection { database: self.database.clone(), life: life.subscribe(), failing: self.failing.subscribe() };
        let clock = ManualClock::new("2026-01-01T00:00:00Z".parse().unwrap());
        clock.advance(TimeDelta::seconds(fastrand::i64(-3600..=3600)));
        let clock = Arc::new(clock);
        let store = Store::on(Arc::new(connection.clone()), clock.clone());
        let engine = Engine::open(KIND, &store, self.broker.clone(), clock).await.unwrap();
        (Process { engine, life }, connection)
    }

    pub async fn worker(self: &Arc<Self>, instance: &str) -> WorkerProcess {
        let (process, connection) = self.process().await;
        let pipeline = Arc::new(Pages { world: self.clone(), connection });
        let config = WorkerConfig { instance: instance.to_owned(), lease: LEASE, max_parallel: 2, max_per_owner: 2 };
        let worker = Arc::new(Worker::new(process.engine.clone(), pipeline, config));
        let stop = CancellationToken::new();
        let task = tokio::spawn(worker.clone().run(stop.clone()));
        WorkerProcess { process, worker, stop, task }
    }

    /// The job as it is stored, whoever can reach it.
    pub fn job(&self, uid: Uid) -> Job {
        job_of(self.database.find("tasks", uid).unwrap())
    }

    /// Notes that a model is asked, and whether that was allowed; the number of the call.
    fn ask(&self, context: &JobContext) -> u64 {
        let (mine, now) = (context.job().data.control, self.job(context.uid()).data.control);
        let is_mine = now.state == State::Running && now.epoch == mine.epoch;
        let forbidden = (!is_mine).then(|| format!("{:?}, epoch {} of {}", now.state, mine.epoch, now.epoch));
        let mut calls = self.calls.lock().unwrap();
        calls.push(Call { job: context.uid(), forbidden });
        calls.len() as u64
    }
}

pub fn job_of(stored: RawDocument) -> Job {
    let RawDocument { uid, data, created_at, created_by, updated_at, updated_by, revision } = stored;
    let data: JobDocument = data.into_document().unwrap();
    Versioned { uid, data, created_at, created_by, updated_at, updated_by, revision }
}

/// The enrichment in small: reads, asks two pages at a time, and saves what the pages say.
struct Pages {
    world: Arc<World>,
    connection: Connection,
}

#[async_trait]
impl Pipeline for Pages {
    async fn run(&self, step: &'static str, job: &Arc<JobContext>) -> StepOutcome {
        match step {
            "ask" => self.ask(job).await,
            "save" => {
                let pages = decode(job.pages().await?);
                let answers: BTreeMap<_, _> = pages.into_iter().flat_map(|page| page.answers).collect();
                Ok(json!(answers))
            }
            _ => {
                job.pause_for(Duration::from_millis(fastrand::u64(10..500))).await?;
                self.connection.alive().await;
                Ok(json!({ "units": UNITS }))
            }
        }
    }

    async fn is_intact(&self, _: &'static str, _: &Value, _: &JobContext) -> Result<bool, StepError> {
        Ok(true)
    }
}

impl Pages {
    async fn ask(&self, job: &JobContext) -> StepOutcome {
        let round = job.job().data.control.round;
        let plan = plan(&decode(job.pages().await?), round);
        for pages in plan.chunks(2) {
            job.check()?;
            let asked = pages.iter().map(|(number, units)| self.ask_and_store(job, round, *number, units));
            for stored in join_all(asked).await {
                stored?;
            }
            job.report(|data| data.progress.pages_done += 1).await?;
        }
        Ok(json!({}))
    }

    async fn ask_and_store(&self, job: &JobContext, round: i64, number: i64, units: &[u64]) -> Result<(), StepError> {
        self.connection.alive().await;
        let call = self.world.ask(job);
        tokio::time::sleep(Duration::from_millis(fastrand::u64(20..900))).await;
        self.connection.alive().await;
        let answers = units.iter().map(|unit| (*unit, (call, fastrand::u8(..10) > 0))).collect();
        let content = PageContent { round, answers };
        let stored = job.put_page(number, json!(content)).await?;
        // Whoever was first, it is the same units.
        let stored: PageContent = serde_json::from_value(stored).unwrap();
        assert!(stored.answers.keys().eq(content.answers.keys()), "{stored:?} for {content:?}");
        Ok(())
    }
}

pub fn decode(pages: Vec<Value>) -> Vec<PageContent> {
    pages.into_iter().map(|page| serde_json::from_value(page).unwrap()).collect()
}

/// The pages of a round that are not stored: all units, or in a later round those without an answer from before.
fn plan(stored: &[PageContent], round: i64) -> Vec<(i64, Vec<u64>)> {
    let before = stored.iter().filter(|page| page.round < round).flat_map(|page| &page.answers);
    let usable: BTreeSet<_> = before.filter(|(_, (_, usable))| *usable).map(|(unit, _)| *unit).collect();
    let wanted: Vec<_> = (0..UNITS).filter(|unit| !usable.contains(unit)).collect();
    let answered: BTreeSet<_> =
        stored.iter().filter(|page| page.round == round).flat_map(|page| page.answers.keys().copied()).collect();
    let pages = (0..).zip(wanted.chunks(PAGE_UNITS).map(<[u64]>::to_vec));
    pages.filter(|(_, units)| !units.iter().any(|unit| answered.contains(unit))).collect()
}
