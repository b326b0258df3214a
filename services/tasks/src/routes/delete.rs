use actix_web::{HttpResponse, delete, web};
use dallosh_contracts::Permission;
use dallosh_primitives::Uid;
use dallosh_service_kit::{Caller, Problem};

use crate::{state::State, workflow};

/// Delete a task
///
/// One that runs is stopped first. The dataset and what was written for it stay.
#[utoipa::path(tag = "tasks", operation_id = "delete_task", params(("task_id" = Uid, Path)),
    responses((status = 204, description = "It is gone")))]
#[delete("/v1/tasks/{task_id}")]
pub async fn delete_task(
    state: web::Data<State>,
    caller: Caller,
    task_id: web::Path<Uid>,
) -> Result<HttpResponse, Problem> {
    let scope = caller.require(Permission::ManageTasks)?;
    workflow::delete(&state, &caller, scope, task_id.into_inner()).await?;
    Ok(HttpResponse::NoContent().finish())
}
