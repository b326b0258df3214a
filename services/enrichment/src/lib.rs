//! The worker that runs the enrichment pipeline: read, clean, ask the model, append, save.
//!
//! Deliberately not here: when a step runs, what survives a crash, who may control it (`dallosh-jobs`), and how a CSV
//! is read (`dallosh-dataset`) or a model is talked to (`dallosh-llm`).

mod asking;
mod blocking;
mod hints;
mod meter;
mod models;
mod paging;
mod pipeline;
mod sizing;
mod steps;

use std::{net::TcpListener, sync::Arc, time::Duration};

use dallosh_broker::Broker;
use dallosh_jobs::{Engine, Kind, Worker, WorkerConfig};
use dallosh_llm::{InvalidOrigin, UrlPolicy};
use dallosh_primitives::Clock;
use dallosh_secrets::{KeyError, Sealer};
use dallosh_service_kit::{Check, ClientError, Config, Profile, Routes, Service, SettingsReader};
use dallosh_storage::Storage;
use dallosh_store::{Store, StoreError};

pub use crate::hints::QUEUES;
use crate::{hints::Hints, models::Models, pipeline::Enrichment};

/// Hints in work at once.
const PREFETCH: u16 = 8;

/// The service could not be built.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The collections can't be opened.
    #[error("the task documents can't be opened")]
    Store(#[from] StoreError),
    /// The master key can't be had.
    #[error("the master key can't be had")]
    Key(#[from] KeyError),
    /// An allowed origin is none.
    #[error("models.allowed_origins")]
    Origin(#[from] InvalidOrigin),
    /// The client of the admin service can't be made.
    #[error("the client of the admin service can't be made")]
    Client(#[from] ClientError),
}

/// What the worker stands on.
pub struct Parts {
    /// The documents.
    pub store: Store,
    /// The hints.
    pub broker: Broker,
    /// The files.
    pub storage: Storage,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Names this worker; the same after a restart on the same data folder.
    pub instance: String,
}

/// The enrichment worker for tasks of `kind`, ready to run; its port serves health and figures only.
///
/// # Errors
/// When the database can't be prepared.
pub async fn service(listener: TcpListener, config: &Config, kind: Kind, parts: Parts) -> Result<Service, StartError> {
    let Parts { store, broker, storage, clock, instance } = parts;
    let engine = Engine::open(kind, &store, broker.clone(), clock).await?;
    let sealer = Sealer::new(&config.master_keys()?)?;
    let loopback = config.profile == Profile::Development;
    let models = Models::new(sealer, UrlPolicy::new(&config.allowed_origins, loopback)?);
    let pipeline = Arc::new(Enrichment::new(storage.clone(), models, SettingsReader::new(config)?));
    let lease = Duration::from_secs(config.lease_seconds);
    let [max_parallel, max_per_owner] =
        [config.max_parallel, config.max_running_per_user].map(|most| usize::try_from(most).unwrap_or(1));
    let worker_config = WorkerConfig { instance, lease, max_parallel, max_per_owner };
    let worker = Arc::new(Worker::new(engine.clone(), pipeline, worker_config));
    let mut workers: Vec<dallosh_service_kit::Worker> = Vec::new();
    for queue in QUEUES {
        let (broker, hints) = (broker.clone(), Arc::new(Hints { worker: worker.clone(), engine: engine.clone() }));
        workers.push(Box::new(move |stop| Box::pin(async move { broker.consume(queue, PREFETCH, hints, stop).await })));
    }
    workers.push(Box::new(move |stop| Box::pin(worker.run(stop))));
    let routes: Routes = Arc::new(|_| {});
    let checks = vec![
        Check::new("database", move || {
            let store = store.clone();
            async move { store.ping().await }
        }),
        Check::new("broker", move || {
            let broker = broker.clone();
            async move { broker.ping().await }
        }),
        Check::new("storage", move || {
            let storage = storage.clone();
            async move { storage.ping().await }
        }),
    ];
    Ok(Service { workers, checks, ..Service::new("enrichment", listener, routes) })
}
