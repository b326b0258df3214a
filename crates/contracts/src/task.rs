use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use dallosh_primitives::Uid;
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{AiMode, Dialect, ModelProvider, ModelSnapshot};

/// Where a task is. The five steps are the ones in which something runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaskStatus {
    /// Made, not started.
    Added,
    /// Waits for a worker.
    InQueue,
    /// Step 1: the rows are read and checked.
    ReadingDataset,
    /// Step 2: texts are cleaned, duplicates removed, outliers flagged.
    ProcessCleaning,
    /// Step 3: the model is asked, page by page.
    SendingToLlm,
    /// Step 4: the answers are joined to the rows.
    #[serde(alias = "appending_collumns")]
    AppendingColumns,
    /// Step 5: the result is written and registered.
    SavingFile,
    /// Finished.
    Done,
    /// Nothing runs until somebody resumes it.
    Paused,
    /// Ended by somebody; what was finished stays.
    Stopped,
    /// Ended by an error, which the document names.
    OnError,
}

impl TaskStatus {
    /// The steps in their order.
    pub const STEPS: [Self; 5] =
        [Self::ReadingDataset, Self::ProcessCleaning, Self::SendingToLlm, Self::AppendingColumns, Self::SavingFile];

    /// The word of the contract.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::InQueue => "in_queue",
            Self::ReadingDataset => "reading_dataset",
            Self::ProcessCleaning => "process_cleaning",
            Self::SendingToLlm => "sending_to_llm",
            Self::AppendingColumns => "appending_columns",
            Self::SavingFile => "saving_file",
            Self::Done => "done",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
            Self::OnError => "on_error",
        }
    }
}

/// What somebody may do to a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaskAction {
    /// Put it into the queue.
    Start,
    /// Hold it, for as long as wanted.
    Pause,
    /// Let it go on.
    Resume,
    /// End it; what was finished stays.
    Stop,
    /// Go on after an end that was not `done`, or ask again for failed rows.
    Retry,
    /// Do the whole of it again.
    Restart,
}

impl TaskAction {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Start, Self::Pause, Self::Resume, Self::Stop, Self::Retry, Self::Restart];

    /// The word of the contract.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Stop => "stop",
            Self::Retry => "retry",
            Self::Restart => "restart",
        }
    }
}

/// What a task may be told when it is made.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TaskOptions {
    /// The column with the posts; the file's own when absent.
    pub text_column: Option<String>,
    /// Rows a page, 1 to 5000; the model's own when absent.
    #[schema(minimum = 1, maximum = 5000)]
    pub paginate_rows_limit: Option<u32>,
    /// Pages in work at once, 1 to 64; the model's own when absent.
    #[schema(minimum = 1, maximum = 64)]
    pub concurrency: Option<u32>,
    /// Which kinds of models are asked; the settings' own mode when absent.
    pub mode: Option<AiMode>,
    /// The model that is asked first; the settings' default when absent.
    pub model_id: Option<Uid>,
    /// The topics to choose from; the built-in ones when absent.
    pub topics: Option<Vec<String>>,
    /// Leave outliers out instead of flagging them.
    pub drop_outliers: bool,
    /// Take answers that were paid for before, by any task, instead of asking again; true when absent.
    pub cache: Option<bool>,
}

/// What the enrichment of a dataset needs to know: the file as it was when the task was started, and the options.
/// Written by the tasks service, read by the worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EnrichmentInput {
    /// The dataset's key in the object store.
    pub file_path: String,
    /// The SHA-256 that the stored file must have.
    pub sha256: String,
    /// Its bytes.
    pub size: u64,
    /// Its rows.
    pub row_count: u64,
    /// How it is read.
    pub dialect: Dialect,
    /// The column with the posts.
    pub text_column: String,
    /// What the task was told.
    pub options: TaskOptions,
    /// The models to ask, in order, as the settings were when the run began; keys are sealed.
    #[serde(default)]
    pub models: Vec<ModelSnapshot>,
}

impl EnrichmentInput {
    /// The rows that models other than the one inside may be asked about.
    pub fn model_rows(&self) -> u64 {
        let only_inside = self.models.iter().all(|model| model.provider == ModelProvider::Builtin);
        if only_inside { 0 } else { self.row_count }
    }
}

/// The kind of the enrichment jobs.
pub const ENRICHMENT: &str = "enrichment";

/// A hard limit for what a task may spend.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Budget {
    /// US dollars.
    #[schema(value_type = Option<String>, example = "2.50")]
    pub max_cost: Option<Decimal>,
    /// Tokens of prompts and answers together.
    pub max_tokens: Option<u64>,
}

/// How far a task came. Rows here are unique texts' rows once they were counted: all rows that can be labelled.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(default)]
pub struct Progress {
    /// Rows to be labelled; 0 until they were counted.
    pub rows_total: u64,
    /// Rows with an answer or a failure.
    pub rows_done: u64,
    /// Of these, rows that failed.
    pub rows_failed: u64,
    /// Texts whose answer was paid for before and not asked for again.
    pub texts_cached: u64,
    /// Pages to be asked.
    pub pages_total: u64,
    /// Pages whose answers are stored.
    pub pages_done: u64,
    /// Of these, how many hold answers of each model, by its name. A page that several models answered counts for each.
    pub pages_by_model: BTreeMap<String, u64>,
    /// 0 to 100, over all steps.
    pub percent: f64,
    /// Over the last seconds; `null` when nothing moves.
    pub rows_per_second: Option<f64>,
    /// Seconds until the end at this speed; `null` when it can't be told.
    pub eta_seconds: Option<f64>,
}

/// What reading and cleaning found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(default)]
pub struct Counts {
    /// Rows that could be read.
    pub rows_read: u64,
    /// Rows that could not.
    pub rejected: u64,
    /// Rows that were there already.
    pub duplicates_removed: u64,
    /// Rows far outside in one of the engagement columns.
    pub outliers_flagged: u64,
    /// Different texts: what the model is asked.
    pub unique_texts: u64,
}

/// What was used up, by the provider's own figures; repeated and failed calls too.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(default)]
pub struct Spend {
    /// Tokens of the prompts.
    pub prompt_tokens: u64,
    /// Tokens of the answers.
    pub completion_tokens: u64,
    /// US dollars.
    #[schema(value_type = String, example = "0.0042")]
    pub cost: Decimal,
    /// The most tokens that calls may have used whose answer never came, or has not come yet. They count against a budget.
    pub unconfirmed_tokens: u64,
    /// The most that those calls may have cost, in US dollars.
    #[schema(value_type = String, example = "0")]
    pub unconfirmed_cost: Decimal,
}

/// Why a task ended `on_error`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
pub struct TaskError {
    /// Stable, as in docs/errors.md.
    pub code: String,
    /// For people.
    pub message: String,
    /// The step in which it happened.
    pub step: Option<String>,
}

/// What a running task waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
pub struct Waiting {
    /// In words.
    pub reason: String,
    /// Since when.
    pub since: DateTime<Utc>,
    /// When it is tried again.
    pub next_attempt_at: DateTime<Utc>,
}

/// A run of the pipeline over a dataset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TaskData {
    /// The dataset.
    pub file_id: Uid,
    /// Its key in the object store.
    pub file_path: String,
    /// Where the task is.
    pub status: TaskStatus,
    /// The step that runs, or ran last.
    pub step: Option<String>,
    /// What it was told.
    pub options: TaskOptions,
    /// How far it came.
    pub progress: Progress,
    /// What reading and cleaning found.
    pub counts: Counts,
    /// The model that is asked first.
    pub model: Option<String>,
    /// The models that answered.
    pub models_used: Vec<String>,
    /// What was used up.
    pub usage: Spend,
    /// The limit for it.
    pub budget: Option<Budget>,
    /// Why it ended `on_error`.
    pub error: Option<TaskError>,
    /// What it waits for.
    pub waiting: Option<Waiting>,
    /// `user` or `budget_exhausted`, when it is paused.
    pub pause_reason: Option<String>,
    /// The same in words, when there is more to say.
    pub pause_detail: Option<String>,
    /// The key of the cleaned file, once it is whole.
    pub file_cleaned: Option<String>,
    /// The key of the analysed file, once it is whole.
    pub file_analysed: Option<String>,
    /// When a worker took it first.
    pub started_at: Option<DateTime<Utc>>,
    /// When it came to its end.
    pub finished_at: Option<DateTime<Utc>>,
    /// What may be done to it now.
    pub allowed_actions: Vec<TaskAction>,
}
