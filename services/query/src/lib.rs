//! Looking at results: the figures of analysed datasets, the posts behind them, and the platform's own numbers.
//!
//! Owns no collection: what a dataset is, the files service says, in the caller's name; what is counted, the worker wrote
//! beside the table. Deliberately not here: what a figure means (`dallosh-analysis`, `docs/kpis.md`).

mod dataset;
mod error;
mod overview;
mod request;
mod routes;
mod state;
mod workflow;

use std::{net::TcpListener, sync::Arc};

use actix_web::web;
use dallosh_service_kit::{Check, ClientError, Config, Routes, Service, ServiceClient, ServiceName, TokenVerifier};
use dallosh_storage::Storage;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::state::State;

/// The service could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The clients of the other services can't be made.
    #[error("the clients of the other services can't be made")]
    Client(#[from] ClientError),
}

/// The query service on its own port.
///
/// # Errors
/// [`StartError`]; nothing runs then.
pub fn service(listener: TcpListener, config: &Config, storage: &Storage) -> Result<Service, StartError> {
    let state = web::Data::new(State::new(config, storage)?);
    let auth = ServiceClient::new(config.url_of(ServiceName::Auth))?;
    let verifier = web::Data::new(TokenVerifier::new(auth));
    let objects = storage.clone();
    let routes: Routes = Arc::new(move |config: &mut ServiceConfig| {
        config.app_data(state.clone()).app_data(verifier.clone());
        routes::register(config);
    });
    Ok(Service {
        checks: vec![Check::new("storage", move || {
            let objects = objects.clone();
            async move { objects.ping().await }
        })],
        ..Service::new("query", listener, routes)
    })
}

/// The description of the routes.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let routes: Routes = Arc::new(routes::register);
    dallosh_service_kit::document(&routes)
}
