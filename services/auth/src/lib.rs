//! Users, roles and sessions, and the tokens by which every other service knows a caller.
//!
//! `routes` translate, `workflow` decides, `user`, `role` and `session` are the rules without IO, `store` keeps them.
//! Deliberately not here: what a permission allows on a resource (its service knows), cookies and limits by address
//! (the gateway sees the browser).

mod accounts;
mod api_token;
mod attempts;
mod error;
mod hashing;
mod issuers;
mod keys;
mod operator;
mod password;
mod reconcile;
mod role;
mod routes;
mod session;
mod start;
mod state;
mod store;
mod tokens;
mod user;
mod workflow;

use std::{net::TcpListener, sync::Arc};

use actix_web::web;
use dallosh_primitives::Clock;
use dallosh_secrets::Sealer;
use dallosh_service_kit::{
    Check, Config, Idempotency, Routes, Service, ServiceClient, ServiceName, TokenVerifier, Worker, document,
};
use dallosh_store::Store;
use utoipa_actix_web::service_config::ServiceConfig;

pub use accounts::{AccountError, Accounts, Kept, Listed};
pub use operator::Operator;
pub use start::{StartError, init};
pub use tokens::TokenError;

/// The service on `listener`, with its keys, roles and first accounts made when they were not there.
///
/// # Errors
/// [`StartError::Configuration`] when the production profile has no admin and can't make one; the others when a part
/// is missing.
pub async fn service(
    listener: TcpListener,
    config: &Config,
    store: &Store,
    clock: Arc<dyn Clock>,
) -> Result<Service, StartError> {
    let sealer = Sealer::new(&config.master_keys()?)?;
    let idempotency = Arc::new(Idempotency::open(store, clock.clone()).await?.sealed(sealer));
    let kept = web::Data::from(idempotency.clone());
    let state = web::Data::new(start::state(config, store, clock).await?);
    let verifier = web::Data::new(TokenVerifier::new(ServiceClient::new(config.url_of(ServiceName::Auth))?));
    let sweeping = state.clone().into_inner();
    let sweeper: Worker = Box::new(move |stop| Box::pin(reconcile::sweep(sweeping, stop)));
    let routes: Routes = Arc::new(move |config: &mut ServiceConfig| {
        config.app_data(state.clone()).app_data(verifier.clone()).app_data(kept.clone());
        routes::register(config);
    });
    let database = store.clone();
    let check = Check::new("database", move || {
        let database = database.clone();
        async move { database.ping().await }
    });
    Ok(Service {
        workers: vec![sweeper, idempotency.worker()],
        checks: vec![check],
        ..Service::new("auth", listener, routes)
    })
}

/// The `OpenAPI` document of the service's routes.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let routes: Routes = Arc::new(routes::register);
    document(&routes)
}
