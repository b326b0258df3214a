use std::{net::TcpListener, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use actix_web::{App, HttpServer, middleware::from_fn, web};
use futures::{
    FutureExt,
    future::{BoxFuture, join_all, try_join_all},
};
use metrics_exporter_prometheus::PrometheusHandle;
use rustls::ServerConfig;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use utoipa_actix_web::{AppExt, service_config::ServiceConfig};

use crate::{
    Check, ErrorCode, Problem,
    connection::{Admit, Connection, SEES_DEPARTURES},
    document, health,
    idempotency::once,
    manners::{Methods, manners, unmatched},
};

/// How long connections may take to end at a stop, in seconds.
const SHUTDOWN_SECONDS: u64 = 5;
/// How long workers may take to put down their work, from the stop on.
const WORKERS_PATIENCE: Duration = Duration::from_secs(8);
/// How much of an answer in pieces is put together before it is written, in bytes. A connection's buffer has 8 KiB, and
/// once it had to grow, it mostly stays so.
const WRITTEN_AT_ONCE: usize = 4 << 10;
/// How often figures are gathered up; between two times they take memory.
const UPKEEP: Duration = Duration::from_secs(5);

/// Registers a service's routes; run once per server thread, and once for its `OpenAPI` document.
pub type Routes = Arc<dyn Fn(&mut ServiceConfig) + Send + Sync>;

/// Work beside the requests, until the token is cancelled.
pub type Worker = Box<dyn FnOnce(CancellationToken) -> BoxFuture<'static, ()> + Send>;

/// Cancelled when the process stops; streams end by it.
#[derive(Clone)]
pub struct Shutdown(pub CancellationToken);

/// A part of the platform that listens on a port of its own, in one process with others or alone.
pub struct Service {
    /// Its name in logs and figures.
    pub name: &'static str,
    /// Its own port.
    pub listener: TcpListener,
    /// Its routes.
    pub routes: Routes,
    /// What runs beside them.
    pub workers: Vec<Worker>,
    /// What it needs.
    pub checks: Vec<Check>,
    /// Server threads; one is enough for all but the gateway.
    pub threads: usize,
    /// How it speaks TLS, when it does.
    pub tls: Option<ServerConfig>,
    /// Which connections it takes; all of them unless it says.
    pub admit: Option<Admit>,
}

impl Service {
    /// A service without workers and needs, on one thread, that speaks plain HTTP with whoever comes.
    pub fn new(name: &'static str, listener: TcpListener, routes: Routes) -> Self {
        Self { name, listener, routes, workers: Vec::new(), checks: Vec::new(), threads: 1, tls: None, admit: None }
    }
}

/// A service could not run.
#[derive(Debug, thiserror::Error)]
#[error("service {service} failed")]
pub struct RunError {
    service: &'static str,
    #[source]
    source: std::io::Error,
}

/// Runs the services until `stop`; calls `ready` once all of them listen. At the stop no new work is taken, streams
/// end, workers put down their work, and the call returns in under ten seconds.
///
/// # Errors
/// When a service can't listen.
pub async fn run(
    services: Vec<Service>,
    figures: PrometheusHandle,
    stop: CancellationToken,
    ready: impl FnOnce(),
) -> Result<(), RunError> {
    let tracker = TaskTracker::new();
    let mut servers = Vec::new();
    for Service { name, listener, routes, workers, checks, threads, tls, admit } in services {
        let failed = move |source| RunError { service: name, source };
        let (figures, checks, shutdown, methods) = (
            web::Data::new(figures.clone()),
            web::Data::new(health::Checks(checks)),
            web::Data::new(Shutdown(stop.clone())),
            web::Data::new(Methods::of(&document(&routes))),
        );
        let server = HttpServer::new(move || {
            let routes = routes.clone();
            App::new()
                .wrap(from_fn(once))
                .wrap(from_fn(move |request, next| manners(name, request, next)))
                .app_data(
                    web::QueryConfig::default().error_handler(|error, _| Problem::field("", error.to_string()).into()),
                )
                .app_data(
                    web::PathConfig::default()
                        .error_handler(|_, _| Problem::new(ErrorCode::NotFound, "there is no such thing").into()),
                )
                .app_data(figures.clone())
                .app_data(checks.clone())
                .app_data(shutdown.clone())
                .app_data(methods.clone())
                .into_utoipa_app()
                .configure(|config| {
                    config.service(health::healthz).service(health::readyz).service(health::metrics);
                    routes(config);
                })
                .into_app()
                .default_service(web::to(unmatched))
        })
        .workers(threads)
        .disable_signals()
        .on_connect(move |connection, data| {
            data.insert(Connection::new(connection, admit.as_ref()));
        })
        .shutdown_timeout(SHUTDOWN_SECONDS)
        .client_request_timeout(Duration::from_secs(5))
        .h1_write_buffer_size(WRITTEN_AT_ONCE)
        .h1_allow_half_closed(SEES_DEPARTURES);
        let server = match tls {
            Some(tls) => server.listen_rustls_0_23(listener, tls),
            None => server.listen(listener),
        };
        let server = server.map_err(failed)?.run();
        for worker in workers {
            let work = AssertUnwindSafe(worker(stop.child_token())).catch_unwind();
            tracker.spawn(async move {
                if work.await.is_err() {
                    tracing::error!(service = name, "a worker panicked and is gone until the next start");
                }
            });
        }
        servers.push((name, server));
    }
    let stopping = stop.clone();
    tracker.spawn(async move {
        while stopping.run_until_cancelled(tokio::time::sleep(UPKEEP)).await.is_some() {
            figures.run_upkeep();
        }
    });
    tracker.close();
    let handles: Vec<_> = servers.iter().map(|(_, server)| server.handle()).collect();
    let stopping = stop.clone();
    let stopper = tokio::spawn(async move {
        stopping.cancelled().await;
        join_all(handles.iter().map(|handle| handle.stop(true))).await;
    });
    ready();
    let serving = async {
        let ended = try_join_all(
            servers
                .into_iter()
                .map(|(service, server)| async move { server.await.map_err(|source| RunError { service, source }) }),
        )
        .await;
        stop.cancel();
        ended
    };
    let working = async {
        stop.cancelled().await;
        if tokio::time::timeout(WORKERS_PATIENCE, tracker.wait()).await.is_err() {
            tracing::warn!("some work was not put down in time; its lease runs out");
        }
    };
    let (ended, ()) = tokio::join!(serving, working);
    stopper.abort();
    ended.map(|_| ())
}
