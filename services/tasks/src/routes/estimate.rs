use actix_web::{post, web};
use dallosh_contracts::{Permission, TaskOptions};
use dallosh_primitives::Uid;
use dallosh_service_kit::{Body, Caller, Problem};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    estimate::{self, Estimate},
    state::State,
};

/// The task that is thought of.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EstimateTask {
    /// The dataset.
    file_id: Uid,
    /// How it would be done.
    #[serde(default)]
    options: TaskOptions,
}

/// Estimate what a task would cost, and how long it would take
///
/// The file is read; no model is asked, and nothing is made.
#[utoipa::path(tag = "tasks", operation_id = "estimate_task", request_body = EstimateTask,
    responses((status = 200, description = "What such a task would come to now", body = Estimate)))]
#[post("/v1/tasks/estimate")]
pub async fn estimate_task(
    state: web::Data<State>,
    caller: Caller,
    body: Body<EstimateTask>,
) -> Result<web::Json<Estimate>, Problem> {
    caller.require(Permission::ManageTasks)?;
    let EstimateTask { file_id, options } = body.into_inner();
    Ok(web::Json(estimate::estimate(&state, &caller, file_id, &options).await?))
}
