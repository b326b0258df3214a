use actix_web::{HttpResponse, http::header, post, web};
use dallosh_contracts::{ModelSnapshot, Permission, Resource};
use dallosh_primitives::Uid;
use dallosh_service_kit::{Body, Caller, Problem, Revision};

use super::{ModelView, view};
use crate::{
    error,
    input::{LAST_POSITION, ModelInput},
    state::State,
};

/// The most models that there can be.
const MOST: usize = 100;

/// Add a language model
///
/// It stands behind the others until it is moved. Nothing is sent to it; `POST …/test` does that. Needs `manage_app`.
#[utoipa::path(
    tag = "settings",
    operation_id = "create_model",
    request_body(content = ModelInput, example = json!({
        "kind": "external", "provider": "openai", "model": "gpt-4o-mini", "baseUrl": "https://api.openai.com/v1",
        "apiKey": "sk-…", "price": {"input_per_million_tokens": "0.15", "output_per_million_tokens": "0.60"}
    })),
    responses((status = 201, description = "The model", body = Resource<ModelView>,
        headers(("ETag" = String, description = "Its revision"), ("Location" = String, description = "Where it is"))))
)]
#[post("/v1/settings/ai/models")]
pub async fn create_model(
    state: web::Data<State>,
    caller: Caller,
    body: Body<ModelInput>,
) -> Result<HttpResponse, Problem> {
    caller.require(Permission::ManageApp)?;
    let models = state.all().await?;
    let last = models.last().map_or(0, |model| model.data.position.saturating_add(1).min(LAST_POSITION));
    let (mut model, key) = body.into_inner().check(None, last, &state.urls)?;
    if models.len() >= MOST {
        return Err(Problem::field("", format!("there can be {MOST} models; delete one first")));
    }
    let uid = Uid::new();
    state.change_key(&mut model, key, &ModelSnapshot::key_context(uid))?;
    let model = state.models.insert_as(uid, model, caller.name()).await.map_err(error::problem)?;
    tracing::info!(by = %caller.user, model = %uid, "a model was added");
    Ok(HttpResponse::Created()
        .insert_header((header::LOCATION, format!("/v1/settings/ai/models/{uid}")))
        .insert_header((header::ETAG, Revision(model.revision).etag()))
        .json(view(model)))
}
