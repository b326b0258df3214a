use actix_web::{HttpRequest, HttpResponse, get, web};
use dallosh_contracts::{Permission, Resource};
use dallosh_primitives::Uid;
use dallosh_service_kit::{Caller, Problem, Revision};

use super::{ModelView, view};
use crate::state::State;

/// Show a language model
///
/// Without its key. Needs `manage_app`.
#[utoipa::path(
    tag = "settings",
    operation_id = "get_model",
    params(("id" = Uid, Path, description = "The model"), ("If-None-Match" = Option<String>, Header, description = "The ETag that the client has")),
    responses(
        (status = 200, description = "The model", body = Resource<ModelView>, headers(("ETag" = String, description = "Its revision"))),
        (status = 304, description = "The client has this revision")
    )
)]
#[get("/v1/settings/ai/models/{id}")]
pub async fn get_model(
    state: web::Data<State>,
    caller: Caller,
    id: web::Path<Uid>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    caller.require(Permission::ManageApp)?;
    let model = state.model(*id).await?;
    Ok(Revision(model.revision).respond(&request, &view(model)))
}
