use actix_web::{HttpResponse, post, web};
use dallosh_service_kit::{Caller, Problem};

use crate::{state::State, workflow};

/// Sign out
///
/// Ends the session of the token: its refresh token is refused from now on.
#[utoipa::path(tag = "auth", responses((status = 204, description = "The session is over")))]
#[post("/v1/auth/logout")]
pub async fn logout_user(state: web::Data<State>, caller: Caller) -> Result<HttpResponse, Problem> {
    workflow::logout(&state, &caller).await?;
    Ok(HttpResponse::NoContent().finish())
}
