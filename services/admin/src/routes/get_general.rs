use actix_web::{HttpRequest, HttpResponse, get, web};
use dallosh_contracts::Resource;
use dallosh_service_kit::{Caller, Problem, Revision};

use super::view_general;
use crate::{general::GeneralSettings, state::State};

/// Show the general settings
///
/// For everybody who is signed in.
#[utoipa::path(
    tag = "settings",
    operation_id = "get_general_settings",
    params(("If-None-Match" = Option<String>, Header, description = "The ETag that the client has")),
    responses(
        (status = 200, description = "The settings", body = Resource<GeneralSettings>, headers(("ETag" = String, description = "Their revision"))),
        (status = 304, description = "The client has this revision")
    )
)]
#[get("/v1/settings/general")]
pub async fn get_general_settings(
    state: web::Data<State>,
    _caller: Caller,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let settings = state.general().await?;
    Ok(Revision(settings.revision).respond(&request, &view_general(settings)))
}
