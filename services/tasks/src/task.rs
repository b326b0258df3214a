use std::collections::BTreeMap;

use dallosh_contracts::{
    ENRICHMENT, EnrichmentInput, FileData, Resource, TaskAction, TaskData, TaskOptions, TaskStatus,
};
use dallosh_jobs::{Engine, Job, JobDocument, Kind, State};
use dallosh_primitives::Uid;
use dallosh_service_kit::{ErrorCode, Problem};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// The enrichment of a dataset, as the jobs engine knows it.
pub const KIND: Kind = Kind {
    name: ENRICHMENT,
    steps: &[
        TaskStatus::STEPS[0].as_str(),
        TaskStatus::STEPS[1].as_str(),
        TaskStatus::STEPS[2].as_str(),
        TaskStatus::STEPS[3].as_str(),
        TaskStatus::STEPS[4].as_str(),
    ],
    units_step: TaskStatus::SendingToLlm.as_str(),
};

/// The most topics a task may be given, and the longest of them.
const TOPICS: (usize, usize) = (50, 64);

/// Checks the options against the file, and puts together what the worker needs.
///
/// # Errors
/// `validation` for what can't be, `missing_column` and `text_column_required` for the column with the posts.
pub fn input_of(file: &FileData, options: &TaskOptions) -> Result<EnrichmentInput, Problem> {
    let mut problem = Problem::new(ErrorCode::Validation, "an option is not allowed");
    let mut bound = |name: &str, value: Option<u32>, most: u32| {
        if value.is_some_and(|value| !(1..=most).contains(&value)) {
            problem
                .errors
                .extend(Problem::field(format!("/options/{name}"), format!("a whole number from 1 to {most}")).errors);
        }
    };
    bound("paginate_rows_limit", options.paginate_rows_limit, 5000);
    bound("concurrency", options.concurrency, 64);
    if let Some(topics) = &options.topics {
        let fits = |topic: &String| {
            !topic.trim().is_empty() && topic.chars().count() <= TOPICS.1 && !topic.contains(char::is_control)
        };
        if topics.is_empty() || topics.len() > TOPICS.0 || !topics.iter().all(fits) {
            let detail = format!("1 to {} topics of 1 to {} characters", TOPICS.0, TOPICS.1);
            problem.errors.extend(Problem::field("/options/topics", detail).errors);
        }
    }
    if !problem.errors.is_empty() {
        return Err(problem);
    }
    let text_column = match (&options.text_column, &file.text_column) {
        (Some(chosen), _) if file.columns.contains(chosen) => chosen.clone(),
        (Some(chosen), _) => {
            let detail = format!("the file has no column `{chosen}`; it has {}", file.columns.join(", "));
            return Err(
                Problem::new(ErrorCode::MissingColumn, detail).with_error("/options/text_column", "no such column")
            );
        }
        (None, Some(found)) => found.clone(),
        (None, None) => {
            let detail = "it is not clear which column holds the posts; choose one with `text_column`";
            return Err(
                Problem::new(ErrorCode::TextColumnRequired, detail).with_error("/options/text_column", "choose one")
            );
        }
    };
    Ok(EnrichmentInput {
        file_path: file.file_path.clone(),
        sha256: file.sha256.clone(),
        size: file.size,
        row_count: file.row_count,
        dialect: file.dialect.clone(),
        text_column,
        options: options.clone(),
        models: Vec::new(),
    })
}

/// The word of a state, as clients know it.
pub fn state_word(state: State) -> &'static str {
    match state {
        State::Running => "running",
        other => other.as_str(),
    }
}

/// The states and the step that a status stands for in a list.
pub fn states_of(status: TaskStatus) -> (Vec<State>, Option<String>) {
    let state = match status {
        TaskStatus::Added => State::Added,
        TaskStatus::InQueue => State::InQueue,
        TaskStatus::Done => State::Done,
        TaskStatus::Paused => State::Paused,
        TaskStatus::Stopped => State::Stopped,
        TaskStatus::OnError => State::OnError,
        step => return (vec![State::Running], Some(step.as_str().to_owned())),
    };
    (vec![state], None)
}

/// The task as the API shows it.
///
/// # Errors
/// `internal` when the stored document is not a task.
pub fn view(engine: &Engine, job: Job) -> Result<Resource<TaskData>, Problem> {
    let uid = job.uid;
    let allowed_actions = engine.allowed_actions(&job.data);
    let status: TaskStatus = decode(Value::from(status_of(&job.data)))?;
    let links = links(uid, job.data.subject, &allowed_actions);
    let usage = job.data.spend();
    let JobDocument {
        schema_version: _,
        kind: _,
        owner: _,
        subject,
        priority: _,
        control,
        deleted: _,
        pause_reason,
        pause_detail,
        queued_at: _,
        started_at,
        finished_at,
        input,
        checkpoints: _,
        progress,
        mut details,
        usage: _,
        budget,
        error,
        waiting,
        seq: _,
        outbox: _,
        unsent: _,
        ..
    } = job.data;
    let EnrichmentInput { file_path, options, .. } = decode(input)?;
    // What a worker has not written yet is absent, or empty where the contract has a list or figures.
    let mut detail = |name: &str, empty: Value| details.remove(name).unwrap_or(empty);
    let data = TaskData {
        file_id: subject,
        file_path,
        status,
        step: control.step,
        options,
        progress,
        counts: decode(detail("counts", json!({})))?,
        model: decode(detail("model", Value::Null))?,
        models_used: decode(detail("models_used", json!([])))?,
        usage,
        budget,
        error,
        waiting,
        pause_reason,
        pause_detail,
        file_cleaned: decode(detail("file_cleaned", Value::Null))?,
        file_analysed: decode(detail("file_analysed", Value::Null))?,
        started_at,
        finished_at,
        allowed_actions,
    };
    Ok(Resource {
        uid,
        data,
        created_at: job.created_at,
        created_by: job.created_by,
        updated_at: job.updated_at,
        updated_by: job.updated_by,
        links,
    })
}

/// A running job whose worker has not begun a step is still in the queue for everybody else.
fn status_of(job: &JobDocument) -> &str {
    match job.status() {
        "running" => State::InQueue.as_str(),
        status => status,
    }
}

fn decode<T: DeserializeOwned>(value: Value) -> Result<T, Problem> {
    serde_json::from_value(value).map_err(Problem::internal)
}

fn links(task: Uid, file: Uid, actions: &[TaskAction]) -> BTreeMap<String, String> {
    let path = format!("/v1/tasks/{task}");
    let mut links = BTreeMap::from([
        ("self".to_owned(), path.clone()),
        ("events".to_owned(), format!("{path}/events")),
        ("file".to_owned(), format!("/v1/files/{file}")),
    ]);
    links.extend(actions.iter().map(|action| (action.as_str().to_owned(), format!("{path}/{}", action.as_str()))));
    links
}
