//! The settings of the platform: what holds everywhere, which language models there are, and which of them first; and
//! the log of what people did.
//!
//! Deliberately not here: the work that asks them. Tasks take an ordered list of models along when they start.

mod activity;
mod ai;
mod error;
mod general;
mod input;
mod model;
mod probe;
mod reseal;
mod routes;
mod state;

use std::{
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use actix_web::web;
use dallosh_broker::{Broker, Queue};
use dallosh_llm::InvalidOrigin;
use dallosh_primitives::SystemClock;
use dallosh_secrets::KeyError;
use dallosh_service_kit::{
    Check, ClientError, Config, Idempotency, Routes, Service, ServiceClient, ServiceName, TokenVerifier, Worker,
};
use dallosh_store::{Store, StoreError};
use tokio_util::sync::CancellationToken;
use utoipa_actix_web::service_config::ServiceConfig;

pub use crate::{
    activity::{AnchorError, Finding, OperatorLog, OperatorLogError, Report, VerifyError, verify_log},
    reseal::{ResealError, reseal_models},
};
use crate::{
    activity::{Intake, QUEUE},
    state::State,
};

/// The work queues, declared by whoever opens the broker.
pub const QUEUES: [Queue; 1] = [QUEUE];
/// How long nothing may come at a stop before the log is closed: what other services still told is in it then.
const QUIET: Duration = Duration::from_millis(500);
/// How long the log is kept open at a stop at most.
const LATEST: Duration = Duration::from_secs(6);

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
pub async fn service(
    listener: TcpListener,
    config: &Config,
    store: &Store,
    broker: &Broker,
) -> Result<Service, StartError> {
    let state = web::Data::new(State::new(config, store).await?);
    let auth = ServiceClient::new(config.url_of(ServiceName::Auth))?;
    let verifier = web::Data::new(TokenVerifier::new(auth));
    let idempotency = Arc::new(Idempotency::open(store, Arc::new(SystemClock)).await?);
    let kept = web::Data::from(idempotency.clone());
    let workers = vec![idempotency.worker(), recorder(&state, broker, config)];
    let database = store.clone();
    let routes: Routes = Arc::new(move |config: &mut ServiceConfig| {
        config.app_data(state.clone()).app_data(verifier.clone()).app_data(kept.clone());
        routes::register(config);
    });
    Ok(Service {
        workers,
        checks: vec![Check::new("database", move || {
            let database = database.clone();
            async move { database.ping().await }
        })],
        ..Service::new("admin", listener, routes)
    })
}

/// Takes what is to be recorded and keeps the log in order. At a stop it goes on until nothing comes any more, and anchors
/// the end.
fn recorder(state: &web::Data<State>, broker: &Broker, config: &Config) -> Worker {
    let (state, broker, anchors) = (state.clone().into_inner(), broker.clone(), config.log_anchors.clone());
    Box::new(move |stop| {
        Box::pin(async move {
            let closed = CancellationToken::new();
            let intake = Arc::new(Intake { log: state.log.clone(), stop: closed.clone(), seen: AtomicU64::new(0) });
            let mut anchored = activity::last_anchored(&state.log, &anchors);
            let closing = async {
                stop.cancelled().await;
                let quiet = async {
                    let mut seen = None;
                    while seen != Some(intake.seen.load(Ordering::Relaxed)) {
                        seen = Some(intake.seen.load(Ordering::Relaxed));
                        tokio::time::sleep(QUIET).await;
                    }
                };
                // Later ones stay in the queue, where that outlives the process.
                let _ = tokio::time::timeout(LATEST, quiet).await;
                closed.cancel();
            };
            // One at a time: their order is the log's.
            let taking = broker.consume(QUEUE, 1, intake.clone(), closed.clone());
            tokio::join!(taking, closing, activity::keep(&state, &anchors, &mut anchored, stop.clone()));
            activity::anchor(&state.log, &anchors, &mut anchored).await;
        })
    })
}

/// The description of the routes.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let routes: Routes = Arc::new(routes::register);
    dallosh_service_kit::document(&routes)
}
