//! The settings of the platform: which language models there are, how they are asked, and which of them first.
//!
//! Deliberately not here: the work that asks them. Tasks take an ordered list of models along when they start.

mod ai;
mod error;
mod general;
mod input;
mod model;
mod probe;
mod routes;
mod state;

use std::{net::TcpListener, sync::Arc};

use actix_web::web;
use dallosh_llm::InvalidOrigin;
use dallosh_primitives::SystemClock;
use dallosh_secrets::KeyError;
use dallosh_service_kit::{
    Check, ClientError, Config, Idempotency, Routes, Service, ServiceClient, ServiceName, TokenVerifier,
};
use dallosh_store::{Store, StoreError};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::state::State;

/// The service could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The collections can't be opened.
    #[error("the settings can't be opened")]
    Store(#[from] StoreError),
    /// The clients of the other services can't be made.
    #[error("the clients of the other services can't be made")]
    Client(#[from] ClientError),
    /// The key that seals the models' keys can't be had.
    #[error("the master key can't be had")]
    Key(#[from] KeyError),
    /// `models.allowed_origins` holds something else.
    #[error("models.allowed_origins is wrong")]
    Origin(#[from] InvalidOrigin),
}

/// The admin service on its own port.
///
/// # Errors
/// [`StartError`]; nothing runs then.
pub async fn service(listener: TcpListener, config: &Config, store: &Store) -> Result<Service, StartError> {
    let state = web::Data::new(State::new(config, store).await?);
    let auth = ServiceClient::new(config.url_of(ServiceName::Auth))?;
    let verifier = web::Data::new(TokenVerifier::new(auth));
    let idempotency = Arc::new(Idempotency::open(store, Arc::new(SystemClock)).await?);
    let kept = web::Data::from(idempotency.clone());
    let database = store.clone();
    Ok(Service {
        name: "admin",
        listener,
        routes: Arc::new(move |config: &mut ServiceConfig| {
            config.app_data(state.clone()).app_data(verifier.clone()).app_data(kept.clone());
            routes::register(config);
        }),
        workers: vec![idempotency.worker()],
        checks: vec![Check::new("database", move || {
            let database = database.clone();
            async move { database.ping().await }
        })],
        threads: 1,
        tls: None,
    })
}

/// The description of the routes.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let routes: Routes = Arc::new(routes::register);
    dallosh_service_kit::document(&routes)
}
