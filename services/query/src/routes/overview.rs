use actix_web::{get, web};
use dallosh_contracts::Permission;
use dallosh_service_kit::{Caller, Problem};

use crate::{
    overview::{Overview, overview},
    state::State,
};

/// Show the platform's numbers
///
/// Datasets, their results, tasks and what they cost: everybody's with `manage_app`, else the caller's own. Needs
/// `view_overview`.
#[utoipa::path(
    tag = "analysis",
    operation_id = "get_overview",
    responses((status = 200, description = "The numbers", body = Overview))
)]
#[get("/v1/overview")]
pub async fn get_overview(state: web::Data<State>, caller: Caller) -> Result<web::Json<Overview>, Problem> {
    caller.require(Permission::ViewOverview)?;
    Ok(web::Json(overview(&state, &caller).await?))
}
