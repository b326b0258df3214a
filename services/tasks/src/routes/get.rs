use actix_web::{HttpRequest, HttpResponse, get, web};
use dallosh_contracts::{Permission, Resource, TaskData};
use dallosh_primitives::Uid;
use dallosh_service_kit::{Caller, Problem, Revision};

use crate::{state::State, task::view, workflow};

/// Get a task
#[utoipa::path(tag = "tasks", operation_id = "get_task", params(("task_id" = Uid, Path)), responses(
    (status = 200, description = "The task", body = Resource<TaskData>),
    (status = 304, description = "Not changed since `If-None-Match`")))]
#[get("/v1/tasks/{task_id}")]
pub async fn get_task(
    state: web::Data<State>,
    caller: Caller,
    request: HttpRequest,
    task_id: web::Path<Uid>,
) -> Result<HttpResponse, Problem> {
    let scope = caller.require(Permission::ReadTasks)?;
    let job = workflow::find(&state, scope, task_id.into_inner()).await?;
    let revision = Revision(job.revision);
    Ok(revision.respond(&request, &view(&state.engine, job)?))
}
