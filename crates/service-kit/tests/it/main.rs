//! The runner and its manners, over real sockets.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by them")]

mod idempotency;
mod tokens;

use std::{
    convert::Infallible,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::{Duration, Instant},
};

use actix_web::{HttpRequest, HttpResponse, Responder, get, post, put, web};
use bytes::Bytes;
use dallosh_service_kit::{
    Body, Check, Problem, Revision, Routes, RunError, Service, Shutdown, client_gone, current_request, document, run,
};
use futures::{StreamExt, stream};
use metrics_exporter_prometheus::PrometheusBuilder;
use reqwest::{
    Client, Method, Response, StatusCode,
    header::{ALLOW, CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH},
};
use serde::Deserialize;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Note {
    #[allow(dead_code, reason = "only its reading matters")]
    text: String,
}

/// What the handlers tell the tests.
#[derive(Clone)]
struct Told(mpsc::UnboundedSender<&'static str>);

#[utoipa::path]
#[get("/panics")]
async fn panics() -> HttpResponse {
    panic!("on purpose")
}

#[utoipa::path]
#[post("/notes")]
async fn create_note(_: Body<Note>) -> HttpResponse {
    HttpResponse::Created().finish()
}

#[utoipa::path]
#[post("/anything")]
async fn take_anything(_: Body<Value>) -> HttpResponse {
    HttpResponse::NoContent().finish()
}

#[utoipa::path]
#[get("/notes/{id}")]
async fn get_note(request: HttpRequest) -> impl Responder {
    Revision(7).respond(&request, &"note")
}

#[utoipa::path]
#[put("/notes/{id}")]
async fn put_note(request: HttpRequest) -> Result<HttpResponse, Problem> {
    Revision(7).check(&request)?;
    Ok(HttpResponse::NoContent().finish())
}

#[utoipa::path]
#[get("/context")]
async fn context() -> HttpResponse {
    let context = current_request();
    HttpResponse::Ok().json([context.id, context.traceparent])
}

#[utoipa::path]
#[get("/plain-error")]
async fn plain_error() -> HttpResponse {
    HttpResponse::InternalServerError().body("stack trace at line 7")
}

/// A stream that says one word and then nothing, for ever.
#[utoipa::path]
#[get("/silence")]
async fn silence(told: web::Data<Told>) -> HttpResponse {
    let held = Leaves(told.0.clone());
    let words = stream::once(async { Ok::<_, Infallible>(Bytes::from_static(b"word")) });
    HttpResponse::Ok().streaming(words.chain(stream::pending()).inspect(move |_| {
        let _ = &held;
    }))
}

/// A stream that ends when the process stops.
#[utoipa::path]
#[get("/events")]
async fn events(shutdown: web::Data<Shutdown>) -> HttpResponse {
    let words = stream::once(async { Ok::<_, Infallible>(Bytes::from_static(b"word")) });
    HttpResponse::Ok().streaming(words.chain(stream::pending()).take_until(shutdown.0.clone().cancelled_owned()))
}

struct Leaves(mpsc::UnboundedSender<&'static str>);

impl Drop for Leaves {
    fn drop(&mut self) {
        let _ = self.0.send("dropped");
    }
}

#[utoipa::path]
#[get("/long")]
async fn long_work(request: HttpRequest, told: web::Data<Told>) -> HttpResponse {
    told.0.send("began").unwrap();
    client_gone(&request).cancelled().await;
    tokio::task::yield_now().await;
    told.0.send("finished").unwrap();
    HttpResponse::Ok().finish()
}

struct Running {
    address: SocketAddr,
    http: Client,
    stop: CancellationToken,
    ended: JoinHandle<Result<(), RunError>>,
    told: mpsc::UnboundedReceiver<&'static str>,
}

impl Running {
    async fn with(checks: Vec<Check>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (teller, told) = mpsc::unbounded_channel();
        let told_data = web::Data::new(Told(teller));
        let routes: Routes = Arc::new(move |config| {
            config
                .app_data(told_data.clone())
                .service(panics)
                .service(create_note)
                .service(take_anything)
                .service(get_note)
                .service(put_note)
                .service(context)
                .service(plain_error)
                .service(silence)
                .service(events)
                .service(long_work);
        });
        let service = Service { checks, ..Service::new("test", listener, routes) };
        let figures = PrometheusBuilder::new().build_recorder().handle();
        let stop = CancellationToken::new();
        let (ready, is_ready) = tokio::sync::oneshot::channel();
        let ended = tokio::spawn(run(vec![service], figures, stop.clone(), move || {
            let _ = ready.send(());
        }));
        is_ready.await.unwrap();
        let http = Client::builder().no_proxy().build().unwrap();
        Self { address, http, stop, ended, told }
    }

    async fn new() -> Self {
        Self::with(Vec::new()).await
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("http://{}{path}", self.address))
    }

    async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    /// A request as bytes, and the first bytes of the answer.
    async fn raw(&self, request: &str) -> (TcpStream, String) {
        let mut socket = TcpStream::connect(self.address).await.unwrap();
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut buffer = vec![0; 4096];
        let length = socket.read(&mut buffer).await.unwrap();
        (socket, String::from_utf8_lossy(&buffer[..length]).into_owned())
    }
}

/// The code of an answer that must be a problem in form.
async fn code(response: Response) -> String {
    let status = response.status();
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
    let body: Value = response.json().await.unwrap();
    assert_eq!(
        (body["status"].as_u64().unwrap(), body["request_id"].as_str().unwrap()),
        (status.as_u16().into(), &*id)
    );
    assert_eq!(body["type"], format!("/docs/errors#{}", body["code"].as_str().unwrap()));
    format!("{} {}", status.as_u16(), body["code"].as_str().unwrap())
}

#[actix_web::test]
async fn a_handler_that_panics_answers_a_problem_and_the_server_lives_on() {
    let server = Running::new().await;
    for _ in 0..3 {
        assert_eq!(code(server.get("/panics").await).await, "500 internal");
    }
    assert_eq!(server.get("/healthz").await.status(), StatusCode::OK);
}

#[actix_web::test]
async fn a_method_that_a_path_does_not_take_is_405_with_allow_and_an_unknown_path_is_404() {
    let server = Running::new().await;
    let response = server.request(Method::DELETE, "/notes/1").send().await.unwrap();
    assert_eq!(response.headers()[ALLOW], "GET, PUT");
    assert_eq!(code(response).await, "405 method_not_allowed");
    let odd = Method::from_bytes(b"BREW").unwrap();
    assert_eq!(code(server.request(odd, "/healthz").send().await.unwrap()).await, "405 method_not_allowed");
    assert_eq!(code(server.get("/nothing").await).await, "404 not_found");
}

#[actix_web::test]
async fn head_is_get_without_the_content() {
    let server = Running::new().await;
    let get = server.get("/notes/1").await;
    let head = server.request(Method::HEAD, "/notes/1").send().await.unwrap();
    assert_eq!((head.status(), head.headers()[ETAG].as_bytes()), (StatusCode::OK, get.headers()[ETAG].as_bytes()));
    assert_eq!(head.headers()["content-length"], get.headers()["content-length"]);
    assert_eq!(head.bytes().await.unwrap(), "");
    let stream = server.request(Method::HEAD, "/silence").send().await.unwrap();
    assert_eq!(stream.status(), StatusCode::OK);
}

#[actix_web::test]
async fn every_unreadable_body_has_its_own_code() {
    let server = Running::new().await;
    let large = format!(r#"{{"text":"{}"}}"#, "x".repeat(70_000));
    for (kind, body, expected) in [
        ("application/json", "{", "400 bad_request"),
        ("application/json", &large, "413 too_large"),
        ("text/plain", "{}", "415 unsupported_media_type"),
        ("application/json", r#"{"text":1}"#, "422 validation"),
        ("application/json", r#"{"text":"a","more":1}"#, "422 validation"),
        ("application/json", "{}", "422 validation"),
        ("application/json", r#"["a"]"#, "422 validation"),
        ("application/json", "", "400 bad_request"),
        ("", "", "415 unsupported_media_type"),
    ] {
        let request = server.request(Method::POST, "/notes").header(CONTENT_TYPE, kind).body(body.to_owned());
        assert_eq!(code(request.send().await.unwrap()).await, expected, "{kind} {}", &body[..body.len().min(40)]);
    }
}

#[actix_web::test]
async fn a_body_that_nests_too_deeply_is_refused() {
    let server = Running::new().await;
    let nested = |depth| r#"{"a":"#.repeat(depth) + "1" + &"}".repeat(depth);
    let request = || server.request(Method::POST, "/anything").header(CONTENT_TYPE, "application/json");
    assert_eq!(request().body(nested(100)).send().await.unwrap().status(), StatusCode::NO_CONTENT);
    assert_eq!(code(request().body(nested(10_000)).send().await.unwrap()).await, "400 bad_request");
}

#[actix_web::test]
async fn what_is_no_problem_becomes_one_and_tells_nothing() {
    let server = Running::new().await;
    let response = server.get("/plain-error").await;
    let text = response.text().await.unwrap();
    assert!(text.contains(r#""code":"internal""#) && !text.contains("stack trace"), "{text}");
}

#[actix_web::test]
async fn tags_are_compared_weakly_for_reads_and_strongly_for_changes() {
    let server = Running::new().await;
    for (tag, expected) in
        [("\"7\"", 304), ("W/\"7\"", 304), ("\"6\", \"7\"", 304), ("*", 304), ("\"6\"", 200), ("junk", 200)]
    {
        let response = server.request(Method::GET, "/notes/1").header(IF_NONE_MATCH, tag).send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()[ETAG]),
            (expected, &"\"7\"".parse().unwrap()),
            "{tag}"
        );
    }
    for (tag, expected) in
        [(&b"\"7\""[..], 204), (b"*", 204), (b"\"6\"", 412), (b"W/\"7\"", 412), (b"", 412), (b"\"\xff\"", 412)]
    {
        let tag = reqwest::header::HeaderValue::from_bytes(tag).unwrap();
        let response = server.request(Method::PUT, "/notes/1").header(IF_MATCH, tag.clone()).send().await.unwrap();
        assert_eq!(response.status().as_u16(), expected, "{tag:?}");
    }
    assert_eq!(server.request(Method::PUT, "/notes/1").send().await.unwrap().status(), StatusCode::NO_CONTENT);
}

#[actix_web::test]
async fn a_request_id_is_echoed_when_it_is_harmless_and_made_otherwise() {
    let server = Running::new().await;
    let long = "x".repeat(129);
    for (given, echoed) in [
        ("abc-1", true),
        ("Root=1-67891233:a_b.c+d/e", true),
        ("{\"$ne\":1}", false),
        ("<script>", false),
        ("a b", false),
        ("", false),
        (&*long, false),
    ] {
        let response = server.request(Method::GET, "/context").header("x-request-id", given).send().await.unwrap();
        let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
        assert_eq!((id == given, id.is_empty()), (echoed, false), "{given}");
        assert_eq!(response.json::<[String; 2]>().await.unwrap()[0], id);
    }
    let hostile = reqwest::header::HeaderValue::from_bytes(b"caf\xe9").unwrap();
    let response = server.request(Method::GET, "/context").header("x-request-id", hostile).send().await.unwrap();
    assert!(response.headers()["x-request-id"].to_str().is_ok());
}

#[actix_web::test]
async fn a_trace_context_is_taken_over_only_when_it_is_one() {
    let server = Running::new().await;
    let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    for (given, taken) in [
        (good, true),
        ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", false),
        ("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false),
        ("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", false),
        ("junk", false),
    ] {
        let response = server.request(Method::GET, "/context").header("traceparent", given).send().await.unwrap();
        assert_eq!(response.json::<[String; 2]>().await.unwrap()[1] == given, taken, "{given}");
    }
}

#[actix_web::test]
async fn every_answer_has_the_careful_headers() {
    let server = Running::new().await;
    for path in ["/healthz", "/notes/1", "/nothing", "/panics", "/metrics", "/plain-error"] {
        let response = server.get(path).await;
        let shown: Vec<_> = [
            "x-content-type-options",
            "referrer-policy",
            "x-frame-options",
            "cross-origin-opener-policy",
            "content-security-policy",
            "cache-control",
        ]
        .map(|name| response.headers()[name].to_str().unwrap())
        .into();
        let policy = "default-src 'none'; frame-ancestors 'none'";
        assert_eq!(shown, ["nosniff", "no-referrer", "DENY", "same-origin", policy, "no-store"], "{path}");
        assert!(!response.headers().contains_key("server"), "{path}");
    }
}

#[actix_web::test]
async fn a_dependency_that_fails_is_named_with_503() {
    let checks = vec![
        Check::new("database", || async { Ok::<_, std::io::Error>(()) }),
        Check::new("broker", || async { Err(std::io::Error::other("connection refused")) }),
    ];
    let server = Running::with(checks).await;
    let response = server.get("/readyz").await;
    assert_eq!(response.headers()["retry-after"], "1");
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["checks"], serde_json::json!({ "broker": "connection refused", "database": "ok" }));
    assert_eq!(
        (&body["status"], &body["code"], &body["detail"]),
        (&503.into(), &"unavailable".into(), &"not ready: broker".into())
    );
    assert_eq!(code(server.get("/readyz").await).await, "503 unavailable");
    assert_eq!(server.get("/healthz").await.status(), StatusCode::OK);
}

#[actix_web::test]
async fn a_silent_stream_is_dropped_when_its_client_leaves() {
    let mut server = Running::new().await;
    let (socket, answer) = server.raw("GET /silence HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    drop(socket);
    assert_eq!(server.told.recv().await, Some("dropped"));
}

#[actix_web::test]
async fn a_handler_whose_client_leaves_learns_it_and_runs_to_its_end() {
    let mut server = Running::new().await;
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    socket.write_all(b"GET /long HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert_eq!(server.told.recv().await, Some("began"));
    drop(socket);
    assert_eq!(server.told.recv().await, Some("finished"));
}

#[actix_web::test]
async fn a_stop_with_open_streams_takes_less_than_ten_seconds() {
    let server = Running::new().await;
    let mut polite = server.get("/events").await;
    let mut stubborn = server.get("/silence").await;
    assert_eq!(polite.chunk().await.unwrap().unwrap(), "word");
    assert_eq!(stubborn.chunk().await.unwrap().unwrap(), "word");
    let began = Instant::now();
    server.stop.cancel();
    assert_eq!(polite.chunk().await.unwrap(), None);
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    server.ended.await.unwrap().unwrap();
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert!(stubborn.chunk().await.is_err());
}

#[actix_web::test]
async fn a_worker_that_panics_or_hangs_does_not_hold_up_the_stop() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let service = Service {
        workers: vec![
            Box::new(|_| Box::pin(async { panic!("on purpose") })),
            Box::new(|stop| Box::pin(async move { stop.cancelled().await })),
        ],
        ..Service::new("test", listener, Arc::new(|_| ()))
    };
    let figures = PrometheusBuilder::new().build_recorder().handle();
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    tokio::time::timeout(Duration::from_secs(10), run(vec![service], figures, stop, move || stopping.cancel()))
        .await
        .unwrap()
        .unwrap();
}

#[test]
fn the_document_is_openapi_3_1_and_every_operation_has_the_problem_answer() {
    let routes: Routes = Arc::new(|config| {
        config.service(get_note).service(create_note);
    });
    let document: Value = serde_json::from_str(&document(&routes).to_json().unwrap()).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let problem = &document["paths"]["/notes/{id}"]["get"]["responses"]["default"]["content"];
    assert_eq!(problem["application/problem+json"]["schema"]["$ref"], "#/components/schemas/Problem");
    assert!(document["components"]["schemas"]["Problem"].is_object());
}
