use actix_web::{HttpRequest, HttpResponse, http::header, post, web};
use dallosh_service_kit::{Body, Problem};
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    NO_STORE,
    cookies::{carrying, cookies_for},
    view::TokensView,
};
use crate::{
    state::State,
    workflow::{self, Client},
};

/// How much of a client's name is kept, in characters.
const USER_AGENT: usize = 200;

/// Who signs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginRequest {
    /// The address; its case does not matter.
    #[schema(example = "ann@example.com")]
    email: String,
    /// The password.
    #[schema(value_type = String, example = "correct horse battery", format = "password")]
    password: SecretString,
}

/// Sign in
///
/// After five wrong passwords within 15 minutes the account waits, for the client's address alone (`rate_limited`).
/// Begins a session, and gives a browser its tokens as cookies too. A wrong password, an unknown address and a disabled account get the same `invalid_credentials`.
#[utoipa::path(tag = "auth", security(()), request_body = LoginRequest, responses(
    (status = 200, description = "The session's tokens", body = TokensView),
))]
#[post("/v1/auth/login")]
pub async fn login_user(
    state: web::Data<State>,
    http: HttpRequest,
    request: Body<LoginRequest>,
) -> Result<HttpResponse, Problem> {
    let LoginRequest { email, password } = request.into_inner();
    // The gateway says where the client is; without it, whoever connects is the client.
    let forwarded = http.headers().get("x-forwarded-for").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let address = forwarded.or_else(|| Some(http.peer_addr()?.ip().to_string())).unwrap_or_default();
    let user_agent = http.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    let user_agent = user_agent.map(|name| name.chars().take(USER_AGENT).collect());
    let grant = workflow::login(&state, &email, &password, Client { address, user_agent }).await?;
    let [access, refresh] = carrying(cookies_for(&state, &http), &grant);
    Ok(HttpResponse::Ok().insert_header(NO_STORE).cookie(access).cookie(refresh).json(TokensView::from(grant)))
}
