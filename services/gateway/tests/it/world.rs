//! A gateway on a port of its own, before one small server that stands in for all services.

use std::{
    collections::HashSet,
    convert::Infallible,
    net::{SocketAddr, TcpListener},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use dallosh_broker::{Broker, Queue};
use dallosh_contracts::{PlatformSettings, Registration};
use dallosh_gateway::{Limits, Site, openapi, service_with};
use dallosh_primitives::Uid;
use dallosh_service_kit::{Config, Revocations, RunError, Sources, bearer_token, run};
use dallosh_testkit::jwks;
use futures::{StreamExt as _, stream};
use metrics_exporter_prometheus::PrometheusBuilder;
use reqwest::{Client, Method, RequestBuilder, Response, header::CONTENT_TYPE};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::{Semaphore, mpsc},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

/// What the stand-in and a test tell each other.
#[derive(Clone)]
struct Strings {
    told: mpsc::UnboundedSender<String>,
    go: Arc<Semaphore>,
    maintenance: Arc<AtomicBool>,
    handed_out: Arc<Mutex<HandedOut>>,
}

/// The access tokens that were handed out for API tokens.
#[derive(Default)]
struct HandedOut {
    /// The last one, until rights change.
    good: Option<String>,
    last: Option<String>,
    ended: HashSet<Uid>,
    /// Whether the door asked for what ended, since it did.
    was_told: bool,
}

impl Strings {
    fn tell(&self, what: impl Into<String>) {
        let _ = self.told.send(what.into());
    }

    async fn wait(&self) {
        self.go.acquire().await.unwrap().forget();
    }
}

struct Leaves(Strings);

impl Drop for Leaves {
    fn drop(&mut self) {
        self.0.tell("dropped");
    }
}

async fn keys() -> HttpResponse {
    HttpResponse::Ok().json(jwks())
}

async fn revocations(strings: web::Data<Strings>) -> HttpResponse {
    let mut handed_out = strings.handed_out.lock().unwrap();
    handed_out.was_told = true;
    HttpResponse::Ok().json(Revocations { ended: handed_out.ended.clone(), ..Revocations::default() })
}

/// Takes the last access token that was handed out, unless rights changed since.
async fn strict(request: HttpRequest, strings: web::Data<Strings>) -> HttpResponse {
    let shown = bearer_token(&request).ok();
    let is_good = shown.is_some() && strings.handed_out.lock().unwrap().good == shown;
    if is_good { HttpResponse::Ok() } else { HttpResponse::Unauthorized() }.finish()
}

/// Knows two API tokens by name, and tells when it is asked.
async fn exchange(strings: web::Data<Strings>, shown: web::Json<Value>) -> HttpResponse {
    let shown = shown["token"].as_str().unwrap();
    strings.tell(format!("exchange {shown}"));
    match shown {
        "dls_good" => {
            let access = token();
            let mut handed_out = strings.handed_out.lock().unwrap();
            (handed_out.good, handed_out.last) = (Some(access.clone()), Some(access.clone()));
            HttpResponse::Ok().json(json!({"access_token": access, "expires_in": 600}))
        }
        "dls_down" => HttpResponse::ServiceUnavailable().finish(),
        _ => HttpResponse::Unauthorized().json(json!({
            "type": "", "title": "", "status": 401, "code": "unauthorized", "detail": "theirs", "request_id": "theirs",
        })),
    }
}

async fn settings(strings: web::Data<Strings>) -> HttpResponse {
    let is_maintenance = strings.maintenance.load(Ordering::SeqCst);
    let registration = Registration::Open;
    HttpResponse::Ok().json(PlatformSettings { time_zone: "UTC".to_owned(), is_maintenance, registration })
}

async fn health(strings: web::Data<Strings>) -> HttpResponse {
    strings.tell("asked whether it lives");
    HttpResponse::Ok().finish()
}

async fn upload(request: HttpRequest, strings: web::Data<Strings>, mut payload: web::Payload) -> HttpResponse {
    if request.query_string() == "stall" {
        strings.wait().await;
    }
    let mut length = 0;
    while let Some(piece) = payload.next().await {
        match piece {
            Ok(piece) if length == 0 => {
                length += piece.len();
                strings.tell("began");
            }
            Ok(piece) => length += piece.len(),
            Err(_) => {
                strings.tell("aborted");
                return HttpResponse::BadRequest().finish();
            }
        }
    }
    strings.tell(format!("whole {length}"));
    HttpResponse::Created().json(length)
}

async fn echo(request: HttpRequest) -> HttpResponse {
    let headers: Vec<_> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes())))
        .collect();
    HttpResponse::Ok()
        .append_header(("set-cookie", "a=1"))
        .append_header(("set-cookie", "b=2"))
        .append_header(("keep-alive", "timeout=5"))
        .append_header(("proxy-authenticate", "Basic"))
        .append_header(("server", "secret/1.0"))
        .append_header(("x-own", "kept"))
        .append_header(("cache-control", "max-age=60"))
        .json(json!({ "headers": headers, "target": request.uri().to_string(), "method": request.method().as_str() }))
}

async fn events(strings: web::Data<Strings>) -> HttpResponse {
    let held = Leaves(strings.get_ref().clone());
    let first = stream::once(async { Ok::<_, Infallible>(Bytes::from_static(b"id: 1\n\n")) });
    let strings = strings.get_ref().clone();
    let rest = stream::unfold(strings, |strings| async move {
        strings.wait().await;
        Some((Ok(Bytes::from_static(b"id: 2\n\n")), strings))
    });
    HttpResponse::Ok().content_type("text/event-stream").streaming(first.chain(rest).inspect(move |_| {
        let _ = &held;
    }))
}

/// Never answers, and tells when nobody waits any more.
async fn hang(strings: web::Data<Strings>) -> HttpResponse {
    let _held = Leaves(strings.get_ref().clone());
    std::future::pending().await
}

/// Answers the head and one piece, and breaks off.
async fn broken(strings: web::Data<Strings>) -> HttpResponse {
    let strings = strings.get_ref().clone();
    let end = stream::once(async move {
        strings.wait().await;
        Err(std::io::Error::other("gone"))
    });
    HttpResponse::Ok().streaming(stream::iter([Ok(Bytes::from_static(b"one"))]).chain(end))
}

fn stand_in(strings: Strings) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let server = HttpServer::new(move || {
        App::new()
            .app_data(web::Data::new(strings.clone()))
            .route("/.well-known/jwks.json", web::get().to(keys))
            .route(Revocations::PATH, web::get().to(revocations))
            .route("/internal/tokens/exchange", web::post().to(exchange))
            .route("/readyz", web::get().to(HttpResponse::Ok))
            .route("/healthz", web::get().to(health))
            .route("/v1/files", web::post().to(upload))
            .route("/v1/tasks", web::post().to(upload))
            .route("/internal/settings", web::get().to(settings))
            .route("/v1/settings/public", web::get().to(echo))
            .route("/v1/auth/{name}", web::route().to(echo))
            .route("/v1/uploads", web::post().to(upload))
            .route("/v1/uploads/one", web::patch().to(upload))
            .route("/v1/files/echo", web::route().to(echo))
            .route("/v1/files/strict", web::route().to(strict))
            .route("/v1/files/unauthorized", web::route().to(HttpResponse::Unauthorized))
            .route("/v1/files/none", web::to(HttpResponse::NoContent))
            .route("/v1/files/plain-error", web::to(async || HttpResponse::BadGateway().body("stack trace")))
            .route("/v1/files/broken", web::to(broken))
            .route("/v1/files/hang", web::to(hang))
            .route(
                "/v1/files/redirect",
                web::to(async || HttpResponse::Found().insert_header(("location", "/v1/files/echo")).finish()),
            )
            .route(
                "/v1/files/refused",
                web::to(async || {
                    HttpResponse::Conflict()
                        .content_type("application/problem+json")
                        .body(r#"{"code":"conflict","request_id":"theirs"}"#)
                }),
            )
            .route("/v1/events", web::get().to(events))
    })
    .workers(1)
    .disable_signals()
    .h1_allow_half_closed(false)
    .listen(listener)
    .unwrap()
    .run();
    tokio::spawn(server);
    base
}

/// The queue of the activity log, which is admin's.
pub const ACTIVITY: Queue = Queue { name: "admin.activity", bindings: &["record_activity"] };

pub fn token() -> String {
    dallosh_testkit::token(Uid::new(), [])
}

pub struct World {
    pub address: SocketAddr,
    pub stop: CancellationToken,
    /// The messages, and until when a test hears them.
    pub broker: Broker,
    pub heard: CancellationToken,
    pub ended: JoinHandle<Result<(), RunError>>,
    pub told: mpsc::UnboundedReceiver<String>,
    http: Client,
    go: Arc<Semaphore>,
    maintenance: Arc<AtomicBool>,
    handed_out: Arc<Mutex<HandedOut>>,
}

impl World {
    pub async fn new() -> Self {
        Self::with(Limits::default(), &[]).await
    }

    /// With other limits and configuration.
    pub async fn with(limits: Limits, keys: &[(&'static str, &str)]) -> Self {
        Self::made(limits, Site::default(), keys).await
    }

    /// With a frontend.
    pub async fn showing(site: Site) -> Self {
        Self::made(Limits::default(), site, &[]).await
    }

    async fn made(limits: Limits, site: Site, keys: &[(&'static str, &str)]) -> Self {
        let (told, telling) = mpsc::unbounded_channel();
        let go = Arc::new(Semaphore::new(0));
        let maintenance = Arc::new(AtomicBool::new(false));
        let handed_out = Arc::<Mutex<HandedOut>>::default();
        let strings =
            Strings { told, go: go.clone(), maintenance: maintenance.clone(), handed_out: handed_out.clone() };
        let base = stand_in(strings);
        let services = [
            "services.auth.url",
            "services.admin.url",
            "services.files.url",
            "services.query.url",
            "services.tasks.url",
        ];
        let mut flags: Vec<_> = services.into_iter().map(|key| (key, base.clone())).collect();
        flags.extend(keys.iter().map(|(key, value)| (*key, (*value).to_owned())));
        let config = Config::load(&Sources { flags, ..Sources::default() }).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let broker = Broker::open("memory://", &[ACTIVITY]).await.unwrap();
        let service = service_with(limits, site, listener, &config, &broker, openapi).unwrap();
        let figures = PrometheusBuilder::new().build_recorder().handle();
        let stop = CancellationToken::new();
        let (ready, is_ready) = tokio::sync::oneshot::channel();
        let ended = tokio::spawn(run(vec![service], figures, stop.clone(), move || {
            let _ = ready.send(());
        }));
        is_ready.await.unwrap();
        let http = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let heard = CancellationToken::new();
        Self { address, stop, broker, heard, ended, told: telling, http, go, maintenance, handed_out }
    }

    /// Lets the stand-in go on, once.
    pub fn go(&self) {
        self.go.add_permits(1);
    }

    /// What the settings say of maintenance from now on.
    pub fn set_maintenance(&self, on: bool) {
        self.maintenance.store(on, Ordering::SeqCst);
    }

    /// From now on the last access token that was handed out is good no more; another one is.
    pub fn change_rights(&self) {
        let mut handed_out = self.handed_out.lock().unwrap();
        handed_out.good = None;
        handed_out.was_told = false;
        let claims = handed_out.last.as_ref().and_then(|token| token.split('.').nth(1)).unwrap().to_owned();
        let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
        handed_out.ended.insert(claims["sid"].as_str().unwrap().parse().unwrap());
    }

    /// Whether the door heard of the change.
    pub fn knows_change(&self) -> bool {
        self.handed_out.lock().unwrap().was_told
    }

    pub fn anonymous(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        self.http.request(method, format!("http://{}{path}", self.address))
    }

    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        self.anonymous(method, path).bearer_auth(token())
    }

    pub async fn get(&self, path: &str) -> Response {
        self.request("GET", path).send().await.unwrap()
    }

    /// A request as bytes; the connection stays open.
    pub async fn open(&self, request: &str) -> TcpStream {
        let mut socket = TcpStream::connect(self.address).await.unwrap();
        socket.write_all(request.replace("TOKEN", &token()).as_bytes()).await.unwrap();
        socket
    }

    /// A request as bytes, and all of the answer; the request must ask for the end of the connection.
    pub async fn raw(&self, request: &str) -> String {
        let mut socket = self.open(request).await;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        answer
    }
}

/// The status and code of an answer that must be a problem in form.
pub async fn code(response: Response) -> String {
    let status = response.status().as_u16();
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
    let body: Value = response.json().await.unwrap();
    assert_eq!((body["status"].as_u64(), body["request_id"].as_str()), (Some(status.into()), Some(&*id)));
    format!("{status} {}", body["code"].as_str().unwrap())
}
