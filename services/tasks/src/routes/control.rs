use actix_web::{HttpResponse, http::header, post, web};
use dallosh_contracts::{Permission, Resource, TaskData, TaskStatus};
use dallosh_jobs::Command;
use dallosh_primitives::Uid;
use dallosh_service_kit::{Body, Caller, Problem};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{state::State, task::view, workflow};

/// From where a task goes on.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RetryTask {
    /// The first step to do again; a later one than the record allows changes nothing.
    from_step: Option<TaskStatus>,
    /// Ask again for the failed rows only.
    failed_rows: bool,
}

async fn carry_out(state: &State, caller: &Caller, uid: Uid, command: Command) -> Result<HttpResponse, Problem> {
    let scope = caller.require(Permission::ManageTasks)?;
    let job = workflow::control(state, caller, scope, uid, command).await?;
    let location = format!("/v1/tasks/{uid}");
    Ok(HttpResponse::Accepted().insert_header((header::LOCATION, location)).json(view(&state.engine, job)?))
}

/// Put a task into the queue
#[utoipa::path(tag = "tasks", operation_id = "start_task", params(("task_id" = Uid, Path)),
    responses((status = 202, description = "The task after the command", body = Resource<TaskData>)))]
#[post("/v1/tasks/{task_id}/start")]
pub async fn start_task(
    state: web::Data<State>,
    caller: Caller,
    task_id: web::Path<Uid>,
) -> Result<HttpResponse, Problem> {
    carry_out(&state, &caller, *task_id, Command::Start).await
}

/// Hold a task
///
/// Rows that are answered stay; it goes on after the last stored page when it is resumed.
#[utoipa::path(tag = "tasks", operation_id = "pause_task", params(("task_id" = Uid, Path)),
    responses((status = 202, description = "The task after the command", body = Resource<TaskData>)))]
#[post("/v1/tasks/{task_id}/pause")]
pub async fn pause_task(
    state: web::Data<State>,
    caller: Caller,
    task_id: web::Path<Uid>,
) -> Result<HttpResponse, Problem> {
    carry_out(&state, &caller, *task_id, Command::Pause).await
}

/// Let a held task go on
#[utoipa::path(tag = "tasks", operation_id = "resume_task", params(("task_id" = Uid, Path)),
    responses((status = 202, description = "The task after the command", body = Resource<TaskData>)))]
#[post("/v1/tasks/{task_id}/resume")]
pub async fn resume_task(
    state: web::Data<State>,
    caller: Caller,
    task_id: web::Path<Uid>,
) -> Result<HttpResponse, Problem> {
    carry_out(&state, &caller, *task_id, Command::Resume).await
}

/// End a task; what was finished stays
#[utoipa::path(tag = "tasks", operation_id = "stop_task", params(("task_id" = Uid, Path)),
    responses((status = 202, description = "The task after the command", body = Resource<TaskData>)))]
#[post("/v1/tasks/{task_id}/stop")]
pub async fn stop_task(
    state: web::Data<State>,
    caller: Caller,
    task_id: web::Path<Uid>,
) -> Result<HttpResponse, Problem> {
    carry_out(&state, &caller, *task_id, Command::Stop).await
}

/// Let a stopped or failed task go on, or ask again for failed rows
#[utoipa::path(tag = "tasks", operation_id = "retry_task", params(("task_id" = Uid, Path)), request_body = Option<RetryTask>,
    responses((status = 202, description = "The task after the command", body = Resource<TaskData>)))]
#[post("/v1/tasks/{task_id}/retry")]
pub async fn retry_task(
    state: web::Data<State>,
    caller: Caller,
    task_id: web::Path<Uid>,
    body: Body<Option<RetryTask>>,
) -> Result<HttpResponse, Problem> {
    let RetryTask { from_step, failed_rows } = body.into_inner().unwrap_or_default();
    let from_step = from_step.map(|step| step.as_str().to_owned());
    carry_out(&state, &caller, *task_id, Command::Retry { from_step, failed: failed_rows }).await
}

/// Do all of a finished task again
#[utoipa::path(tag = "tasks", operation_id = "restart_task", params(("task_id" = Uid, Path)),
    responses((status = 202, description = "The task after the command", body = Resource<TaskData>)))]
#[post("/v1/tasks/{task_id}/restart")]
pub async fn restart_task(
    state: web::Data<State>,
    caller: Caller,
    task_id: web::Path<Uid>,
) -> Result<HttpResponse, Problem> {
    carry_out(&state, &caller, *task_id, Command::Restart).await
}
