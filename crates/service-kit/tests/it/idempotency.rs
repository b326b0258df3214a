use std::{
    net::TcpListener,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use actix_web::{HttpResponse, get, http::header, post, web};
use chrono::{SubsecRound as _, TimeDelta, Utc};
use dallosh_primitives::{ManualClock, Uid};
use dallosh_secrets::{MasterKeys, Sealer};
use dallosh_service_kit::{
    Body, Caller, ErrorCode, Idempotency, Problem, Revocations, Routes, Service, ServiceClient, TokenVerifier, run,
};
use dallosh_store::Store;
use futures::future::join_all;
use metrics_exporter_prometheus::PrometheusBuilder;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::code;

fn token(user: Uid) -> String {
    dallosh_testkit::token(user, [])
}

/// What the handlers count, and what the slow one waits for.
#[derive(Clone)]
struct Work {
    done: Arc<AtomicUsize>,
    waiting: Arc<AtomicUsize>,
    go: Arc<Semaphore>,
}

impl Work {
    fn next(&self) -> usize {
        self.done.fetch_add(1, Ordering::SeqCst) + 1
    }
}

#[utoipa::path]
#[get("/.well-known/jwks.json")]
async fn keys() -> HttpResponse {
    HttpResponse::Ok().json(dallosh_testkit::jwks())
}

#[utoipa::path]
#[get("/internal/revocations")]
async fn revocations() -> HttpResponse {
    HttpResponse::Ok().json(Revocations::default())
}

/// Makes a thing; a body of `{"wrong": true}` is refused, one of `{"slow": true}` waits.
#[utoipa::path]
#[post("/things")]
async fn create_thing(_: Caller, body: Body<Value>, work: web::Data<Work>) -> Result<HttpResponse, Problem> {
    let body = body.into_inner();
    if body["wrong"] == true {
        work.next();
        return Err(Problem::new(ErrorCode::Validation, "wrong"));
    }
    if body["slow"] == true {
        work.waiting.fetch_add(1, Ordering::SeqCst);
        work.go.acquire().await.unwrap().forget();
    }
    let number = work.next();
    let mut response = HttpResponse::Created();
    response.insert_header((header::LOCATION, format!("/things/{number}"))).insert_header((header::ETAG, "\"1\""));
    if body["secret"] == true {
        response.insert_header((header::CACHE_CONTROL, "no-store"));
    }
    if body["cookie"] == true {
        response.insert_header((header::SET_COOKIE, "session=crumbs"));
    }
    Ok(response.json(json!({ "number": number })))
}

/// Takes the first piece of a body and leaves the rest.
#[utoipa::path]
#[post("/uploads")]
async fn take_upload(_: Caller, mut payload: web::Payload, work: web::Data<Work>) -> HttpResponse {
    let _ = futures::StreamExt::next(&mut payload).await;
    HttpResponse::Created().json(work.next())
}

#[utoipa::path]
#[post("/sign-in")]
async fn sign_in(work: web::Data<Work>) -> HttpResponse {
    HttpResponse::Ok().json(work.next())
}

struct Server {
    base: String,
    http: Client,
    clock: ManualClock,
    work: Work,
    user: Uid,
    stop: CancellationToken,
}

impl Server {
    async fn start() -> (Self, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let clock = ManualClock::new(Utc::now().trunc_subsecs(6));
        (Self::start_in(folder.path(), clock, Uid::new()).await, folder)
    }

    async fn start_in(folder: &Path, clock: ManualClock, user: Uid) -> Self {
        Self::sealing(folder, clock, user, None).await
    }

    async fn sealing(folder: &Path, clock: ManualClock, user: Uid, master_key: Option<&str>) -> Self {
        let url = format!("sqlite://{}", folder.join("test.db").display());
        let store = Store::open(&url, Arc::new(clock.clone())).await.unwrap();
        let idempotency = Idempotency::open(&store, Arc::new(clock.clone())).await.unwrap();
        let idempotency = match master_key {
            Some(key) => {
                let master = MasterKeys::open(Some(&key.into()), &[], folder).unwrap();
                idempotency.sealed(Sealer::new(&master).unwrap())
            }
            None => idempotency,
        };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let work = Work { done: Arc::default(), waiting: Arc::default(), go: Arc::new(Semaphore::new(0)) };
        let verifier = web::Data::new(TokenVerifier::new(ServiceClient::new(&base).unwrap()));
        let (kept, told) = (web::Data::new(idempotency), web::Data::new(work.clone()));
        let routes: Routes = Arc::new(move |config| {
            config.app_data(kept.clone()).app_data(verifier.clone()).app_data(told.clone());
            config.service(keys).service(revocations).service(create_thing).service(take_upload).service(sign_in);
        });
        let service = Service::new("test", listener, routes);
        let stop = CancellationToken::new();
        let (ready, is_ready) = tokio::sync::oneshot::channel();
        let figures = PrometheusBuilder::new().build_recorder().handle();
        tokio::spawn(run(vec![service], figures, stop.clone(), move || {
            let _ = ready.send(());
        }));
        is_ready.await.unwrap();
        Self { base, http: Client::builder().no_proxy().build().unwrap(), clock, work, user, stop }
    }

    fn request(&self, path: &str, key: &str) -> RequestBuilder {
        let request = self.http.post(format!("{}{path}", self.base)).bearer_auth(token(self.user));
        request.header("idempotency-key", key)
    }

    async fn create(&self, key: &str, body: Value) -> Response {
        self.request("/things", key).json(&body).send().await.unwrap()
    }

    fn done(&self) -> usize {
        self.work.done.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[actix_web::test]
async fn a_request_with_a_key_is_done_once_and_answered_alike_also_after_a_restart() {
    let (server, folder) = Server::start().await;
    let first = server.create("k", json!({"a": 1})).await;
    assert_eq!((first.status().as_u16(), first.headers().get("idempotency-replayed")), (201, None));
    let body = first.text().await.unwrap();
    for server in [&server, &Server::start_in(folder.path(), server.clock.clone(), server.user).await] {
        let again = server.create("k", json!({"a": 1})).await;
        let header = |name: &str| again.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(again.status(), 201);
        assert_eq!(
            ["location", "etag", "content-type", "idempotency-replayed"].map(header),
            ["/things/1", "\"1\"", "application/json", "true"]
        );
        assert_eq!(again.text().await.unwrap(), body);
    }
    assert_eq!(server.done(), 1);
}

#[actix_web::test]
async fn a_key_is_of_one_caller_one_path_and_one_body() {
    let (server, _folder) = Server::start().await;
    assert_eq!(server.create("k", json!({"a": 1})).await.status(), 201);
    assert_eq!(code(server.create("k", json!({"a": 2})).await).await, "422 idempotency_key_reused");
    assert_eq!(server.create("other", json!({"a": 1})).await.status(), 201);
    assert_eq!(server.request("/uploads", "k").body("x").send().await.unwrap().status(), 201);
    let stranger = server.http.post(format!("{}/things", server.base)).bearer_auth(token(Uid::new()));
    let stranger = stranger.header("idempotency-key", "k").json(&json!({"a": 2})).send().await.unwrap();
    assert_eq!((stranger.status().as_u16(), server.done()), (201, 4));
}

#[actix_web::test]
async fn while_a_request_runs_the_same_key_is_refused_and_afterwards_answered() {
    let (server, _folder) = Server::start().await;
    let first = tokio::spawn(server.request("/things", "k").json(&json!({"slow": true})).send());
    while server.work.waiting.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    let refused = join_all((0..3).map(|_| server.create("k", json!({"slow": true})))).await;
    for response in refused {
        assert_eq!(response.headers()["retry-after"], "1");
        assert_eq!(code(response).await, "409 request_in_progress");
    }
    server.work.go.add_permits(1);
    assert_eq!(first.await.unwrap().unwrap().status(), 201);
    assert_eq!(server.create("k", json!({"slow": true})).await.status(), 201);
    assert_eq!(server.done(), 1);
}

#[actix_web::test]
async fn what_was_refused_and_what_holds_a_secret_is_not_kept() {
    let (server, _folder) = Server::start().await;
    for body in [json!({"wrong": true}), json!({"wrong": true}), json!({"right": true})] {
        server.create("k", body).await;
    }
    assert_eq!(server.done(), 3);
    for _ in 0..2 {
        assert_eq!(server.create("s", json!({"secret": true})).await.status(), 201);
    }
    assert_eq!(server.done(), 5);
}

#[actix_web::test]
async fn an_answer_is_kept_for_a_day() {
    let (server, _folder) = Server::start().await;
    server.create("k", json!({"a": 1})).await;
    server.clock.advance(TimeDelta::hours(24));
    server.create("k", json!({"a": 1})).await;
    assert_eq!(server.done(), 1);
    server.clock.advance(TimeDelta::seconds(1));
    assert_eq!(server.create("k", json!({"a": 2})).await.status(), 201);
    assert_eq!(server.done(), 2);
}

#[actix_web::test]
async fn a_request_whose_process_died_is_done_again_after_half_a_minute() {
    let (server, folder) = Server::start().await;
    let hanging = tokio::spawn(server.request("/things", "k").json(&json!({"slow": true})).send());
    while server.work.waiting.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    let next = Server::start_in(folder.path(), server.clock.clone(), server.user).await;
    next.work.go.add_permits(1);
    next.clock.advance(TimeDelta::seconds(30));
    assert_eq!(code(next.create("k", json!({"slow": true})).await).await, "409 request_in_progress");
    next.clock.advance(TimeDelta::seconds(1));
    assert_eq!(next.create("k", json!({"slow": true})).await.status(), 201);
    hanging.abort();
}

#[actix_web::test]
async fn a_body_that_the_handler_did_not_read_whole_is_compared_whole() {
    let (server, _folder) = Server::start().await;
    let body = |end: &str| format!("{}{end}", "x".repeat(1 << 20));
    let upload = async |end: &str| server.request("/uploads", "k").body(body(end)).send().await.unwrap();
    assert_eq!(upload("a").await.status(), 201);
    assert_eq!(upload("a").await.status(), 201);
    assert_eq!(code(upload("b").await).await, "422 idempotency_key_reused");
    assert_eq!(server.done(), 1);
}

#[actix_web::test]
async fn a_key_that_is_none_is_refused_and_a_request_of_nobody_has_none() {
    let (server, _folder) = Server::start().await;
    for key in ["", &"x".repeat(256)] {
        assert_eq!(code(server.create(key, json!({})).await).await, "400 bad_request");
    }
    for number in [1, 2] {
        let request = server.http.post(format!("{}/sign-in", server.base)).header("idempotency-key", "k");
        assert_eq!(request.send().await.unwrap().text().await.unwrap(), number.to_string());
    }
}

#[actix_web::test]
async fn a_secret_is_kept_under_seal_and_shown_again_to_its_caller_alone() {
    let (clock, user) = (ManualClock::new(Utc::now().trunc_subsecs(6)), Uid::new());
    let folder = tempfile::tempdir().unwrap();
    let start = async |key| Server::sealing(folder.path(), clock.clone(), user, Some(key)).await;
    let body = json!({"secret": true, "password": "canary-password"});
    let server = start("a long master key 1").await;
    let first = server.create("k", body.clone()).await.text().await.unwrap();
    let again = server.create("k", body.clone()).await;
    assert_eq!(again.headers()["cache-control"], "no-store");
    assert_eq!((again.text().await.unwrap(), server.done()), (first, 1));
    assert_eq!(code(server.create("k", json!({"secret": true})).await).await, "422 idempotency_key_reused");
    let kept: Vec<u8> = std::fs::read_dir(folder.path())
        .unwrap()
        .flat_map(|file| std::fs::read(file.unwrap().path()).unwrap())
        .collect();
    let holds = |text: &str| kept.windows(text.len()).any(|part| part == text.as_bytes());
    let hash = hex::encode(Sha256::digest(serde_json::to_vec(&body).unwrap()));
    assert!(holds("s1.") && !holds("number") && !holds(&hash), "the answer or the body's hash lies open");
    let other = start("a long master key 2").await;
    assert_eq!(other.create("k", body).await.status(), 201);
    assert_eq!(other.done(), 1, "what another master key sealed is done again");
}

#[actix_web::test]
async fn an_answer_that_sets_a_cookie_is_not_kept_though_it_could_be_sealed() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(Utc::now().trunc_subsecs(6));
    let server = Server::sealing(folder.path(), clock, Uid::new(), Some("a long master key 1")).await;
    for _ in 0..2 {
        assert_eq!(server.create("k", json!({"cookie": true})).await.status(), 201);
    }
    assert_eq!(server.done(), 2);
}
