use actix_web::{get, web};
use dallosh_service_kit::{Problem, Revocations};

use crate::{state::State, workflow::revocations};

/// What was revoked of access tokens that are out: ids, and no secrets. Every service asks for it every two seconds while
/// somebody asks it something. For services alone: the door leads nobody here.
#[get("/internal/revocations")]
pub async fn list_revocations(state: web::Data<State>) -> Result<web::Json<Revocations>, Problem> {
    Ok(web::Json(revocations::list(&state).await?))
}
