use actix_web::{get, web};
use dallosh_contracts::{AiMode, ModelKind, ModelSnapshot, Permission};
use dallosh_primitives::Uid;
use dallosh_service_kit::{Caller, Problem};
use serde::Deserialize;

use crate::state::State;

/// What a task says itself, before the settings.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RouteParams {
    /// Which kinds of models are asked; those of the model when only that is told, else those of the settings.
    mode: Option<AiMode>,
    /// The model that is asked before all others.
    model_id: Option<Uid>,
}

/// The models that a task asks, in their order, with all that a task takes along when it starts; keys are sealed.
///
/// `automatic`: the default external model, the other external ones, the default local one, the other local ones;
/// `external` and `local`: those alone. When local models may be asked and there are none, `builtin` is. An empty list
/// means that no model can be asked. Needs `manage_tasks`. For services alone: the door leads nobody here.
#[get("/internal/ai/route")]
pub async fn get_ai_route(
    state: web::Data<State>,
    caller: Caller,
    params: web::Query<RouteParams>,
) -> Result<web::Json<Vec<ModelSnapshot>>, Problem> {
    caller.require(Permission::ManageTasks)?;
    let RouteParams { mode, model_id } = params.into_inner();
    let preferences = state.ai().await?.data.preferences;
    let models = state.all().await?;
    let kind = match model_id {
        Some(uid) => {
            let found = models.iter().find(|model| model.uid == uid);
            Some(found.ok_or_else(|| Problem::field("/model_id", "there is no such model"))?.data.kind)
        }
        None => None,
    };
    let mode = mode.unwrap_or(match kind {
        Some(ModelKind::Local) => AiMode::Local,
        Some(ModelKind::External) => AiMode::External,
        None => preferences.mode,
    });
    Ok(web::Json(preferences.route(mode, model_id, models)))
}
