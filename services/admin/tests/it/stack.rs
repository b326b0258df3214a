//! One running service, the auth service and the model that it asks, and callers.

use std::{
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use actix_web::{HttpRequest, HttpResponse, web};
use dallosh_broker::Broker;
use dallosh_contracts::Permission;
use dallosh_primitives::{SystemClock, Uid};
use dallosh_service_kit::{Config, Revocations, Routes, Service, Sources};
use dallosh_store::Store;
use dallosh_testkit::{jwks, token};
use metrics_exporter_prometheus::PrometheusBuilder;
use reqwest::{Method, RequestBuilder, header::HeaderMap};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// What the stand-in of a model's server was asked with, and how it answers.
#[derive(Default)]
pub struct Server {
    /// The `Authorization` of every call.
    pub keys: Vec<String>,
    /// Refuses every key, and repeats it.
    pub refuses: bool,
}

type Shared = web::Data<Mutex<Server>>;

/// Publishes the key that signs the tests' tokens, and answers for a model's server.
fn neighbours(listener: TcpListener, server: Shared) -> Service {
    let routes: Routes = Arc::new(move |config| {
        config
            .app_data(server.clone())
            .route("/.well-known/jwks.json", web::get().to(async || HttpResponse::Ok().json(jwks())))
            .route(Revocations::PATH, web::get().to(async || HttpResponse::Ok().json(Revocations::default())))
            .route("/v1/chat/completions", web::post().to(complete));
    });
    Service::new("neighbours", listener, routes)
}

async fn complete(server: Shared, request: HttpRequest) -> HttpResponse {
    let mut server = server.lock().unwrap();
    let key = request.headers().get("authorization").map_or("", |value| value.to_str().unwrap()).to_owned();
    server.keys.push(key.clone());
    if server.refuses {
        return HttpResponse::Unauthorized().json(json!({"error": {"message": format!("wrong key: {key}")}}));
    }
    let rows = json!({"rows": [{"id": 1, "sentiment": "negative", "priority": 2, "main_topic": "panne"}]});
    HttpResponse::Ok().json(json!({
        "choices": [{"message": {"role": "assistant", "content": rows.to_string()}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 200, "completion_tokens": 40, "total_tokens": 240}
    }))
}

/// A running service.
pub struct Stack {
    folder: TempDir,
    address: SocketAddr,
    neighbour: SocketAddr,
    /// The address of the model's server.
    pub model: String,
    stop: CancellationToken,
    ended: tokio::task::JoinHandle<()>,
    http: reqwest::Client,
    server: Shared,
    /// The messages.
    pub broker: Broker,
}

fn port() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

impl Stack {
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// Starts with some keys of the configuration set.
    pub async fn with(more: &[(&'static str, String)]) -> Self {
        Self::on(tempfile::tempdir().unwrap(), port(), more).await
    }

    /// Starts on a folder, with the stand-ins on a port.
    async fn on(
        folder: TempDir,
        (beside, neighbour): (TcpListener, SocketAddr),
        more: &[(&'static str, String)],
    ) -> Self {
        let (listener, address) = port();
        let mut flags = vec![
            ("data_dir", folder.path().display().to_string()),
            ("services.auth.url", format!("http://{neighbour}")),
        ];
        flags.extend_from_slice(more);
        let config = Config::load(&Sources { flags, ..Sources::default() }).unwrap();
        let store = Store::open(&config.database_url, Arc::new(SystemClock)).await.unwrap();
        let server = Shared::new(Mutex::default());
        let broker = Broker::open("memory://", &dallosh_admin::QUEUES).await.unwrap();
        let service = dallosh_admin::service(listener, &config, &store, &broker).await.unwrap();
        let services = vec![service, neighbours(beside, server.clone())];
        let figures = PrometheusBuilder::new().build_recorder().handle();
        let (stop, (tell, ready)) = (CancellationToken::new(), oneshot::channel());
        let running = dallosh_service_kit::run(services, figures, stop.clone(), || tell.send(()).unwrap());
        let ended = actix_web::rt::spawn(async { running.await.unwrap() });
        ready.await.unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let model = format!("http://{neighbour}/v1");
        Self { folder, address, neighbour, model, stop, ended, http, server, broker }
    }

    /// Stops the service and starts it again on the same folder, and the model's server at the same address.
    pub async fn restart(self) -> Self {
        self.stop.cancel();
        self.ended.await.unwrap();
        let beside = TcpListener::bind(self.neighbour).unwrap();
        Self::on(self.folder, (beside, self.neighbour), &[]).await
    }

    /// Somebody who may do everything here.
    pub fn admin(&self) -> User<'_> {
        self.user([Permission::ManageApp, Permission::ManageTasks])
    }

    /// A new user.
    pub fn user(&self, permissions: impl IntoIterator<Item = Permission>) -> User<'_> {
        User { stack: self, token: Some(token(Uid::new(), permissions)) }
    }

    /// Somebody without a token.
    pub fn nobody(&self) -> User<'_> {
        User { stack: self, token: None }
    }

    /// Looks at the model's server, or changes it.
    pub fn server<T>(&self, look: impl FnOnce(&mut Server) -> T) -> T {
        look(&mut self.server.lock().unwrap())
    }

    /// The files below the data folder that hold the text.
    pub fn files_with(&self, text: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        walk(self.folder.path(), &mut |path| {
            let bytes = std::fs::read(path).unwrap();
            if bytes.windows(text.len()).any(|window| window == text.as_bytes()) {
                found.push(path.to_owned());
            }
        });
        found
    }
}

fn walk(folder: &Path, look: &mut impl FnMut(&Path)) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() { walk(&entry.path(), look) } else { look(&entry.path()) }
    }
}

/// Somebody with or without a token.
pub struct User<'a> {
    stack: &'a Stack,
    token: Option<String>,
}

impl User<'_> {
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.stack.http.request(method, format!("http://{}{path}", self.stack.address));
        self.token.iter().fold(request, RequestBuilder::bearer_auth)
    }

    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        Answer::of(self.request(Method::POST, path).json(body)).await
    }

    /// Changes what is there, whatever its revision.
    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.patch_at(path, Some("*"), body).await
    }

    pub async fn patch_at(&self, path: &str, tag: Option<&str>, body: Value) -> Answer {
        let request = self.request(Method::PATCH, path).json(&body);
        Answer::of(tag.into_iter().fold(request, |request, tag| request.header("if-match", tag))).await
    }

    pub async fn delete_at(&self, path: &str, tag: Option<&str>) -> Answer {
        let request = self.request(Method::DELETE, path);
        Answer::of(tag.into_iter().fold(request, |request, tag| request.header("if-match", tag))).await
    }

    /// Adds a model that has to be taken; gives its id.
    pub async fn add(&self, body: &Value) -> String {
        let answer = self.post(MODELS, body).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()["uid"].as_str().unwrap().to_owned()
    }
}

pub const GENERAL: &str = "/v1/settings/general";
pub const AI: &str = "/v1/settings/ai";
pub const MODELS: &str = "/v1/settings/ai/models";

/// What the service said.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self { status, headers, body: response.bytes().await.unwrap().to_vec() }
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn data(&self) -> Value {
        self.json()["data"].clone()
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn etag(&self) -> String {
        self.headers["etag"].to_str().unwrap().to_owned()
    }

    /// The status, the code and the pointers of a problem.
    pub fn problem(&self) -> String {
        let body = self.json();
        let errors = body["errors"].as_array().cloned().unwrap_or_default();
        let pointers: Vec<_> = errors.iter().map(|error| error["pointer"].as_str().unwrap()).collect();
        [&self.status.to_string(), body["code"].as_str().unwrap(), &pointers.join(" ")].join(" ").trim_end().to_owned()
    }
}
