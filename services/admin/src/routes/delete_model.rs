use actix_web::{HttpRequest, HttpResponse, delete, web};
use dallosh_contracts::Permission;
use dallosh_primitives::Uid;
use dallosh_service_kit::{Caller, Problem, Revision};

use crate::{error, state::State};

/// Delete a language model
///
/// With its key. Refused with `in_use` while it is a default. Tasks that run ask the others. Needs `manage_app`.
#[utoipa::path(
    tag = "settings",
    operation_id = "delete_model",
    params(("id" = Uid, Path, description = "The model"), ("If-Match" = String, Header, description = "The ETag of what is deleted")),
    responses((status = 204, description = "It is gone"))
)]
#[delete("/v1/settings/ai/models/{id}")]
pub async fn delete_model(
    state: web::Data<State>,
    caller: Caller,
    id: web::Path<Uid>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    caller.require(Permission::ManageApp)?;
    let found = state.model(*id).await?;
    Revision(found.revision).require(&request)?;
    state.refuse_default(&found).await?;
    state.models.delete(found.uid).await.map_err(error::problem)?;
    tracing::info!(by = %caller.user, model = %found.uid, "a model was deleted");
    Ok(HttpResponse::NoContent().finish())
}
