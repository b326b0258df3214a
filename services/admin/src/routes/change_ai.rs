use actix_web::{HttpRequest, HttpResponse, patch, web};
use dallosh_contracts::{Permission, Resource};
use dallosh_service_kit::{Body, Caller, Problem, Revision};

use super::{changed, view_ai};
use crate::{ai::AiSettings, error, input::AiChange, state::State};

/// Change the AI settings
///
/// Tasks that run keep what they started with. Needs `manage_app`.
#[utoipa::path(
    tag = "settings",
    operation_id = "update_ai_settings",
    params(("If-Match" = String, Header, description = "The ETag of what is changed")),
    request_body(content = AiChange, example = json!({"preferences": {"mode": "external"}})),
    responses((status = 200, description = "The settings as they are now", body = Resource<AiSettings>, headers(("ETag" = String, description = "Their revision"))))
)]
#[patch("/v1/settings/ai")]
pub async fn update_ai_settings(
    state: web::Data<State>,
    caller: Caller,
    request: HttpRequest,
    body: Body<AiChange>,
) -> Result<HttpResponse, Problem> {
    caller.require(Permission::ManageApp)?;
    let mut settings = state.ai().await?;
    Revision(settings.revision).require(&request)?;
    let known: Vec<_> = state.all().await?.into_iter().map(|model| (model.uid, model.data.kind)).collect();
    let preferences = body.into_inner().preferences.check(&settings.data.preferences, &known)?;
    settings.data.preferences = preferences;
    let settings = state.settings.replace(settings, caller.name()).await.map_err(error::problem)?;
    tracing::info!(by = %caller.user, mode = ?settings.data.preferences.mode, "the AI settings were changed");
    Ok(changed(settings.revision, &view_ai(settings)))
}
