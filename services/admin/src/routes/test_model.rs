use actix_web::{post, web};
use dallosh_contracts::Permission;
use dallosh_primitives::Uid;
use dallosh_service_kit::{Caller, Problem};

use crate::{
    probe::{self, ModelTest},
    state::State,
};

/// Test a language model
///
/// Asks it for the labels of one short text, once, and tells what came of it. It may cost a little. Needs `manage_app`.
#[utoipa::path(
    tag = "settings",
    operation_id = "test_model",
    params(("id" = Uid, Path, description = "The model")),
    responses((status = 200, description = "What came of it, also when the model did not answer", body = ModelTest))
)]
#[post("/v1/settings/ai/models/{id}/test")]
pub async fn test_model(
    state: web::Data<State>,
    caller: Caller,
    id: web::Path<Uid>,
) -> Result<web::Json<ModelTest>, Problem> {
    caller.require(Permission::ManageApp)?;
    let model = state.model(*id).await?;
    Ok(web::Json(probe::test(&state, &model).await))
}
