//! The platform's numbers, gathered from the services that own the things, in the caller's name: everybody's with
//! `manage_app`, else the caller's own.

use std::collections::BTreeMap;

use dallosh_analysis::Totals;
use dallosh_contracts::{FileData, ListOf, Resource, Spend, TaskData};
use dallosh_primitives::Uid;
use dallosh_service_kit::{Caller, ClientError, Problem, ServiceClient};
use dallosh_storage::{Key, StorageErrorKind};
use futures::{StreamExt, TryStreamExt, stream};
use serde::{Serialize, de::DeserializeOwned};
use utoipa::ToSchema;

use crate::{
    dataset,
    error::{client_failed, storage_failed},
    state::{State, Version},
};

/// Tasks that are shown one by one.
const LATEST: usize = 10;
/// Objects that are asked for at once.
const AT_ONCE: usize = 16;

/// The platform's numbers, for what the caller may see. A part that the caller has no permission for is `null`.
#[derive(Serialize, ToSchema)]
pub struct Overview {
    /// Datasets; needs `read_datasets`.
    files: Option<FileFigures>,
    /// What the model made of them; needs `read_datasets`.
    results: Option<ResultFigures>,
    /// Tasks; needs `read_tasks`.
    tasks: Option<TaskFigures>,
}

/// Figures of datasets.
#[derive(Default, Serialize, ToSchema)]
struct FileFigures {
    /// Datasets.
    files: u64,
    /// Datasets with a result.
    analysed: u64,
    /// Rows of all datasets that can be read.
    rows: u64,
    /// Bytes of all uploads.
    bytes: u64,
}

/// Figures of the datasets with a result.
#[derive(Serialize, ToSchema)]
struct ResultFigures {
    /// Their posts, without duplicates.
    posts: u64,
    /// Posts with labels.
    labelled: u64,
    /// Posts for which there is no usable answer of the model.
    failed: u64,
    /// Posts that were not asked about.
    skipped: u64,
    /// Labelled / posts.
    coverage: Option<f64>,
    /// Negative posts.
    negative: u64,
    /// Neutral posts.
    neutral: u64,
    /// Positive posts.
    positive: u64,
    /// Negative / labelled.
    negative_share: Option<f64>,
    /// 100 × (positive − negative) / labelled.
    net_sentiment: Option<f64>,
}

/// Figures of tasks.
#[derive(Default, Serialize, ToSchema)]
struct TaskFigures {
    /// Tasks.
    tasks: u64,
    /// How many of them have which status; a status that none has is left out.
    by_status: BTreeMap<&'static str, u64>,
    /// What they used up.
    spend: Spend,
    /// The ten that were made last, the newest first.
    latest: Vec<Resource<TaskData>>,
}

/// Gathers everything.
pub async fn overview(state: &State, caller: &Caller) -> Result<Overview, Problem> {
    let (files, tasks) = tokio::join!(
        all::<FileData>(&state.files, "/v1/files", caller),
        all::<TaskData>(&state.tasks, "/v1/tasks", caller)
    );
    let files = allowed(files).map_err(|error| client_failed("the files service", error))?;
    let tasks = allowed(tasks).map_err(|error| client_failed("the tasks service", error))?;
    let (files, results) = match files {
        Some(files) => {
            let totals = stream::iter(files.iter().map(|file| totals(state, file.uid)));
            let totals: Vec<_> = totals.buffer_unordered(AT_ONCE).try_collect().await?;
            let figures = FileFigures {
                files: sum(files.iter().map(|_| 1)),
                analysed: sum(totals.iter().flatten().map(|_| 1)),
                rows: sum(files.iter().map(|file| file.data.row_count)),
                bytes: sum(files.iter().map(|file| file.data.size)),
            };
            (Some(figures), Some(results(totals.into_iter().flatten())))
        }
        None => (None, None),
    };
    Ok(Overview { files, results, tasks: tasks.map(figures_of_tasks) })
}

/// Every item of a list, page by page.
async fn all<T: DeserializeOwned>(
    service: &ServiceClient,
    path: &str,
    caller: &Caller,
) -> Result<Vec<Resource<T>>, ClientError> {
    let (mut items, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("{path}?limit=200{cursor}");
        let page = service.get::<ListOf<Resource<T>>>(&path, Some(caller.token())).await?;
        items.extend(page.items);
        match page.next_cursor {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(items),
        }
    }
}

/// Nothing, when the permission is missing.
fn allowed<T>(answer: Result<T, ClientError>) -> Result<Option<T>, ClientError> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(ClientError::Refused { status: 403, .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What a result holds, from the first bytes of its index.
async fn totals(state: &State, file: Uid) -> Result<Option<Totals>, Problem> {
    let key = Key::index(file);
    let Some(info) = state.storage.head(&key).await.map_err(storage_failed)? else { return Ok(None) };
    let version = Version { file, etag: info.etag };
    if let Some(known) = state.totals.get(&version).await {
        return Ok(Some(known));
    }
    let bytes = match dataset::read(&state.storage, &key, Some(0..Totals::BYTES)).await {
        Ok(bytes) => bytes,
        Err(error) if error.kind == StorageErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(storage_failed(error)),
    };
    let totals = Totals::of_stored(&bytes);
    if let Some(totals) = totals {
        state.totals.insert(version, totals).await;
    }
    Ok(totals)
}

fn results(all: impl Iterator<Item = Totals>) -> ResultFigures {
    let sum = all.fold(Totals::default(), Totals::plus);
    let Totals { posts, labelled, failed, skipped, negative, neutral, positive } = sum;
    ResultFigures {
        posts,
        labelled,
        failed,
        skipped,
        coverage: sum.coverage(),
        negative,
        neutral,
        positive,
        negative_share: sum.negative_share(),
        net_sentiment: sum.net_sentiment(),
    }
}

fn figures_of_tasks(tasks: Vec<Resource<TaskData>>) -> TaskFigures {
    let mut figures = TaskFigures { tasks: sum(tasks.iter().map(|_| 1)), ..TaskFigures::default() };
    for task in &tasks {
        *figures.by_status.entry(task.data.status.as_str()).or_default() += 1;
        let Spend { prompt_tokens, completion_tokens, cost, unconfirmed_tokens, unconfirmed_cost } = &task.data.usage;
        figures.spend.prompt_tokens = figures.spend.prompt_tokens.saturating_add(*prompt_tokens);
        figures.spend.completion_tokens = figures.spend.completion_tokens.saturating_add(*completion_tokens);
        figures.spend.cost = figures.spend.cost.saturating_add(*cost);
        figures.spend.unconfirmed_tokens = figures.spend.unconfirmed_tokens.saturating_add(*unconfirmed_tokens);
        figures.spend.unconfirmed_cost = figures.spend.unconfirmed_cost.saturating_add(*unconfirmed_cost);
    }
    figures.latest = tasks.into_iter().take(LATEST).collect();
    figures
}

fn sum(numbers: impl Iterator<Item = u64>) -> u64 {
    numbers.fold(0, u64::saturating_add)
}
