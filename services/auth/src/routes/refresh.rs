use actix_web::{HttpResponse, post, web};
use dallosh_service_kit::Problem;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{NO_STORE, given, view::TokensView};
use crate::{error::Error, state::State, workflow};

/// The token to replace.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefreshRequest {
    /// The session's refresh token. Without one the answer is `unauthorized`.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String, required = false, example = "0197f0a4-5f5e-7cc0-8a55-6f9d3b1c2e01.q0mXyVYJ8Qd3…")]
    refresh_token: Option<SecretString>,
}

/// Refresh a session
///
/// Replaces the refresh token and gives a new access token. A token that was replaced more than 10 seconds ago ends the
/// whole session; within them it gets the same successor again.
#[utoipa::path(tag = "auth", security(()), request_body = RefreshRequest, responses(
    (status = 200, description = "The session's new tokens", body = TokensView),
))]
#[post("/v1/auth/refresh")]
pub async fn refresh_session(
    state: web::Data<State>,
    request: web::Json<RefreshRequest>,
) -> Result<HttpResponse, Problem> {
    let RefreshRequest { refresh_token } = request.into_inner();
    let token = refresh_token.ok_or(Error::SignedOut)?;
    let grant = workflow::refresh(&state, token.expose_secret()).await?;
    Ok(HttpResponse::Ok().insert_header(NO_STORE).json(TokensView::from(grant)))
}
