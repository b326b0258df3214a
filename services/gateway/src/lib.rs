//! The public door: routes every request to the service that owns its path, checks tokens and sizes before anything is
//! read, streams both ways, and shows the API's document and reference.
//!
//! Deliberately not here: anything of a service's subject. What an answer says is the service's; the door adds who asks
//! from where, and takes away what only the next hop may see.

mod activity;
mod asset;
mod body;
mod client;
mod docs;
mod exchange;
mod headers;
mod proxy;
mod rates;
mod site;
mod table;
mod tls;
mod upstream;
mod visitor;

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use actix_cors::Cors;
use actix_web::{HttpRequest, middleware::Condition, web};
use dallosh_broker::Broker;
use dallosh_service_kit::{
    Admit, Check, ClientError, Config, Profile, Routes, Service, ServiceClient, ServiceName, SettingsReader,
    TokenVerifier, Worker,
};
use utoipa::openapi::OpenApi;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::{
    activity::Recorder,
    client::Client,
    docs::Pages,
    exchange::Exchange,
    proxy::Door,
    rates::{Connections, Rates, Streams},
    upstream::Upstream,
};
pub use crate::{
    site::{Site, SiteError},
    tls::TlsError,
};

/// Server threads.
const THREADS: usize = 2;
/// What a form adds to the file in it.
const FORM: u64 = 64 << 10;

/// The gateway could not be built.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The clients of the services can't be made.
    #[error("the client for requests to the services can't be made")]
    Http(#[from] io::Error),
    /// The client that asks for the published keys or the settings can't be made.
    #[error("the clients of the auth and the admin service can't be made")]
    Client(#[from] ClientError),
    /// The certificate can't be used.
    #[error("the door can't speak TLS")]
    Tls(#[from] TlsError),
    /// The frontend that was built in is none.
    #[error("the frontend can't be shown")]
    Site(#[from] SiteError),
}

/// What the door puts up with.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long a service may say nothing before it is asked whether it lives, and how long it may take to say so.
    pub patience: Duration,
    /// How long a service may take to begin its answer once it has the whole request, and to take the next piece of one.
    pub answer: Duration,
    /// Over this much waiting, a client must send [`Limits::SLOWEST`] bytes a second on average.
    pub window: Duration,
    /// The largest body that is no upload, in bytes.
    pub body: u64,
    /// How often it is looked whether there is a new certificate.
    pub renewal: Duration,
    /// How many connections there may be, however many files the process may open.
    pub connections: usize,
}

impl Limits {
    /// The slowest request body that is taken, in bytes a second.
    pub const SLOWEST: u64 = 1 << 10;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            patience: Duration::from_secs(2),
            answer: Duration::from_secs(30),
            window: Duration::from_secs(30),
            body: 1 << 20,
            renewal: Duration::from_mins(1),
            connections: 10_000,
        }
    }
}

/// The gateway, ready to run. `describe` gives the document of all services, which is shown at `/openapi.json` and `/docs`.
///
/// # Errors
/// When a client can't be made.
pub fn service(
    listener: TcpListener,
    config: &Config,
    broker: &Broker,
    describe: fn() -> OpenApi,
) -> Result<Service, StartError> {
    service_with(Limits::default(), Site::embedded()?, listener, config, broker, describe)
}

/// [`service`] with other limits and another frontend.
///
/// # Errors
/// As [`service`].
pub fn service_with(
    limits: Limits,
    site: Site,
    listener: TcpListener,
    config: &Config,
    broker: &Broker,
    describe: fn() -> OpenApi,
) -> Result<Service, StartError> {
    let verifier = web::Data::new(TokenVerifier::new(ServiceClient::new(config.url_of(ServiceName::Auth))?));
    let (pages, site) = (web::Data::new(Pages::new(describe)), web::Data::new(site));
    let connector = client::connector()?;
    let http = client::client(&connector);
    let upstreams: BTreeMap<_, _> = table::ROUTES
        .iter()
        .map(|(_, name)| (*name, Upstream::new(*name, config.url_of(*name), http.clone(), limits)))
        .collect();
    let max_upload = config.max_upload.0.saturating_add(FORM);
    // One for each thread: a connection's work then stays on the thread of its requests.
    let (rates, streams) = (Arc::new(Rates::new(config.requests_per_second)), Streams::default());
    let exchange = Arc::new(Exchange::new(ServiceClient::new(config.url_of(ServiceName::Auth))?, &config.issuers));
    let settings = Arc::new(SettingsReader::new(config)?);
    let (recorder, taken) = Recorder::new();
    let recorder = Arc::new(recorder);
    let door = || {
        let trusted_proxies = config.trusted_proxies.clone();
        let secure_cookies = config.profile == Profile::Production;
        web::Data::new(Door {
            http: client::client(&connector),
            events: client::client_of_events(&connector),
            limits,
            max_upload,
            trusted_proxies,
            secure_cookies,
            exchange: exchange.clone(),
            rates: rates.clone(),
            streams: streams.clone(),
            settings: settings.clone(),
            recorder: recorder.clone(),
        })
    };
    let (even, odd) = (door(), door());
    let checks = checks(config, &http);
    let page_origins = config.page_origins.clone();
    let turn = AtomicUsize::new(0);
    let routes: Routes = Arc::new(move |service: &mut ServiceConfig<'_>| {
        let door = if turn.fetch_add(1, Ordering::Relaxed).is_multiple_of(THREADS) { &even } else { &odd };
        service.app_data(door.clone()).app_data(verifier.clone()).app_data(pages.clone());
        docs::register(service);
        service.map(|config| {
            let forward = |upstream: Option<Arc<Upstream>>| {
                web::route().to(move |door, verifier, shutdown, request: HttpRequest, payload| {
                    let is_resumable = table::is_resumable(request.path());
                    let answer = proxy::forward(door, verifier, shutdown, upstream.clone(), request, payload);
                    async move {
                        match answer.await {
                            Err(problem) if is_resumable => Ok(headers::resumable(problem.respond())),
                            answer => answer,
                        }
                    }
                })
            };
            for (prefix, name) in table::ROUTES {
                let Some(upstream) = upstreams.get(name).cloned() else { continue };
                let route = forward(Some(upstream));
                let resource = web::resource([(*prefix).to_owned(), format!("{prefix}/{{rest:.*}}")]).route(route);
                config.service(resource.wrap(Condition::new(!page_origins.is_empty(), pages_of(&page_origins))));
            }
            config.service(web::resource(["/v1", "/v1/{rest:.*}"]).route(forward(None)));
            // Last, for it takes every path.
            if site.is_empty() {
                config.service(web::resource("/").route(docs::start()));
            } else {
                config.app_data(site.clone()).service(web::resource("/{path:.*}").route(site::route()));
            }
            config
        });
    });
    let broker = broker.clone();
    let relay: Worker = Box::new(move |stop| Box::pin(async move { recorder.relay(taken, broker, stop).await }));
    let (tls, workers) = match config.tls.clone() {
        Some(files) => {
            let (tls, renewal) = tls::configure(files, limits.renewal)?;
            (Some(tls), vec![relay, renewal])
        }
        None => (None, vec![relay]),
    };
    let each = usize::try_from(config.connections_per_address.get()).unwrap_or(usize::MAX);
    let connections = Connections::new(limits.connections, each, config.trusted_proxies.clone());
    let admit: Admit = Arc::new(move |peer| connections.admit(peer));
    Ok(Service {
        workers,
        checks,
        threads: THREADS,
        tls,
        admit: Some(admit),
        ..Service::new("gateway", listener, routes)
    })
}

/// The `OpenAPI` document of the gateway's own routes.
pub fn openapi() -> OpenApi {
    let routes: Routes = Arc::new(docs::register);
    dallosh_service_kit::document(&routes)
}

/// Lets pages of these places read answers. Cookies are of this place's own pages; another's bring a token.
fn pages_of(origins: &[String]) -> Cors {
    let cors = Cors::default().allow_any_method().allow_any_header().expose_any_header().max_age(600);
    origins.iter().fold(cors, |cors, origin| cors.allowed_origin(origin))
}

/// A service behind the door is not ready.
#[derive(Debug, thiserror::Error)]
enum NotReady {
    #[error("it answers {0}")]
    Answer(u16),
    #[error("it does not answer")]
    Silence(#[source] hyper_util::client::legacy::Error),
    /// Its address is none.
    #[error("it has no address")]
    Nowhere(#[source] hyper::http::uri::InvalidUri),
}

/// That another file can be opened, which a connection is, and that every service to which something is routed is ready.
fn checks(config: &Config, http: &Client) -> Vec<Check> {
    let services: BTreeSet<_> = table::ROUTES.iter().map(|(_, name)| *name).collect();
    let check = |name: ServiceName| {
        let (http, url) = (http.clone(), format!("{}/readyz", config.url_of(name)));
        Check::new(name.as_str(), move || {
            let asked = url.parse().map(|url| http.get(url));
            async move {
                let status = asked.map_err(NotReady::Nowhere)?.await.map_err(NotReady::Silence)?.status();
                if status.is_success() { Ok(()) } else { Err(NotReady::Answer(status.as_u16())) }
            }
        })
    };
    let files = Check::new("open_files", || async { std::fs::File::open("/dev/null").map(drop) });
    services.into_iter().map(check).chain([files]).collect()
}
