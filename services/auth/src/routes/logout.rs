use actix_web::{HttpRequest, HttpResponse, post, web};
use dallosh_service_kit::Problem;

use super::{cookies::cookies_for, person::Person};
use crate::{state::State, workflow};

/// Sign out
///
/// Ends the session of the token: its refresh token is refused from now on. A browser loses its cookies.
#[utoipa::path(tag = "auth", responses((status = 204, description = "The session is over")))]
#[post("/v1/auth/logout")]
pub async fn logout_user(
    state: web::Data<State>,
    Person(caller): Person,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    workflow::logout(&state, &caller).await?;
    let [access, refresh] = cookies_for(&state, &request).clear();
    Ok(HttpResponse::NoContent().cookie(access).cookie(refresh).finish())
}
