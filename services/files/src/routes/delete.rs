use actix_web::{HttpRequest, HttpResponse, delete, web};
use dallosh_contracts::Permission;
use dallosh_primitives::Uid;
use dallosh_service_kit::{Caller, Problem, Revision};

use crate::{state::State, workflow};

/// Delete a dataset
///
/// With the content of every stage. Refused with `in_use` while a task runs over it, waits to, or is paused. Needs
/// `manage_datasets`, and `read_tasks` to see those tasks.
#[utoipa::path(
    tag = "files",
    operation_id = "delete_file",
    params(("id" = Uid, Path, description = "The file"), ("If-Match" = Option<String>, Header, description = "The ETag of what is deleted")),
    responses((status = 204, description = "It is gone"))
)]
#[delete("/v1/files/{id}")]
pub async fn delete_file(
    state: web::Data<State>,
    caller: Caller,
    id: web::Path<Uid>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let scope = caller.require(Permission::ManageDatasets)?;
    let found = state.files.get(scope, *id).await?;
    Revision(found.revision).check(&request)?;
    workflow::delete(&state, &caller, found.uid).await?;
    Ok(HttpResponse::NoContent().finish())
}
