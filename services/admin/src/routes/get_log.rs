use actix_web::{get, web};
use dallosh_contracts::{Permission, Resource};
use dallosh_primitives::Uid;
use dallosh_service_kit::{Caller, ErrorCode, Problem};

use super::logs::{LogEntry, view_entry};
use crate::{error, state::State};

/// Show an entry of the activity log
///
/// Needs `manage_app`.
#[utoipa::path(
    tag = "logs",
    operation_id = "get_log",
    params(("id" = Uid, Path, description = "The entry")),
    responses((status = 200, description = "The entry", body = Resource<LogEntry>))
)]
#[get("/v1/logs/{id}")]
pub async fn get_log(
    state: web::Data<State>,
    caller: Caller,
    id: web::Path<Uid>,
) -> Result<web::Json<Resource<LogEntry>>, Problem> {
    caller.require(Permission::ManageApp)?;
    let entry = state.log.find(*id).await.map_err(error::problem)?;
    let entry = entry.ok_or_else(|| Problem::new(ErrorCode::NotFound, "there is no such entry"))?;
    Ok(web::Json(view_entry(entry)))
}
