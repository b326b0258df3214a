//! Step 3: the model is asked, page by page; a page counts once its answers are stored.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use chrono::{TimeDelta, Utc};
use dallosh_contracts::{ModelSnapshot, Waiting, figures};
use dallosh_dataset::{CLEAN_TEXT, TextRow, TextRows, unique_texts};
use dallosh_failpoints::Failpoint;
use dallosh_jobs::{JobContext, JobError, StepError, StepOutcome};
use dallosh_llm::{Route, TOPICS};
use dallosh_primitives::Uid;
use dallosh_storage::{Key, Stage};
use futures::{StreamExt, stream::FuturesUnordered};
use hashbrown::{HashMap, HashSet};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{clean::CleanCheckpoint, input, required};
use crate::{
    asking::{Outage, PaidAnswers, Questions, RETRIES, ask},
    blocking::{self, Gauge, Source, dataset_failed, share_of},
    meter::PageMeter,
    models::{AskedModel, AskedModels},
    paging::{Answer, PagePlan, PageResult, key_of},
    pipeline::Enrichment,
};

/// Texts a page when nobody says otherwise.
const PAGE_TEXTS: u32 = 500;
/// Pages in work at once when nobody says otherwise.
const CONCURRENCY: u32 = 2;
/// How often progress is told, at most.
const TELL: Duration = Duration::from_millis(500);
/// How long calls in flight may take to end once the work is to be put down.
const PATIENCE: Duration = Duration::from_secs(10);
/// Over how long the speed is measured.
const WINDOW: Duration = Duration::from_secs(10);

pub async fn run(pipeline: &Enrichment, job: &Arc<JobContext>) -> StepOutcome {
    let input = input(job)?;
    let CleanCheckpoint { counts, artefacts } = required(job, "process_cleaning")?;
    let size = artefacts.first().map_or(0, |artefact| artefact.size);
    let cleaned = Key::dataset(job.job().data.subject, Stage::Cleaned);
    let first = input.models.first();
    let of_model = |setting: fn(&ModelSnapshot) -> u32, otherwise| first.map_or(otherwise, setting);
    let page_texts =
        input.options.paginate_rows_limit.unwrap_or_else(|| of_model(|model| model.paginate_rows_limit, PAGE_TEXTS));
    let concurrency = input.options.concurrency.unwrap_or_else(|| of_model(|model| model.concurrency, CONCURRENCY));
    let retries = of_model(|model| model.retry_requests, RETRIES);
    let round = job.job().data.control.round;
    let topics = input.options.topics.clone().unwrap_or_else(|| TOPICS.map(str::to_owned).to_vec());

    let mut tally = Tally::new(rows_of_texts(pipeline, job, &cleaned, size).await?, round);
    for page in job.pages().await? {
        tally.add(&decode(page)?);
    }
    // A later round asks for what has no answer from the ones before: it failed, or they did not come to it.
    let wanted = (round > 0).then(|| tally.open_before());
    let texts = wanted.as_ref().map_or(counts.unique_texts, |wanted| u64::try_from(wanted.len()).unwrap_or(u64::MAX));
    let pages_total = texts.div_ceil(u64::from(page_texts));
    let stop = CancellationToken::new();
    let Some(AskedModels { route, mut models }) = pipeline.models.of_task(&input.models, &topics, stop.clone()) else {
        let message = "none of the models of the settings can be asked".to_owned();
        return Err(StepError::Failed { code: "model_not_found", message });
    };
    if input.options.cache == Some(false) {
        // Within a run an answer counts all the same.
        let run = format!("{} run {}", job.uid(), job.job().data.control.run);
        for model in &mut models {
            model.answers = model.answers.map(|answers| answers.private_to(&run));
        }
    }
    let asked = Asked { route: &route, models: &models, topics: &topics, retries, job };
    job.report(|data| tally.show(&mut data.progress, pages_total, &mut data.details)).await?;

    let (plans, mut pages) = mpsc::channel(1);
    let planned = Planned { size: page_texts, round, done: tally.done.clone(), wanted };
    let planning = plan(pipeline, &cleaned, planned, plans).await?;
    let mut asking = FuturesUnordered::new();
    let (mut told, mut all_planned) = (Instant::now(), false);
    let limit = usize::try_from(concurrency).unwrap_or(1);
    let outcome = loop {
        if all_planned && asking.is_empty() {
            break Ok(());
        }
        tokio::select! {
            biased;
            _ = job.interrupted() => break Err(StepError::Interrupted),
            page = pages.recv(), if !all_planned && asking.len() < limit => match page {
                Some(page) => asking.push(asked.ask_and_store(page)),
                None => all_planned = true,
            },
            Some(stored) = asking.next(), if !asking.is_empty() => match stored {
                Ok(stored) => tally.add(&stored),
                Err(error) => break Err(error),
            },
        }
        if told.elapsed() >= TELL {
            told = Instant::now();
            job.tell(|data| tally.show(&mut data.progress, pages_total, &mut data.details)).await?;
        }
    };
    drop(pages);
    stop.cancel();
    if let Err(interrupted) = outcome {
        // Calls in flight finish and count; no new one starts.
        let rest = async {
            while let Some(stored) = asking.next().await {
                if let Ok(stored) = stored {
                    tally.add(&stored);
                }
            }
        };
        let _ = tokio::time::timeout(PATIENCE, rest).await;
        job.update(|data| tally.show(&mut data.progress, pages_total, &mut data.details)).await?;
        return Err(interrupted);
    }
    planning.await.map_err(|error| StepError::Failed { code: "internal", message: error.to_string() })??;
    job.report(|data| {
        tally.show(&mut data.progress, pages_total, &mut data.details);
        data.progress.percent = 90.0;
    })
    .await?;
    Ok(json!({ "pages": pages_total }))
}

/// How this task's pages are asked.
struct Asked<'a> {
    route: &'a Route,
    models: &'a [AskedModel],
    topics: &'a [String],
    retries: u32,
    job: &'a Arc<JobContext>,
}

impl Asked<'_> {
    /// Asks for a page; it counts once its answers are stored.
    async fn ask_and_store(&self, page: PagePlan) -> Result<PageResult, StepError> {
        let Self { route, models, topics, retries, job } = *self;
        let name = format!("round {} page {}", page.round, page.number);
        let meter = Arc::new(PageMeter::new(job.clone(), name.clone(), page.texts.len() as u64));
        let route = route.metered_by(meter.clone());
        let paid = Paid { job, page: name };
        let questions = Questions { route: &route, models, topics, retries, outage: &Waits(job), paid: &paid };
        Failpoint::PagePreLlm.pass().await.map_err(JobError::from)?;
        let result = ask(&questions, &page).await.map_err(|error| meter.refusal().unwrap_or(error))?;
        Failpoint::PagePostLlm.pass().await.map_err(JobError::from)?;
        metrics::counter!(figures::CACHE_HITS).increment(result.cached);
        let content = serde_json::to_value(&result).map_err(JobError::from)?;
        let stored = job.put_page(page.number, content).await?;
        Failpoint::PagePostInsert.pass().await.map_err(JobError::from)?;
        decode(stored)
    }
}

/// The engine's memory of what was paid for, for one page.
struct Paid<'a> {
    job: &'a JobContext,
    page: String,
}

#[async_trait]
impl PaidAnswers for Paid<'_> {
    async fn recall(&self, keys: &[Uid]) -> Result<std::collections::HashMap<Uid, Value>, StepError> {
        self.job.recall(keys).await
    }

    async fn claim(&self, keys: &[Uid]) -> Result<std::collections::HashSet<Uid>, StepError> {
        self.job.claim(&self.page, keys).await
    }

    async fn remember(&self, answers: Vec<(Uid, Value)>) -> Result<(), StepError> {
        self.job.remember(answers).await
    }

    async fn release(&self) -> Result<(), StepError> {
        self.job.release(&self.page).await
    }
}

/// Shows in the task that it waits.
struct Waits<'a>(&'a JobContext);

#[async_trait]
impl Outage for Waits<'_> {
    async fn wait(&self, reason: String, time: Duration) -> Result<(), StepError> {
        metrics::counter!(figures::WAITS, "reason" => reason.clone()).increment(1);
        let now = Utc::now();
        let since = self.0.job().data.waiting.map_or(now, |waiting| waiting.since);
        let next_attempt_at = now + TimeDelta::from_std(time).unwrap_or_default();
        let waiting = Waiting { reason, since, next_attempt_at };
        self.0.report(|data| data.waiting = Some(waiting.clone())).await?;
        self.0.pause_for(time).await
    }

    async fn linger(&self, time: Duration) -> Result<(), StepError> {
        self.0.pause_for(time).await
    }

    async fn over(&self) -> Result<(), StepError> {
        self.0.report(|data| data.waiting = None).await
    }
}

fn decode(page: Value) -> Result<PageResult, StepError> {
    serde_json::from_value(page).map_err(|error| JobError::from(error).into())
}

/// How many rows each text stands for.
async fn rows_of_texts(
    pipeline: &Enrichment,
    job: &JobContext,
    cleaned: &Key,
    size: u64,
) -> Result<HashMap<u128, u32>, StepError> {
    let gauge = Arc::new(Gauge::default());
    let source = Source::open(&pipeline.storage, cleaned, &gauge).await?;
    blocking::run(job, gauge, size, (15.0, 16.0), move || {
        let mut texts = TextRows::new(source, CLEAN_TEXT).map_err(dataset_failed)?;
        let mut rows: HashMap<u128, u32> = HashMap::new();
        while let Some(TextRow { key, .. }) = texts.next_row().map_err(dataset_failed)? {
            let count = rows.entry(key).or_default();
            *count = count.saturating_add(1);
        }
        rows.remove(&0);
        Ok(rows)
    })
    .await
}

/// Which pages there are to be.
struct Planned {
    size: u32,
    round: i64,
    /// Pages of this round that are stored.
    done: BTreeSet<i64>,
    /// The texts to ask; all of them when absent.
    wanted: Option<HashSet<u128>>,
}

/// Reads the cleaned file on the blocking pool and hands out the pages that are not stored yet.
async fn plan(
    pipeline: &Enrichment,
    cleaned: &Key,
    planned: Planned,
    plans: mpsc::Sender<PagePlan>,
) -> Result<tokio::task::JoinHandle<Result<(), StepError>>, StepError> {
    let source = Source::open(&pipeline.storage, cleaned, &Arc::new(Gauge::default())).await?;
    let Planned { size, round, done, wanted } = planned;
    let size = usize::try_from(size).unwrap_or(1);
    Ok(tokio::task::spawn_blocking(move || {
        let is_wanted = |text: &Result<(u128, String), _>| match (text, &wanted) {
            (Ok((key, _)), Some(wanted)) => wanted.contains(key),
            _ => true,
        };
        let mut texts = unique_texts(source, CLEAN_TEXT).map_err(dataset_failed)?.filter(is_wanted);
        for number in 0.. {
            let page = texts.by_ref().take(size).collect::<Result<Vec<_>, _>>().map_err(dataset_failed)?;
            if page.is_empty() {
                break;
            }
            // Nobody takes pages any more when the work was put down.
            if !done.contains(&number) && plans.blocking_send(PagePlan { number, round, texts: page }).is_err() {
                break;
            }
        }
        Ok(())
    }))
}

/// What is stored so far, in figures.
struct Tally {
    rows: HashMap<u128, u32>,
    round: i64,
    /// Pages of this round.
    done: BTreeSet<i64>,
    /// How many of them each model answered.
    pages_by_model: BTreeMap<String, u64>,
    /// Texts that were answered in the rounds before.
    answered_before: HashSet<u128>,
    /// Texts with an outcome; `true` for a failure.
    outcomes: HashMap<u128, bool>,
    rows_done: u64,
    rows_failed: u64,
    models: BTreeSet<String>,
    cached: u64,
    recent: VecDeque<(Instant, u64)>,
}

impl Tally {
    fn new(rows: HashMap<u128, u32>, round: i64) -> Self {
        Self {
            rows,
            round,
            done: BTreeSet::new(),
            pages_by_model: BTreeMap::new(),
            answered_before: HashSet::new(),
            outcomes: HashMap::new(),
            rows_done: 0,
            rows_failed: 0,
            models: BTreeSet::new(),
            cached: 0,
            recent: VecDeque::new(),
        }
    }

    /// Texts without an answer from the rounds before.
    fn open_before(&self) -> HashSet<u128> {
        self.rows.keys().filter(|key| !self.answered_before.contains(*key)).copied().collect()
    }

    /// Adds a page; those of earlier rounds come before those of later ones.
    fn add(&mut self, page: &PageResult) {
        if page.round == self.round {
            if !self.done.insert(page.number) {
                return;
            }
            for model in &page.models {
                *self.pages_by_model.entry(model.clone()).or_default() += 1;
            }
        }
        for (key, answer) in &page.answers {
            let Some(key) = key_of(key) else { continue };
            let failed = matches!(answer, Answer::Failed { .. });
            let rows = self.rows.get(&key).copied().map_or(0, u64::from);
            match self.outcomes.insert(key, failed) {
                None => self.rows_done = self.rows_done.saturating_add(rows),
                Some(true) => self.rows_failed = self.rows_failed.saturating_sub(rows),
                Some(false) => {}
            }
            if failed {
                self.rows_failed = self.rows_failed.saturating_add(rows);
            }
            if page.round < self.round && !failed {
                self.answered_before.insert(key);
            }
        }
        self.models.extend(page.models.iter().cloned());
        self.cached = self.cached.saturating_add(page.cached);
    }

    fn show(
        &mut self,
        progress: &mut dallosh_contracts::Progress,
        pages_total: u64,
        details: &mut serde_json::Map<String, Value>,
    ) {
        let now = Instant::now();
        while self.recent.front().is_some_and(|(at, _)| now.duration_since(*at) > WINDOW) {
            self.recent.pop_front();
        }
        let speed = self
            .recent
            .front()
            .map(|(at, rows)| (now.duration_since(*at).as_secs_f64(), self.rows_done.saturating_sub(*rows)));
        self.recent.push_back((now, self.rows_done));
        let rows_left = progress.rows_total.saturating_sub(self.rows_done);
        progress.rows_per_second =
            speed.filter(|(seconds, rows)| *seconds > 0.0 && *rows > 0).map(|(seconds, rows)| count(rows) / seconds);
        progress.eta_seconds = progress.rows_per_second.map(|speed| count(rows_left) / speed);
        progress.rows_done = self.rows_done;
        progress.rows_failed = self.rows_failed;
        progress.pages_total = pages_total;
        progress.pages_done = u64::try_from(self.done.len()).unwrap_or(u64::MAX);
        progress.pages_by_model.clone_from(&self.pages_by_model);
        progress.percent = 16.0 + 74.0 * share_of(progress.pages_done, pages_total);
        progress.texts_cached = self.cached;
        details.insert("models_used".to_owned(), json!(self.models));
    }
}

/// A count as a number for speeds; exact below four thousand million.
fn count(number: u64) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}
