//! The service on a free port, over a database in a folder of its own, with a clock that stands still.

use std::{
    net::TcpListener,
    path::Path,
    sync::{Arc, Mutex},
};

use actix_web::{HttpResponse, web};
use chrono::{SubsecRound, Utc};
use dallosh_auth::StartError;
use dallosh_contracts::{PlatformSettings, Registration};
use dallosh_primitives::ManualClock;
use dallosh_service_kit::{Config, Routes, Service, Sources, run};
use dallosh_store::Store;
use metrics_exporter_prometheus::PrometheusBuilder;
use reqwest::{Method, RequestBuilder, header::HeaderMap};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

pub const ADMIN: &str = "admin@free.com";
pub const ANALYST: &str = "user@free.com";
pub const KNOWN: &str = "123456";

pub struct Stack {
    pub clock: ManualClock,
    pub base: String,
    folder: Arc<TempDir>,
    pub http: reqwest::Client,
    pub stop: CancellationToken,
    registration: web::Data<Mutex<Registration>>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    /// Status, code and detail in one line; the wrong fields after it.
    pub fn summary(&self) -> String {
        let text = |name: &str| self.body[name].as_str().unwrap_or_default().to_owned();
        let mut line = format!("{} {}: {}", self.status, text("code"), text("detail"));
        for error in self.body["errors"].as_array().into_iter().flatten() {
            let (pointer, detail) = (error["pointer"].as_str().unwrap(), error["detail"].as_str().unwrap());
            line.extend(["; ", pointer, " ", detail]);
        }
        line
    }

    /// The body without what differs from request to request.
    pub fn refusal(mut self) -> (u16, Value) {
        self.body.as_object_mut().unwrap().remove("request_id").unwrap();
        (self.status, self.body)
    }

    pub fn text(&self, name: &str) -> String {
        self.body[name].as_str().unwrap_or_else(|| panic!("no {name} in {self:?}")).to_owned()
    }
}

/// A configuration over `folder`; later flags count.
pub fn config(folder: &Path, url: &str, more: &[(&'static str, &str)]) -> Config {
    let mut flags = vec![("data_dir", folder.display().to_string()), ("services.auth.url", url.to_owned())];
    flags.extend(more.iter().map(|(key, value)| (*key, (*value).to_owned())));
    Config::load(&Sources { flags, ..Sources::default() }).unwrap()
}

pub async fn service(
    folder: &Path,
    clock: &ManualClock,
    more: &[(&'static str, &str)],
) -> Result<(Service, String), StartError> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let config = config(folder, &base, more);
    let clock: Arc<ManualClock> = Arc::new(clock.clone());
    let store = Store::open(&config.database_url, clock.clone()).await?;
    Ok((dallosh_auth::service(listener, &config, &store, clock).await?, base))
}

/// The settings that admin would answer with, and where.
fn admin(registration: web::Data<Mutex<Registration>>) -> (Service, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let routes: Routes = Arc::new(move |config| {
        config.app_data(registration.clone()).route("/internal/settings", web::get().to(settings));
    });
    (Service::new("admin", listener, routes), base)
}

async fn settings(registration: web::Data<Mutex<Registration>>) -> HttpResponse {
    let registration = *registration.lock().unwrap();
    HttpResponse::Ok().json(PlatformSettings { time_zone: "UTC".to_owned(), is_maintenance: false, registration })
}

/// Runs a service until `stop`; it listens when this returns.
pub async fn serve(service: Service, stop: CancellationToken) {
    let figures = PrometheusBuilder::new().build_recorder().handle();
    let (ready, is_ready) = tokio::sync::oneshot::channel();
    let running = run(vec![service], figures, stop, || ready.send(()).unwrap());
    tokio::spawn(async move { running.await.unwrap() });
    is_ready.await.unwrap();
}

impl Stack {
    pub async fn start() -> Self {
        let clock = ManualClock::new(Utc::now().trunc_subsecs(6));
        Self::start_in(Arc::new(tempfile::tempdir().unwrap()), clock, &[]).await.unwrap()
    }

    pub async fn start_in(
        folder: Arc<TempDir>,
        clock: ManualClock,
        more: &[(&'static str, &str)],
    ) -> Result<Self, StartError> {
        let registration = web::Data::new(Mutex::new(Registration::Open));
        let (admin, settings) = admin(registration.clone());
        let more: Vec<_> = [("services.admin.url", &*settings)].into_iter().chain(more.iter().copied()).collect();
        let (service, base) = service(folder.path(), &clock, &more).await?;
        let stop = CancellationToken::new();
        serve(admin, stop.clone()).await;
        serve(service, stop.clone()).await;
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Ok(Self { clock, base, folder, http, stop, registration })
    }

    /// The same folder after a stop, with these settings.
    pub async fn restart(self, more: &[(&'static str, &str)]) -> Result<Self, StartError> {
        self.stop.cancel();
        Self::start_in(self.folder.clone(), self.clock.clone(), more).await
    }

    /// What the settings say of registration from now on.
    pub fn set_registration(&self, registration: Registration) {
        *self.registration.lock().unwrap() = registration;
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    pub async fn get(&self, path: &str, token: &str) -> Answer {
        answer(self.request(Method::GET, path).bearer_auth(token)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        answer(self.request(Method::POST, path).json(&body)).await
    }

    /// Any call; a change of something that is there is made to the revision that it has now.
    pub async fn send(&self, method: Method, path: &str, token: &str, body: Value) -> Answer {
        let mut request = self.request(method.clone(), path).bearer_auth(token);
        if method == Method::PATCH || method == Method::DELETE {
            let tag = self.get(path, token).await.headers.get("etag").cloned();
            request = request.header("if-match", tag.unwrap_or_else(|| "*".parse().unwrap()));
        }
        answer(if body.is_null() { request } else { request.json(&body) }).await
    }

    pub async fn create(&self, path: &str, token: &str, body: Value) -> Answer {
        let made = self.send(Method::POST, path, token, body).await;
        assert_eq!(made.status, 201, "{made:?}");
        made
    }

    pub async fn patch(&self, path: &str, token: &str, body: Value) -> Answer {
        self.send(Method::PATCH, path, token, body).await
    }

    pub async fn delete(&self, path: &str, token: &str) -> Answer {
        self.send(Method::DELETE, path, token, Value::Null).await
    }

    /// The id of a role.
    pub async fn role(&self, token: &str, name: &str) -> String {
        let roles = self.get("/v1/roles", token).await.body;
        let role = roles["items"].as_array().unwrap().iter().find(|role| role["data"]["name"] == name).unwrap();
        role["uid"].as_str().unwrap().to_owned()
    }

    /// Makes an account with a role: its id, and an access token of it.
    pub async fn hire(&self, token: &str, email: &str, role_id: &str) -> (String, String) {
        let body = json!({"email": email, "role_id": role_id, "password": "correct horse"});
        let uid = self.create("/v1/users", token, body).await.text("uid");
        (uid, self.session(email, "correct horse").await.0)
    }

    pub async fn patch_me(&self, token: &str, body: Value) -> Answer {
        answer(self.request(Method::PATCH, "/v1/auth/me").bearer_auth(token).json(&body)).await
    }

    pub async fn login(&self, email: &str, password: &str) -> Answer {
        self.post("/v1/auth/login", json!({"email": email, "password": password})).await
    }

    pub async fn register(&self, email: &str, password: &str) -> Answer {
        self.post("/v1/auth/register", json!({"email": email, "password": password})).await
    }

    pub async fn refresh(&self, token: &str) -> Answer {
        self.post("/v1/auth/refresh", json!({"refresh_token": token})).await
    }

    pub async fn logout(&self, token: &str) -> Answer {
        answer(self.request(Method::POST, "/v1/auth/logout").bearer_auth(token)).await
    }

    /// Signs in and gives the access and the refresh token.
    pub async fn session(&self, email: &str, password: &str) -> (String, String) {
        let tokens = self.login(email, password).await;
        (tokens.text("access_token"), tokens.text("refresh_token"))
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub async fn answer(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.unwrap();
    let body = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() };
    Answer { status, headers, body }
}
