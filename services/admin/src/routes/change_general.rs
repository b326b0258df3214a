use actix_web::{HttpRequest, HttpResponse, patch, web};
use dallosh_contracts::{Permission, Resource};
use dallosh_service_kit::{Body, Caller, Problem, Revision};

use super::{changed, view_general};
use crate::{
    error,
    general::{GeneralChange, GeneralSettings},
    state::State,
};

/// Change the general settings
///
/// With `isMaintenance` only callers with `manage_app` are served, from at most five seconds later on; the streams of
/// others end, and no task is begun, while those that run go on to their end. Needs `manage_app`.
#[utoipa::path(
    tag = "settings",
    operation_id = "update_general_settings",
    params(("If-Match" = String, Header, description = "The ETag of what is changed")),
    request_body(content = GeneralChange, example = json!({"timeZone": "Europe/Paris", "registration": "closed"})),
    responses((status = 200, description = "The settings as they are now", body = Resource<GeneralSettings>, headers(("ETag" = String, description = "Their revision"))))
)]
#[patch("/v1/settings/general")]
pub async fn update_general_settings(
    state: web::Data<State>,
    caller: Caller,
    request: HttpRequest,
    body: Body<GeneralChange>,
) -> Result<HttpResponse, Problem> {
    caller.require(Permission::ManageApp)?;
    let mut settings = state.general().await?;
    Revision(settings.revision).require(&request)?;
    settings.data = body.into_inner().check(&settings.data)?;
    let settings = state.general.replace(settings, caller.name()).await.map_err(error::problem)?;
    tracing::info!(by = %caller.user, is_maintenance = settings.data.is_maintenance, "the general settings were changed");
    Ok(changed(settings.revision, &view_general(settings)))
}
