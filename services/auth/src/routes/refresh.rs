use actix_web::{HttpRequest, HttpResponse, post, web};
use dallosh_service_kit::{Body, ErrorCode, Problem};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    NO_STORE,
    cookies::{carrying, cookies_for},
    given,
    view::TokensView,
};
use crate::{error::Error, state::State, workflow};

/// The token to replace.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefreshRequest {
    /// The session's refresh token; a browser leaves it out and sends its cookie.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String, required = false, example = "0197f0a4-5f5e-7cc0-8a55-6f9d3b1c2e01.q0mXyVYJ8Qd3…")]
    refresh_token: Option<SecretString>,
}

/// Refresh a session
///
/// Replaces the refresh token and gives a new access token. A token that was replaced more than 10 seconds ago ends the
/// whole session; within them it gets the same successor again, so that two tabs of a browser may refresh at once.
#[utoipa::path(tag = "auth", security(()), request_body = RefreshRequest, responses(
    (status = 200, description = "The session's new tokens", body = TokensView),
))]
#[post("/v1/auth/refresh")]
pub async fn refresh_session(
    state: web::Data<State>,
    http: HttpRequest,
    request: Body<RefreshRequest>,
) -> Result<HttpResponse, Problem> {
    let RefreshRequest { refresh_token } = request.into_inner();
    let cookies = cookies_for(&state, &http);
    let by_cookie = refresh_token.is_none();
    let token = refresh_token.or_else(|| cookies.refresh(&http).map(SecretString::from)).ok_or(Error::SignedOut)?;
    match workflow::refresh(&state, token.expose_secret()).await.map_err(Problem::from) {
        Ok(grant) => {
            let [access, refresh] = carrying(cookies, &grant);
            Ok(HttpResponse::Ok().insert_header(NO_STORE).cookie(access).cookie(refresh).json(TokensView::from(grant)))
        }
        // What is no good any more need not be sent again.
        Err(problem) if by_cookie && problem.code == ErrorCode::Unauthorized => {
            let mut response = problem.respond();
            for cookie in cookies.clear() {
                response.add_cookie(&cookie).map_err(|error| Problem::internal(&error))?;
            }
            Ok(response)
        }
        Err(problem) => Err(problem),
    }
}
