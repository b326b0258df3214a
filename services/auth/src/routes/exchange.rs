use actix_web::{HttpResponse, post, web};
use dallosh_contracts::{ExchangeRequest, ExchangedToken};
use dallosh_service_kit::{Body, Problem};
use secrecy::ExposeSecret as _;

use super::NO_STORE;
use crate::{
    state::State,
    workflow::{self, Exchanged},
};

/// An access token for what a caller showed instead of one. For the door alone: it leads nobody here. Whoever gets
/// through needs a credential all the same, and gets what it allows.
#[post("/internal/tokens/exchange")]
pub async fn exchange_token(state: web::Data<State>, request: Body<ExchangeRequest>) -> Result<HttpResponse, Problem> {
    let Exchanged { access, ends_at } = workflow::exchange(&state, &request.into_inner().token).await?;
    let expires_in = (ends_at - state.clock.now()).num_seconds();
    let answer = ExchangedToken { access_token: access.expose_secret().to_owned(), expires_in };
    Ok(HttpResponse::Ok().insert_header(NO_STORE).json(answer))
}
