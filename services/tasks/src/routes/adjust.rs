use actix_web::{HttpRequest, HttpResponse, patch, web};
use dallosh_contracts::{Budget, Permission, Resource, TaskData};
use dallosh_primitives::Uid;
use dallosh_service_kit::{Body, Caller, Problem, Revision};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{state::State, task::view, workflow};

/// What can be changed of a task, also while it runs or is held.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AdjustTask {
    /// The hard limit for what it may spend.
    budget: Option<Budget>,
    /// -100 to 100; larger goes first in the queue.
    #[schema(minimum = -100, maximum = 100)]
    priority: Option<i64>,
}

/// Change a task's limit or priority
#[utoipa::path(tag = "tasks", operation_id = "update_task", params(("task_id" = Uid, Path)), request_body = AdjustTask,
    responses((status = 200, description = "The task after the change", body = Resource<TaskData>)))]
#[patch("/v1/tasks/{task_id}")]
pub async fn adjust_task(
    state: web::Data<State>,
    caller: Caller,
    request: HttpRequest,
    task_id: web::Path<Uid>,
    body: Body<AdjustTask>,
) -> Result<HttpResponse, Problem> {
    let scope = caller.require(Permission::ManageTasks)?;
    let uid = task_id.into_inner();
    Revision(workflow::find(&state, scope, uid).await?.revision).check(&request)?;
    let AdjustTask { budget, priority } = body.into_inner();
    let job = workflow::adjust(&state, &caller, scope, uid, budget, priority).await?;
    Ok(HttpResponse::Ok().insert_header(("ETag", Revision(job.revision).etag())).json(view(&state.engine, job)?))
}
