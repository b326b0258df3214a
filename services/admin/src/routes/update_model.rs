use actix_web::{HttpRequest, HttpResponse, patch, web};
use dallosh_contracts::{ModelSnapshot, Permission, Resource};
use dallosh_primitives::Uid;
use dallosh_service_kit::{Body, Caller, Problem, Revision};

use super::{ModelView, changed, view};
use crate::{error, input::ModelInput, state::State};

/// Change a language model
///
/// Tasks that run keep the model as it was. Another origin of `baseUrl` needs the key again. The kind of a default model
/// can't be changed. Needs `manage_app`.
#[utoipa::path(
    tag = "settings",
    operation_id = "update_model",
    params(("id" = Uid, Path, description = "The model"), ("If-Match" = String, Header, description = "The ETag of what is changed")),
    request_body(content = ModelInput, example = json!({"retryRequests": 5, "position": 0})),
    responses((status = 200, description = "The model as it is now", body = Resource<ModelView>, headers(("ETag" = String, description = "Its revision"))))
)]
#[patch("/v1/settings/ai/models/{id}")]
pub async fn update_model(
    state: web::Data<State>,
    caller: Caller,
    id: web::Path<Uid>,
    request: HttpRequest,
    body: Body<ModelInput>,
) -> Result<HttpResponse, Problem> {
    caller.require(Permission::ManageApp)?;
    let mut found = state.model(*id).await?;
    Revision(found.revision).require(&request)?;
    let (mut model, key) = body.into_inner().check(Some(&found.data), found.data.position, &state.urls)?;
    if model.kind != found.data.kind {
        state.refuse_default(&found).await?;
    }
    state.change_key(&mut model, key, &ModelSnapshot::key_context(found.uid))?;
    found.data = model;
    let model = state.models.replace(found, caller.name()).await.map_err(error::problem)?;
    tracing::info!(by = %caller.user, model = %model.uid, "a model was changed");
    Ok(changed(model.revision, &view(model)))
}
