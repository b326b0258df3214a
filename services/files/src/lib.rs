//! Datasets: taken in, described, shown, handed out and deleted.
//!
//! Deliberately not here: what a run of the pipeline does with a dataset. The worker writes the cleaned and the
//! analysed stage straight into the object store; this service finds them there by their keys.

mod derived;
mod error;
mod exports;
mod file;
mod form;
mod intake;
mod janitor;
mod quota;
mod reading;
mod routes;
mod rows;
mod shown;
mod state;
mod store;
mod upload;
mod uploads;
mod workflow;

use std::{net::TcpListener, sync::Arc};

use actix_web::web;
use dallosh_primitives::SystemClock;
use dallosh_service_kit::{
    Check, ClientError, Config, Idempotency, Routes, Service, ServiceClient, ServiceName, TokenVerifier,
};
use dallosh_storage::Storage;
use dallosh_store::{Store, StoreError};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::state::State;

/// The service could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The collection of files is not to be had.
    #[error("the files collection can't be opened")]
    Store(#[from] StoreError),
    /// The clients of the other services can't be made.
    #[error("the clients of the other services can't be made")]
    Client(#[from] ClientError),
}

/// The files service on its own port, with the worker that removes what interrupted uploads and deletions left behind.
///
/// # Errors
/// [`StartError`]; nothing runs then.
pub async fn service(
    listener: TcpListener,
    config: &Config,
    store: &Store,
    storage: &Storage,
) -> Result<Service, StartError> {
    let state = Arc::new(State::new(config, store, storage).await?);
    let auth = ServiceClient::new(config.url_of(ServiceName::Auth))?;
    let (data, verifier) = (web::Data::from(state.clone()), web::Data::new(TokenVerifier::new(auth)));
    let idempotency = Arc::new(Idempotency::open(store, Arc::new(SystemClock)).await?);
    let kept = web::Data::from(idempotency.clone());
    let (database, objects) = (store.clone(), storage.clone());
    let routes: Routes = Arc::new(move |config: &mut ServiceConfig| {
        config.app_data(data.clone()).app_data(verifier.clone()).app_data(kept.clone());
        routes::register(config);
    });
    Ok(Service {
        workers: vec![janitor::worker(state), idempotency.worker()],
        checks: vec![
            Check::new("database", move || {
                let database = database.clone();
                async move { database.ping().await }
            }),
            Check::new("storage", move || {
                let objects = objects.clone();
                async move { objects.ping().await }
            }),
        ],
        ..Service::new("files", listener, routes)
    })
}

/// The description of the routes.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let routes: Routes = Arc::new(routes::register);
    dallosh_service_kit::document(&routes)
}
