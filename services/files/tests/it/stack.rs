//! One running service, the services that it asks, and callers.

use std::{
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use actix_web::{HttpResponse, web};
use chrono::{SubsecRound as _, Utc};
use dallosh_contracts::Permission;
use dallosh_primitives::{ManualClock, Uid};
use dallosh_service_kit::{Config, Problem, Revocations, Routes, Service, Sources};
use dallosh_storage::Storage;
use dallosh_store::Store;
use dallosh_testkit::{jwks, token};
use metrics_exporter_prometheus::PrometheusBuilder;
use reqwest::{Method, RequestBuilder, header::HeaderMap};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::oneshot,
};
use tokio_util::sync::CancellationToken;

pub const ANALYST: [Permission; 4] =
    [Permission::ManageDatasets, Permission::ReadDatasets, Permission::ManageTasks, Permission::ReadTasks];

/// What the stand-in of the tasks service knows and was told.
#[derive(Default)]
pub struct Tasks {
    /// The tasks of every file: id and status.
    pub listed: Vec<(Uid, &'static str)>,
    /// Bodies of the tasks that were to be made.
    pub made: Vec<Value>,
    /// Refuses to make tasks.
    pub refuses: bool,
}

type Shared = web::Data<Mutex<Tasks>>;

/// Publishes the key that signs the tests' tokens, and answers for the tasks service.
fn neighbours(listener: TcpListener, tasks: Shared) -> Service {
    let routes: Routes = Arc::new(move |config| {
        config
            .app_data(tasks.clone())
            .route("/.well-known/jwks.json", web::get().to(async || HttpResponse::Ok().json(jwks())))
            .route(Revocations::PATH, web::get().to(async || HttpResponse::Ok().json(Revocations::default())))
            .route("/v1/tasks", web::get().to(list_tasks))
            .route("/v1/tasks", web::post().to(make_task));
    });
    Service::new("neighbours", listener, routes)
}

async fn list_tasks(tasks: Shared) -> HttpResponse {
    let tasks = tasks.lock().unwrap();
    let items: Vec<_> =
        tasks.listed.iter().map(|(uid, status)| json!({"uid": uid, "data": {"status": status}})).collect();
    HttpResponse::Ok().json(json!({"items": items, "next_cursor": null}))
}

async fn make_task(tasks: Shared, body: web::Json<Value>) -> HttpResponse {
    let mut tasks = tasks.lock().unwrap();
    if tasks.refuses {
        return Problem::field("/file_id", "not now").respond();
    }
    tasks.made.push(body.into_inner());
    HttpResponse::Created().json(json!({"uid": Uid::new()}))
}

/// A running service.
pub struct Stack {
    folder: TempDir,
    address: SocketAddr,
    stop: CancellationToken,
    ended: tokio::task::JoinHandle<()>,
    http: reqwest::Client,
    tasks: Shared,
    pub storage: Storage,
    /// The time that documents are written at; that of the service goes on by itself.
    pub writing: ManualClock,
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

    /// Starts with its objects in S3.
    #[cfg(feature = "aws")]
    pub async fn on_s3() -> Self {
        let (endpoint, bucket) = dallosh_testkit::s3_bucket().await.unwrap();
        Self::with(&[("storage.url", format!("s3://{bucket}/data?endpoint={endpoint}"))]).await
    }

    /// Starts with some keys of the configuration set.
    pub async fn with(more: &[(&'static str, String)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (listener, address) = port();
        let (beside, neighbour) = port();
        let mut flags = vec![
            ("data_dir", folder.path().display().to_string()),
            ("services.auth.url", format!("http://{neighbour}")),
            ("services.tasks.url", format!("http://{neighbour}")),
        ];
        flags.extend_from_slice(more);
        let config = Config::load(&Sources { flags, ..Sources::default() }).unwrap();
        let writing = ManualClock::new(Utc::now().trunc_subsecs(6));
        let store = Store::open(&config.database_url, Arc::new(writing.clone())).await.unwrap();
        let storage = Storage::open(&config.storage_url).await.unwrap();
        let tasks = Shared::new(Mutex::default());
        let service = dallosh_files::service(listener, &config, &store, &storage).await.unwrap();
        let services = vec![service, neighbours(beside, tasks.clone())];
        let figures = PrometheusBuilder::new().build_recorder().handle();
        let (stop, (tell, ready)) = (CancellationToken::new(), oneshot::channel());
        let running = dallosh_service_kit::run(services, figures, stop.clone(), || tell.send(()).unwrap());
        let ended = actix_web::rt::spawn(async { running.await.unwrap() });
        ready.await.unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { folder, address, stop, ended, http, tasks, storage, writing }
    }

    /// A new user with the permissions of an analyst.
    pub fn analyst(&self) -> User<'_> {
        self.user(ANALYST)
    }

    /// A new user.
    pub fn user(&self, permissions: impl IntoIterator<Item = Permission>) -> User<'_> {
        let uid = Uid::new();
        User { stack: self, uid, token: token(uid, permissions) }
    }

    pub fn tasks(&self, change: impl FnOnce(&mut Tasks)) {
        change(&mut self.tasks.lock().unwrap());
    }

    /// Where an object lies.
    pub fn object(&self, key: &str) -> PathBuf {
        self.folder.path().join("storage").join(key)
    }

    /// Every file below the object folder, unfinished ones too.
    pub fn objects(&self) -> Vec<String> {
        let mut found = Vec::new();
        walk(&self.folder.path().join("storage"), &mut found);
        found.sort();
        found
    }

    /// Stops the service, so that everything it had begun is over.
    pub async fn stop(&mut self) {
        self.stop.cancel();
        (&mut self.ended).await.unwrap();
    }

    /// A request without a token.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("http://{}{path}", self.address))
    }

    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }
}

fn walk(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            walk(&entry.path(), found);
        } else {
            found.push(entry.file_name().into_string().unwrap());
        }
    }
}

/// Somebody with a token.
pub struct User<'a> {
    stack: &'a Stack,
    pub uid: Uid,
    token: String,
}

impl User<'_> {
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.stack.request(method, path).bearer_auth(&self.token)
    }

    pub fn token(&self) -> &str {
        &self.token
    }

    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    /// Asks until what is asked for was made.
    pub async fn get_made(&self, path: &str) -> Answer {
        for _ in 0..600 {
            let answer = self.get(path).await;
            if answer.status != 202 {
                return answer;
            }
            assert_eq!((answer.header("retry-after"), &answer.json()["status"]), ("1", &json!("running")));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{path} was not made in half a minute");
    }

    pub async fn delete(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::DELETE, path)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        Answer::of(self.request(Method::PATCH, path).json(&body)).await
    }

    /// Sends a body as a form with the boundary `x`.
    pub async fn send_form(&self, path: &str, body: Vec<u8>) -> Answer {
        let request = self.request(Method::POST, path);
        Answer::of(request.header("content-type", "multipart/form-data; boundary=x").body(body)).await
    }

    pub async fn upload_as(&self, filename: &str, content: impl AsRef<[u8]>) -> Answer {
        let head = format!("form-data; name=\"file\"; filename=\"{filename}\"");
        self.send_form("/v1/files", form(&[(&head, content.as_ref())])).await
    }

    /// Uploads a file that has to be taken; gives its id.
    pub async fn upload(&self, content: impl AsRef<[u8]>) -> String {
        let answer = self.upload_as("posts.csv", content).await;
        assert_eq!(answer.status, 201, "{}", answer.summary());
        answer.json()["uid"].as_str().unwrap().to_owned()
    }

    /// The head of an upload over a bare connection.
    pub fn upload_head(&self, length: &str) -> String {
        format!(
            "POST /v1/files HTTP/1.1\r\nHost: files\r\nAuthorization: Bearer {}\r\n\
             Connection: close\r\n\
             Content-Type: multipart/form-data; boundary=x\r\n{length}\r\n\r\n",
            self.token
        )
    }
}

/// A form with the boundary `x`: the disposition and the content of each part.
pub fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (disposition, content) in parts {
        body.extend_from_slice(format!("--x\r\nContent-Disposition: {disposition}\r\n\r\n").as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--x--\r\n");
    body
}

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

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The status, and of a problem its code and detail.
    pub fn summary(&self) -> String {
        if self.header("content-type") != "application/problem+json" {
            return self.status.to_string();
        }
        let problem = self.json();
        let text = |name: &str| problem[name].as_str().unwrap().to_owned();
        format!("{} {}: {}", self.status, text("code"), text("detail"))
    }

    /// The status and the code.
    pub fn code(&self) -> String {
        self.summary().split(':').next().unwrap_or_default().to_owned()
    }
}

/// Sends a request over a bare connection and reads the answer until the service closes it.
pub async fn exchange(stack: &Stack, bytes: &[u8]) -> String {
    let mut connection = stack.connect().await;
    connection.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}
