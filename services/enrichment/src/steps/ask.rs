//! Step 3: the model is asked, page by page; a page counts once its answers are stored.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use dallosh_dataset::{CLEAN_TEXT, Dialect, Limits, Reader, Step, text_key, unique_texts};
use dallosh_jobs::{JobContext, JobError, StepError, StepOutcome};
use dallosh_llm::{ProviderErrorKind, TOPICS};
use dallosh_storage::{Key, Stage};
use futures::{StreamExt, stream::FuturesUnordered};
use hashbrown::HashMap;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{clean::CleanCheckpoint, input, required};
use crate::{
    asking::ask,
    blocking::{self, Gauge, Source, dataset_failed, share_of},
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

pub async fn run(pipeline: &Enrichment, job: &JobContext) -> StepOutcome {
    let input = input(job)?;
    let CleanCheckpoint { counts, artefacts } = required(job, "process_cleaning")?;
    let size = artefacts.first().map_or(0, |artefact| artefact.size);
    let cleaned = Key::dataset(job.job().data.subject, Stage::Cleaned);
    let page_texts = input.options.paginate_rows_limit.unwrap_or(PAGE_TEXTS);
    let concurrency = input.options.concurrency.unwrap_or(CONCURRENCY);
    let topics = input.options.topics.clone().unwrap_or_else(|| TOPICS.map(str::to_owned).to_vec());

    let mut tally = Tally::new(rows_of_texts(pipeline, job, &cleaned, size).await?);
    for page in job.pages().await? {
        tally.add(&decode(page)?);
    }
    let pages_total = counts.unique_texts.div_ceil(u64::from(page_texts));
    job.report(|data| tally.show(&mut data.progress, pages_total, &mut data.usage, &mut data.details)).await?;

    let (plans, mut pages) = mpsc::channel(1);
    let planning = plan(pipeline, &cleaned, page_texts, tally.done.clone(), plans).await?;
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
                Some(page) => asking.push(ask_and_store(pipeline, job, page, &topics)),
                None => all_planned = true,
            },
            Some(stored) = asking.next(), if !asking.is_empty() => match stored {
                Ok(stored) => tally.add(&stored),
                Err(error) => break Err(error),
            },
        }
        if told.elapsed() >= TELL {
            told = Instant::now();
            job.report(|data| tally.show(&mut data.progress, pages_total, &mut data.usage, &mut data.details)).await?;
        }
    };
    drop(pages);
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
        job.update(|data| tally.show(&mut data.progress, pages_total, &mut data.usage, &mut data.details)).await?;
        return Err(interrupted);
    }
    planning.await.map_err(|error| StepError::Failed { code: "internal", message: error.to_string() })??;
    job.report(|data| {
        tally.show(&mut data.progress, pages_total, &mut data.usage, &mut data.details);
        data.progress.percent = 90.0;
    })
    .await?;
    Ok(json!({ "pages": pages_total }))
}

async fn ask_and_store(
    pipeline: &Enrichment,
    job: &JobContext,
    page: PagePlan,
    topics: &[String],
) -> Result<PageResult, StepError> {
    let result = ask(pipeline.model.as_ref(), &page, topics).await.map_err(|error| match error.kind {
        ProviderErrorKind::Unauthorized => StepError::Failed { code: "model_unauthorized", message: error.to_string() },
        ProviderErrorKind::NotFound => StepError::Failed { code: "model_not_found", message: error.to_string() },
        _ => StepError::Unavailable { what: "the model", source: error.into() },
    })?;
    let content = serde_json::to_value(&result).map_err(JobError::from)?;
    decode(job.put_page(page.number, content).await?)
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
        let limits = Limits { field_bytes: 32 << 20, row_bytes: 64 << 20, columns: usize::MAX, rows: u64::MAX - 1 };
        let mut reader = Reader::new(source, &Dialect::ours(), limits).map_err(dataset_failed)?;
        let column = reader.header().get(CLEAN_TEXT).map_err(dataset_failed)?;
        let mut rows: HashMap<u128, u32> = HashMap::new();
        while let Some(step) = reader.read().map_err(dataset_failed)? {
            if let Step::Row(row) = step {
                let key = text_key(&row.get(column).unwrap_or_default());
                let count = rows.entry(key).or_default();
                *count = count.saturating_add(1);
            }
        }
        rows.remove(&0);
        Ok(rows)
    })
    .await
}

/// Reads the cleaned file on the blocking pool and hands out the pages that are not stored yet.
async fn plan(
    pipeline: &Enrichment,
    cleaned: &Key,
    page_texts: u32,
    done: BTreeSet<i64>,
    plans: mpsc::Sender<PagePlan>,
) -> Result<tokio::task::JoinHandle<Result<(), StepError>>, StepError> {
    let source = Source::open(&pipeline.storage, cleaned, &Arc::new(Gauge::default())).await?;
    let size = usize::try_from(page_texts).unwrap_or(1);
    Ok(tokio::task::spawn_blocking(move || {
        let mut texts = unique_texts(source, CLEAN_TEXT).map_err(dataset_failed)?;
        for number in 0.. {
            let page = texts.by_ref().take(size).collect::<Result<Vec<_>, _>>().map_err(dataset_failed)?;
            if page.is_empty() {
                break;
            }
            // Nobody takes pages any more when the work was put down.
            if !done.contains(&number) && plans.blocking_send(PagePlan { number, texts: page }).is_err() {
                break;
            }
        }
        Ok(())
    }))
}

/// What is stored so far, in figures.
struct Tally {
    rows: HashMap<u128, u32>,
    done: BTreeSet<i64>,
    rows_done: u64,
    rows_failed: u64,
    prompt_tokens: u64,
    completion_tokens: u64,
    models: BTreeMap<String, u64>,
    recent: VecDeque<(Instant, u64)>,
}

impl Tally {
    fn new(rows: HashMap<u128, u32>) -> Self {
        Self {
            rows,
            done: BTreeSet::new(),
            rows_done: 0,
            rows_failed: 0,
            prompt_tokens: 0,
            completion_tokens: 0,
            models: BTreeMap::new(),
            recent: VecDeque::new(),
        }
    }

    fn add(&mut self, page: &PageResult) {
        if !self.done.insert(page.number) {
            return;
        }
        for (key, answer) in &page.answers {
            let rows = key_of(key).and_then(|key| self.rows.get(&key)).copied().map_or(0, u64::from);
            self.rows_done = self.rows_done.saturating_add(rows);
            if matches!(answer, Answer::Failed { .. }) {
                self.rows_failed = self.rows_failed.saturating_add(rows);
            }
        }
        self.prompt_tokens = self.prompt_tokens.saturating_add(page.prompt_tokens);
        self.completion_tokens = self.completion_tokens.saturating_add(page.completion_tokens);
        let pages = self.models.entry(page.model.clone()).or_default();
        *pages = pages.saturating_add(1);
    }

    fn show(
        &mut self,
        progress: &mut dallosh_contracts::Progress,
        pages_total: u64,
        usage: &mut dallosh_contracts::Spend,
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
        progress.percent = 16.0 + 74.0 * share_of(progress.pages_done, pages_total);
        usage.prompt_tokens = self.prompt_tokens;
        usage.completion_tokens = self.completion_tokens;
        details.insert("models_used".to_owned(), json!(self.models.keys().collect::<Vec<_>>()));
    }
}

/// A count as a number for speeds; exact below four thousand million.
fn count(number: u64) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}
