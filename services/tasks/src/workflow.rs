use chrono::TimeDelta;
use dallosh_contracts::{
    Budget, Counts, EnrichmentInput, FileData, HandleProcess, ModelSnapshot, ProceedTask, ProcessEvent, Resource,
    RetryStep, TaskOptions, TaskStatus,
};
use dallosh_jobs::{Command, Job, JobFilter, NewJob, State as JobState};
use dallosh_primitives::{Limit, Uid};
use dallosh_service_kit::{Caller, ClientError, ErrorCode, Problem, Scope, current_request};
use dallosh_store::{Sort, Versioned};
use serde_json::{Map, json};
use tokio::sync::MutexGuard;

use crate::{
    error::{not_found, problem},
    state::State,
    task::input_of,
};

/// Over which rows are counted.
const DAY: TimeDelta = TimeDelta::days(1);

/// Finds a task that the scope covers.
pub async fn find(state: &State, scope: Scope, uid: Uid) -> Result<Job, Problem> {
    let job = state.engine.find(uid).await.map_err(problem)?;
    job.filter(|job| scope.covers(job.data.owner)).ok_or_else(not_found)
}

/// What a task for a file would work with if it were started now.
///
/// # Errors
/// What its start would be refused for.
pub async fn inquire(
    state: &State,
    caller: &Caller,
    file_id: Uid,
    options: &TaskOptions,
) -> Result<(EnrichmentInput, Vec<ModelSnapshot>), Problem> {
    let file = file_of(state, caller, file_id).await?;
    let input = input_of(&file, options)?;
    check_rows(&file)?;
    Ok((input, models_of(state, caller, options).await?))
}

/// Makes a task for a file that the caller may read; starts it when asked.
pub async fn create(
    state: &State,
    caller: &Caller,
    file_id: Uid,
    options: TaskOptions,
    budget: Option<Budget>,
    start_it: bool,
) -> Result<Job, Problem> {
    let file = file_of(state, caller, file_id).await?;
    let input = input_of(&file, &options)?;
    check_budget(budget.as_ref())?;
    if start_it {
        check_rows(&file)?;
    }
    let mut details = Map::new();
    details.insert("counts".to_owned(), json!(Counts::default()));
    let new = NewJob {
        owner: file.owner,
        subject: file_id,
        priority: 0,
        input: serde_json::to_value(&input).map_err(Problem::internal)?,
        details,
        budget,
    };
    let job = state.engine.create(new, &caller.name()).await.map_err(problem)?;
    if start_it { control(state, caller, Scope::All, job.uid, Command::Start).await } else { Ok(job) }
}

/// Carries out a command on a task that the scope covers, and hints the workers at it.
pub async fn control(state: &State, caller: &Caller, scope: Scope, uid: Uid, command: Command) -> Result<Job, Problem> {
    let before = find(state, scope, uid).await?;
    let _turn = match command {
        // What is not possible is refused below, with what is.
        _ if before.data.control.apply(&command, state.engine.kind()).is_err() => None,
        Command::Start | Command::Restart => Some(prepare(state, caller, &before).await?),
        Command::Retry { .. } => {
            check_alone(state, &before).await?;
            None
        }
        Command::Pause | Command::Resume | Command::Stop => None,
    };
    let allowed = state.engine.allowed_actions(&before.data);
    let (job, changed) = state.engine.command(uid, &command, &caller.name()).await.map_err(|error| {
        let refusal = problem(error);
        if refusal.code == ErrorCode::IllegalTransition {
            return refusal.with_allowed_actions(allowed.iter().map(|action| action.as_str().to_owned()));
        }
        refusal
    })?;
    if changed {
        hint(state, &job, &command);
    }
    Ok(job)
}

/// Before a run begins: the file as it is now, nobody else writing its results, and a day with room for its rows for as
/// long as the turn is held.
async fn prepare<'a>(state: &'a State, caller: &Caller, job: &Job) -> Result<MutexGuard<'a, ()>, Problem> {
    let file = file_of(state, caller, job.data.subject).await?;
    check_rows(&file)?;
    let before: EnrichmentInput = serde_json::from_value(job.data.input.clone()).map_err(Problem::internal)?;
    let input = EnrichmentInput {
        models: models_of(state, caller, &before.options).await?,
        ..input_of(&file, &before.options)?
    };
    let turn = state.starts.lock().await;
    check_day(state, job.data.owner, input.model_rows()).await?;
    let input = serde_json::to_value(input).map_err(Problem::internal)?;
    check_alone(state, job).await?;
    state.engine.prepare(job.uid, input, &caller.name()).await.map_err(problem)?;
    Ok(turn)
}

/// Refuses a run while another task writes the results of the same file, and names it. Of two that begin at once the
/// engine refuses one.
async fn check_alone(state: &State, job: &Job) -> Result<(), Problem> {
    let filter =
        JobFilter { subject: Some(job.data.subject), states: JobState::ACTIVE.to_vec(), ..JobFilter::default() };
    let active =
        state.engine.list(&filter, Sort::ascending("createdAt"), Limit::default(), None).await.map_err(problem)?;
    if let Some(other) = active.items.iter().find(|other| other.uid != job.uid) {
        let detail = format!("task {} works on this file already; stop it or wait for its end", other.uid);
        return Err(Problem::new(ErrorCode::InUse, detail));
    }
    Ok(())
}

/// Refuses a run that would bring more rows of its owner to models within a day than one may: what was sent, deleted
/// tasks included, and what the others that wait or run have still to send.
async fn check_day(state: &State, owner: Uid, rows: u64) -> Result<(), Problem> {
    if rows == 0 {
        return Ok(());
    }
    let mut used = state.engine.rows_sent(owner, DAY).await.map_err(problem)?;
    let filter = JobFilter { owner: Some(owner), states: JobState::ACTIVE.to_vec(), ..JobFilter::default() };
    let limit = Limit::coerce(Some(i64::from(Limit::MAX)));
    let mut cursor = None;
    loop {
        let others = state.engine.list(&filter, Sort::ascending("createdAt"), limit, cursor).await.map_err(problem)?;
        for Versioned { data, .. } in others.items {
            let input: EnrichmentInput = serde_json::from_value(data.input).map_err(Problem::internal)?;
            used = used.saturating_add(input.model_rows().saturating_sub(data.progress.rows_done));
        }
        cursor = others.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    let most = state.rows_per_day;
    if used.saturating_add(rows) > most {
        let detail = format!("{used} of {most} rows within 24 hours are used up, and this file has {rows}");
        return Err(Problem::new(ErrorCode::QuotaExceeded, detail));
    }
    Ok(())
}

fn hint(state: &State, job: &Job, command: &Command) {
    let (task_id, file_id, revision) = (job.uid, job.data.subject, Some(job.revision));
    let file_path = job.data.input.get("file_path").and_then(|path| path.as_str()).unwrap_or_default().to_owned();
    let trace = Some(current_request().traceparent);
    let event = match command {
        Command::Pause => ProcessEvent::Pause,
        Command::Stop => ProcessEvent::Stop,
        Command::Resume if job.data.control.state != JobState::InQueue => ProcessEvent::Resume,
        Command::Retry { .. } => {
            let complete = job.data.control.completed.len().checked_sub(1);
            let last_event_step = complete.and_then(|place| TaskStatus::STEPS.get(place).copied());
            let body = RetryStep { task_id, file_id, file_path, last_event_step, revision };
            return state.engine.hint("retry_step", &body, trace);
        }
        Command::Start | Command::Resume | Command::Restart => {
            return state.engine.hint("proceed_task", &ProceedTask { task_id, file_id, file_path, revision }, trace);
        }
    };
    state.engine.hint("handle_process", &HandleProcess { task_id, file_id, event, revision }, trace);
}

/// Deletes a task that the scope covers.
pub async fn delete(state: &State, caller: &Caller, scope: Scope, uid: Uid) -> Result<(), Problem> {
    let job = find(state, scope, uid).await?;
    state.engine.delete(uid, &caller.name()).await.map_err(problem)?;
    if job.data.control.state == JobState::Running {
        hint(state, &job, &Command::Stop);
    }
    Ok(())
}

/// Changes the limit or the priority of a task that the scope covers; one whose limit was used up goes on when it is
/// raised.
pub async fn adjust(
    state: &State,
    caller: &Caller,
    scope: Scope,
    uid: Uid,
    budget: Option<Budget>,
    priority: Option<i64>,
) -> Result<Job, Problem> {
    let before = find(state, scope, uid).await?;
    check_budget(budget.as_ref())?;
    if priority.is_some_and(|priority| !(-100..=100).contains(&priority)) {
        return Err(Problem::field("/priority", "a whole number from -100 to 100"));
    }
    let job = state.engine.adjust(uid, budget, priority, &caller.name()).await.map_err(problem)?;
    if before.data.control.state == JobState::Paused && job.data.control.state == JobState::InQueue {
        hint(state, &job, &Command::Resume);
    }
    Ok(job)
}

/// # Errors
/// `validation` for a limit below zero.
fn check_budget(budget: Option<&Budget>) -> Result<(), Problem> {
    match budget {
        Some(Budget { max_cost: Some(cost), .. }) if cost.is_sign_negative() && !cost.is_zero() => {
            Err(Problem::field("/budget/max_cost", "zero or more US dollars"))
        }
        _ => Ok(()),
    }
}

fn check_rows(file: &FileData) -> Result<(), Problem> {
    if file.row_count == 0 {
        return Err(Problem::new(ErrorCode::NoRows, "the file has no rows that can be read"));
    }
    Ok(())
}

/// The models that the settings name now, in the order in which they are asked.
async fn models_of(state: &State, caller: &Caller, options: &TaskOptions) -> Result<Vec<ModelSnapshot>, Problem> {
    let mut asked = Vec::new();
    if let Some(mode) = options.mode {
        asked.push(format!("mode={}", mode.as_str()));
    }
    if let Some(model) = options.model_id {
        asked.push(format!("model_id={model}"));
    }
    let path = format!("/internal/ai/route?{}", asked.join("&"));
    match state.settings.get::<Vec<ModelSnapshot>>(&path, Some(caller.token())).await {
        Ok(models) if models.is_empty() => Err(no_model()),
        Ok(models) => Ok(models),
        Err(ClientError::Refused { status: 404 | 422, detail, .. }) => {
            Err(Problem::new(ErrorCode::Validation, detail).with_error("/options/model_id", "no such model"))
        }
        Err(error) => Err(Problem::unavailable("the settings service", error)),
    }
}

/// There is no model to ask.
pub fn no_model() -> Problem {
    Problem::new(ErrorCode::NoModel, "the settings name no model that this task may ask")
}

/// The file, asked for in the caller's name: whoever may not see it, or no file at all, gets 404.
async fn file_of(state: &State, caller: &Caller, file: Uid) -> Result<FileData, Problem> {
    match state.files.get::<Resource<FileData>>(&format!("/v1/files/{file}"), Some(caller.token())).await {
        Ok(resource) => Ok(resource.data),
        Err(ClientError::Refused { status: 403 | 404, .. }) => {
            Err(Problem::new(ErrorCode::NotFound, "there is no such file").with_error("/file_id", "no such file"))
        }
        Err(error) => Err(Problem::unavailable("the files service", error)),
    }
}
