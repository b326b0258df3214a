//! Task documents and their control: what somebody wants of the pipeline, and what came of it.
//!
//! Deliberately not here: the work itself (`enrichment`), and the rules of what may follow what (`dallosh-jobs`).

mod error;
mod estimate;
mod live;
mod reseal;
mod routes;
mod rows;
mod sse;
mod state;
mod task;
mod workflow;

use std::{net::TcpListener, sync::Arc};

use actix_web::web;
use dallosh_broker::Broker;
use dallosh_jobs::Engine;
use dallosh_primitives::Clock;
use dallosh_service_kit::{
    Check, ClientError, Config, Idempotency, Routes, Service, ServiceClient, ServiceName, TokenVerifier,
};
use dallosh_storage::Storage;
use dallosh_store::{Store, StoreError};
use tokio::sync::{Mutex, Semaphore};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::{
    live::{Followed, Hints},
    state::State,
};
pub use crate::{reseal::reseal, task::KIND};

/// Files that are read for lists of rows at once.
const SCANS: usize = 2;

/// The service could not be built.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The collections can't be opened.
    #[error("the task documents can't be opened")]
    Store(#[from] StoreError),
    /// The other services can't be asked.
    #[error("the clients of the other services can't be made")]
    Client(#[from] ClientError),
}

/// The tasks service, ready to run.
///
/// # Errors
/// When the database can't be prepared.
pub async fn service(
    listener: TcpListener,
    config: &Config,
    store: &Store,
    broker: &Broker,
    storage: &Storage,
    clock: Arc<dyn Clock>,
) -> Result<Service, StartError> {
    let idempotency = Arc::new(Idempotency::open(store, clock.clone()).await?);
    let kept = web::Data::from(idempotency.clone());
    let engine = Engine::open(KIND, store, broker.clone(), clock).await?;
    let hints = Hints::new();
    let files = ServiceClient::new(config.url_of(ServiceName::Files))?;
    let verifier = web::Data::new(TokenVerifier::new(ServiceClient::new(config.url_of(ServiceName::Auth))?));
    let settings = ServiceClient::new(config.url_of(ServiceName::Admin))?;
    let (storage, scans) = (storage.clone(), Arc::new(Semaphore::new(SCANS)));
    let state = web::Data::new(State {
        engine,
        files,
        settings,
        rows_per_day: config.max_rows_per_user_per_day,
        starts: Mutex::default(),
        storage,
        scans,
        task_logs: Followed::new(hints.clone()),
        all_logs: Followed::new(hints.clone()),
    });
    let routes: Routes = Arc::new(move |service: &mut ServiceConfig<'_>| {
        service.app_data(state.clone()).app_data(verifier.clone()).app_data(kept.clone());
        routes::register(service);
    });
    let (database, queue) = (store.clone(), broker.clone());
    let checks = vec![
        Check::new("database", move || {
            let database = database.clone();
            async move { database.ping().await }
        }),
        Check::new("broker", move || {
            let queue = queue.clone();
            async move { queue.ping().await }
        }),
    ];
    Ok(Service {
        workers: vec![hints.worker(broker.clone()), idempotency.worker()],
        checks,
        ..Service::new("tasks", listener, routes)
    })
}

/// The OpenAPI document of the routes.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let routes: Routes = Arc::new(routes::register);
    dallosh_service_kit::document(&routes)
}
