use actix_web::{HttpRequest, HttpResponse, get, web};
use dallosh_contracts::{Permission, Resource};
use dallosh_service_kit::{Caller, Problem, Revision};

use super::view_ai;
use crate::{ai::AiSettings, state::State};

/// Show the AI settings
///
/// Which models are asked, and which first. Needs `manage_app`.
#[utoipa::path(
    tag = "settings",
    operation_id = "get_ai_settings",
    params(("If-None-Match" = Option<String>, Header, description = "The ETag that the client has")),
    responses(
        (status = 200, description = "The settings", body = Resource<AiSettings>, headers(("ETag" = String, description = "Their revision"))),
        (status = 304, description = "The client has this revision")
    )
)]
#[get("/v1/settings/ai")]
pub async fn get_ai_settings(
    state: web::Data<State>,
    caller: Caller,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    caller.require(Permission::ManageApp)?;
    let settings = state.ai().await?;
    Ok(Revision(settings.revision).respond(&request, &view_ai(settings)))
}
