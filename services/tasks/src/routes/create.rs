use actix_web::{HttpResponse, http::header, post, web};
use dallosh_contracts::{Budget, Permission, Resource, TaskData, TaskOptions};
use dallosh_primitives::Uid;
use dallosh_service_kit::{Body, Caller, Problem};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{state::State, task::view, workflow};

/// What makes a task.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateTask {
    /// The dataset.
    file_id: Uid,
    /// How it is to be done.
    #[serde(default)]
    options: TaskOptions,
    /// A hard limit for what it may spend.
    budget: Option<Budget>,
    /// Put it into the queue at once.
    #[serde(default)]
    start: bool,
}

/// Make a task for a dataset
///
/// It waits to be started, unless `start` is true.
#[utoipa::path(tag = "tasks", operation_id = "create_task", request_body = CreateTask, responses(
    (status = 201, description = "The task was made", body = Resource<TaskData>, headers(("Location" = String, description = "Where it is")))))]
#[post("/v1/tasks")]
pub async fn create_task(
    state: web::Data<State>,
    caller: Caller,
    body: Body<CreateTask>,
) -> Result<HttpResponse, Problem> {
    caller.require(Permission::ManageTasks)?;
    let CreateTask { file_id, options, budget, start } = body.into_inner();
    let job = workflow::create(&state, &caller, file_id, options, budget, start).await?;
    let location = format!("/v1/tasks/{}", job.uid);
    Ok(HttpResponse::Created().insert_header((header::LOCATION, location)).json(view(&state.engine, job)?))
}
