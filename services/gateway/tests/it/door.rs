use std::time::{Duration, Instant};

use actix_web::{App, HttpResponse, HttpServer, web};
use dallosh_gateway::Limits;
use futures::{StreamExt as _, stream};
use reqwest::Body;
use serde_json::Value;

use crate::{
    streams::rest_of,
    world::{World, code, token},
};

#[actix_web::test]
async fn a_path_goes_to_its_service_as_it_was_written_and_an_unknown_one_is_404() {
    let world = World::new().await;
    let body: Value = world.get("/v1/files/echo?b=2&a=%2F%20x").await.json().await.unwrap();
    assert_eq!(body["target"], "/v1/files/echo?b=2&a=%2F%20x");
    for path in ["/v1/nothing", "/v1/filesystem", "/v1", "/nothing", "/docs/nothing", "/internal/ai/route"] {
        assert_eq!(code(world.get(path).await).await, "404 not_found", "{path}");
    }
    assert_eq!(code(world.request("DELETE", "/openapi.json").send().await.unwrap()).await, "405 method_not_allowed");
    assert_eq!(code(world.request("POST", "/docs").send().await.unwrap()).await, "405 method_not_allowed");
}

#[actix_web::test]
async fn a_path_that_leads_elsewhere_is_refused() {
    let world = World::new().await;
    for path in ["/v1/files/../auth/me", "/v1/files/%2E./readyz", "/v1/files/..\\..\\readyz", "/v1/files/./echo"] {
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer TOKEN\r\nconnection: close\r\n\r\n");
        let answer = world.raw(&request).await;
        assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("bad_request"), "{path} {answer}");
    }
}

/// What two parsers might read as different requests.
#[actix_web::test]
async fn a_request_that_is_not_clearly_one_is_refused_and_reaches_no_service() {
    let mut world = World::new().await;
    let twice = "host: x\r\nauthorization: Bearer TOKEN\r\n";
    for (lines, body) in [
        ("content-length: 6\r\ntransfer-encoding: chunked", "0\r\n\r\nGET /"),
        ("transfer-encoding: chunked\r\ntransfer-encoding: identity\r\ncontent-length: 4", "0\r\n\r\n"),
        ("transfer-encoding: xchunked", "0\r\n\r\n"),
        ("content-length: 2\r\ncontent-length: 3", "{} "),
        ("content-length: 2, 3", "{} "),
        ("content-length: -1", ""),
        ("content-length: +2", "{}"),
        ("content-length: 0x2", "{}"),
        ("content-length: 1e9", ""),
        ("content-length : 2", "{}"),
        ("host: other.example\r\ncontent-length: 2", "{}"),
        ("x-a: a\0b\r\ncontent-length: 2", "{}"),
        ("no colon\r\ncontent-length: 2", "{}"),
        ("content-length: 2\r\n folded: yes", "{}"),
    ] {
        let answer =
            world.raw(&format!("POST /v1/tasks HTTP/1.1\r\n{twice}connection: close\r\n{lines}\r\n\r\n{body}")).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{lines:?} {answer}");
    }
    for (line, lines) in [
        ("POST /v1/tasks HTTP/1.0", "transfer-encoding: chunked"),
        ("POST /v1/tasks HTTP/1.1", "transfer-encoding: chunked, chunked"),
        ("POST /v1/tasks HTTP/1.1", "transfer-encoding:\x0bchunked"),
        ("POST /v1/tasks HTTP/1.1", "x-a: a\rtransfer-encoding: chunked\r\ncontent-length: 5"),
        ("POST /v1/tasks", "content-length: 5"),
        ("POST /v1/tasks HTTP/0.9", "content-length: 5"),
        ("POST /v1/tasks HTTP/2.0", "content-length: 5"),
        ("POST  /v1/tasks HTTP/1.1", "content-length: 5"),
        ("POST /v1/tasks more HTTP/1.1", "content-length: 5"),
        ("POST http://other.example/v1/tasks HTTP/1.1", "content-length: 5"),
        ("POST http://x:80/v1/tasks HTTP/1.1", "content-length: 5"),
        (" POST /v1/tasks HTTP/1.1", "content-length: 5"),
        ("PRI * HTTP/2.0", "content-length: 5"),
    ] {
        let answer = world.raw(&format!("{line}\r\n{twice}connection: close\r\n{lines}\r\n\r\n0\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{line:?} {lines:?} {answer}");
    }
    for line in ["TRACE /v1/tasks HTTP/1.1", "BREW /healthz HTTP/1.1", "CONNECT other.example:80 HTTP/1.1"] {
        let answer = world.raw(&format!("{line}\r\n{twice}connection: close\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{line} {answer}");
    }
    assert!(world.told.try_recv().is_err(), "a service was asked");
    assert_eq!(world.anonymous("GET", "/healthz").send().await.unwrap().status(), 200);
}

#[actix_web::test]
async fn chunks_that_two_parsers_might_read_differently_never_end_a_body_for_a_service() {
    let mut world = World::new().await;
    for chunks in
        ["2;\r\n{}0", "-2\r\n{}\r\n0", "0x2\r\n{}\r\n0", "2 \n{}\r\n0", "fffffffffffffffff\r\n{}\r\n0", "2\r\n{}0"]
    {
        let head = "POST /v1/tasks HTTP/1.1\r\nhost: x\r\nauthorization: Bearer TOKEN\r\nconnection: close\r\n";
        let answer =
            rest_of(world.open(&format!("{head}transfer-encoding: chunked\r\n\r\n{chunks}\r\n\r\n")).await).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{chunks:?} {answer}");
    }
    let whole = world.request("POST", "/v1/tasks").body("whole").send().await.unwrap();
    assert_eq!(whole.status(), 201);
    loop {
        let told = world.told.recv().await.unwrap();
        assert!(["began", "aborted", "whole 5"].contains(&told.as_str()), "{told}");
        if told == "whole 5" {
            break;
        }
    }
}

#[actix_web::test]
async fn a_protected_path_needs_a_valid_token_and_a_public_one_needs_none() {
    let world = World::new().await;
    let response = world.anonymous("GET", "/v1/files/echo").header("x-request-id", "mine").send().await.unwrap();
    assert_eq!(
        (&response.headers()["x-request-id"], &response.headers()["www-authenticate"]),
        (&"mine".parse().unwrap(), &"Bearer".parse().unwrap())
    );
    assert_eq!(code(response).await, "401 unauthorized");
    let mut forged = token();
    forged.truncate(forged.len() - 4);
    for given in ["Bearer", "Bearer ", "Bearer a b", "Basic YTpi", "Bearer junk", &format!("Bearer {forged}AAAA")] {
        let response = world.anonymous("GET", "/v1/files/echo").header("authorization", given).send().await.unwrap();
        assert_eq!(code(response).await, "401 unauthorized", "{given}");
    }
    for (method, path) in [
        ("POST", "/v1/auth/login"),
        ("GET", "/.well-known/jwks.json"),
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("GET", "/metrics"),
        ("GET", "/openapi.json"),
        ("GET", "/docs"),
        ("GET", "/docs/errors"),
    ] {
        let response = world.anonymous(method, path).send().await.unwrap();
        assert_eq!(response.status(), 200, "{method} {path}");
    }
    for (method, path) in [("GET", "/v1/auth/login"), ("GET", "/v1/auth/me"), ("POST", "/v1/auth/login/")] {
        assert_eq!(
            code(world.anonymous(method, path).send().await.unwrap()).await,
            "401 unauthorized",
            "{method} {path}"
        );
    }
}

#[actix_web::test]
async fn only_the_headers_that_may_pass_reach_the_service() {
    let world = World::new().await;
    let request = "GET /v1/files/echo HTTP/1.1\r\nhost: door.example\r\nauthorization: Bearer TOKEN\r\n\
        connection: close, X-Hop\r\nx-hop: 1\r\nkeep-alive: 5\r\nte: trailers\r\nproxy-authorization: x\r\n\
        forwarded: for=6.6.6.6\r\nx-forwarded-for: 6.6.6.6\r\nx-forwarded-prefix: /x\r\nx-real-ip: 6.6.6.6\r\n\
        x-user-id: root\r\nx-internal-role: admin\r\nx-request-id: mine\r\n\
        traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\
        accept: text/csv\r\nrange: bytes=0-1\r\nx-twice: 1\r\nx-twice: 2\r\n\r\n";
    let answer = world.raw(request).await;
    let body: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    let seen: Vec<(String, String)> = serde_json::from_value(body["headers"].clone()).unwrap();
    let all = |name: &str| -> Vec<_> { seen.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str()).collect() };
    for (name, expected) in [
        ("x-hop", &[][..]),
        ("connection", &[]),
        ("keep-alive", &[]),
        ("te", &[]),
        ("proxy-authorization", &[]),
        ("forwarded", &[]),
        ("x-forwarded-prefix", &[]),
        ("x-real-ip", &[]),
        ("x-user-id", &[]),
        ("x-internal-role", &[]),
        ("x-forwarded-for", &["127.0.0.1"]),
        ("x-forwarded-proto", &["http"]),
        ("x-forwarded-host", &["door.example"]),
        ("x-request-id", &["mine"]),
        ("traceparent", &["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"]),
        ("accept", &["text/csv"]),
        ("range", &["bytes=0-1"]),
        ("x-twice", &["1", "2"]),
    ] {
        assert_eq!(all(name), expected, "{name}");
    }
}

#[actix_web::test]
async fn only_the_headers_that_may_pass_reach_the_client() {
    let world = World::new().await;
    let response = world.get("/v1/files/echo").await;
    let headers = response.headers();
    let cookies: Vec<_> = headers.get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a=1", "b=2"]);
    assert_eq!(
        (&headers["x-own"], &headers["cache-control"]),
        (&"kept".parse().unwrap(), &"max-age=60".parse().unwrap())
    );
    for name in ["keep-alive", "proxy-authenticate", "server", "transfer-encoding"] {
        assert!(!headers.contains_key(name), "{name}");
    }
    let length: usize = headers["content-length"].to_str().unwrap().parse().unwrap();
    assert_eq!(response.bytes().await.unwrap().len(), length);
}

#[actix_web::test]
async fn answers_without_content_and_redirects_pass() {
    let world = World::new().await;
    let head = world.request("HEAD", "/v1/files/echo").send().await.unwrap();
    assert_eq!((head.status().as_u16(), head.headers().contains_key("content-length")), (200, true));
    assert_eq!(head.bytes().await.unwrap(), "");
    let none = world.get("/v1/files/none").await;
    assert_eq!((none.status().as_u16(), none.bytes().await.unwrap().len()), (204, 0));
    let redirect = world.get("/v1/files/redirect").await;
    assert_eq!(
        (redirect.status().as_u16(), &redirect.headers()["location"]),
        (302, &"/v1/files/echo".parse().unwrap())
    );
}

#[actix_web::test]
async fn a_problem_of_a_service_passes_unchanged_and_any_other_error_becomes_one() {
    let world = World::new().await;
    let response = world.get("/v1/files/refused").await;
    assert_eq!(response.status(), 409);
    assert_eq!(response.text().await.unwrap(), r#"{"code":"conflict","request_id":"theirs"}"#);
    assert_eq!(code(world.get("/v1/files/plain-error").await).await, "502 bad_gateway");
}

#[actix_web::test]
async fn a_body_over_the_limit_is_413_by_its_length_and_when_it_is_counted() {
    let world = World::with(Limits::default(), &[("files.max_bytes", "1 MiB")]).await;
    let head = |path: &str, length: u64| {
        format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer TOKEN\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
        )
    };
    for (path, length) in
        [("/v1/files", (1 << 20) + (64 << 10) + 1), ("/v1/tasks", (1 << 20) + 1), ("/v1/files", u64::MAX)]
    {
        let answer = world.raw(&head(path, length)).await;
        assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("too_large"), "{path} {answer}");
    }
    let counted =
        |pieces| Body::wrap_stream(stream::iter((0..pieces).map(|_| Ok::<_, std::io::Error>(vec![0; 64 << 10]))));
    for (path, fits) in [("/v1/files", 17), ("/v1/tasks", 16)] {
        let response = world.request("POST", path).body(counted(fits)).send().await.unwrap();
        assert_eq!(response.status(), 201, "{path}");
        let response = world.request("POST", path).body(counted(fits + 1)).send().await.unwrap();
        assert_eq!(code(response).await, "413 too_large", "{path}");
    }
}

#[actix_web::test]
async fn a_service_that_refuses_connections_is_502_then_503_at_once_until_it_is_back_and_the_others_answer() {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let world = World::with(Limits::default(), &[("services.files.url", &format!("http://{address}"))]).await;
    let began = Instant::now();
    assert_eq!(code(world.get("/v1/files").await).await, "502 bad_gateway");
    assert!(began.elapsed() < Duration::from_secs(5));
    let refused = world.get("/v1/files").await;
    assert_eq!(refused.headers()["retry-after"], "1");
    assert_eq!(code(refused).await, "503 unavailable");
    assert_eq!(world.request("POST", "/v1/tasks").body("x").send().await.unwrap().status(), 201);
    let response = world.anonymous("GET", "/readyz").send().await.unwrap();
    assert_eq!(response.status(), 503);
    let body: Value = response.json().await.unwrap();
    let wanted = serde_json::json!({ "admin": "ok", "auth": "ok", "files": "it does not answer", "open_files": "ok", "query": "ok", "tasks": "ok" });
    assert_eq!(body["checks"], wanted);
    let back = HttpServer::new(|| App::new().default_service(web::to(HttpResponse::Ok)))
        .workers(1)
        .disable_signals()
        .bind(address)
        .unwrap()
        .run();
    tokio::spawn(back);
    while world.get("/v1/files").await.status() != 200 {
        tokio::task::yield_now().await;
    }
}

#[actix_web::test]
async fn a_service_that_takes_connections_and_says_nothing_is_504_and_then_503_at_once() {
    let frozen = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", frozen.local_addr().unwrap());
    let limits = Limits { patience: Duration::from_millis(50), ..Limits::default() };
    let world = World::with(limits, &[("services.files.url", &base)]).await;
    let began = Instant::now();
    assert_eq!(code(world.get("/v1/files").await).await, "504 gateway_timeout");
    assert!(began.elapsed() < limits.answer);
    assert_eq!(code(world.get("/v1/files").await).await, "503 unavailable");
    assert_eq!(world.request("POST", "/v1/tasks").body("x").send().await.unwrap().status(), 201);
}

#[actix_web::test]
async fn a_service_that_thinks_for_long_is_waited_for_while_it_lives() {
    let limits = Limits { patience: Duration::from_millis(50), ..Limits::default() };
    let mut world = World::with(limits, &[]).await;
    let answer = tokio::spawn(world.request("POST", "/v1/files?stall").body("x").send());
    for _ in 0..2 {
        assert_eq!(world.told.recv().await.unwrap(), "asked whether it lives");
    }
    world.go();
    assert_eq!(answer.await.unwrap().unwrap().status(), 201);
}

#[actix_web::test]
async fn a_service_that_hangs_is_504_also_when_it_stops_reading() {
    let limits = Limits { answer: Duration::from_millis(200), ..Limits::default() };
    let world = World::with(limits, &[]).await;
    assert_eq!(code(world.get("/v1/files/hang").await).await, "504 gateway_timeout");
    let response = world.request("POST", "/v1/files?stall").body(vec![0; 64 << 20]).send().await.unwrap();
    assert_eq!(code(response).await, "504 gateway_timeout");
}

#[actix_web::test]
async fn a_client_that_sends_too_slowly_is_408() {
    let limits = Limits { window: Duration::from_millis(200), ..Limits::default() };
    let world = World::with(limits, &[]).await;
    let request = "POST /v1/files HTTP/1.1\r\nhost: x\r\nauthorization: Bearer TOKEN\r\nconnection: close\r\ncontent-length: 1000\r\n\r\nx";
    let answer = world.raw(request).await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("request_timeout"), "{answer}");
}

#[actix_web::test]
async fn every_answer_has_the_careful_headers_and_a_request_id() {
    let world = World::new().await;
    for (method, path) in [
        ("GET", "/healthz"),
        ("GET", "/v1/files/refused"),
        ("GET", "/v1/files/plain-error"),
        ("GET", "/v1/files/none"),
        ("GET", "/v1/nothing"),
        ("DELETE", "/healthz"),
        ("GET", "/"),
        ("GET", "/docs"),
    ] {
        let response = world.request(method, path).send().await.unwrap();
        let shown = ["x-content-type-options", "referrer-policy", "x-frame-options", "cross-origin-opener-policy"]
            .map(|name| response.headers()[name].to_str().unwrap().to_owned());
        assert_eq!(shown, ["nosniff", "no-referrer", "DENY", "same-origin"], "{method} {path}");
        let policy = response.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
        let caching = if path == "/docs" { "no-cache" } else { "no-store" };
        assert_eq!(response.headers()["cache-control"], caching, "{method} {path}");
        assert_eq!(response.headers().get_all("x-request-id").iter().count(), 1, "{method} {path}");
        assert!(!response.headers().contains_key("server"), "{method} {path}");
    }
}

#[actix_web::test]
async fn a_caller_who_asks_too_often_is_429_with_the_limit_and_another_is_not() {
    let world = World::with(Limits::default(), &[("gateway.requests_per_second", "1")]).await;
    let caller = token();
    let ask = async |token: &str| world.anonymous("GET", "/v1/files/none").bearer_auth(token).send().await.unwrap();
    let mut statuses = Vec::new();
    for _ in 0..20 {
        let response = ask(&caller).await;
        statuses.push(response.status().as_u16());
        if response.status() == 429 {
            let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
            assert_eq!(header("ratelimit-policy"), "\"requests\";q=10;w=10");
            assert!(header("retry-after").parse::<u32>().unwrap() >= 1);
            assert_eq!(code(response).await, "429 rate_limited");
        }
    }
    assert_eq!(
        (statuses[..10].iter().all(|status| *status == 204), statuses.contains(&429)),
        (true, true),
        "{statuses:?}"
    );
    assert_eq!(ask(&token()).await.status(), 204);
    let mut guesses = Vec::new();
    for _ in 0..20 {
        guesses.push(ask("junk").await.status().as_u16());
    }
    assert!(guesses[..10].iter().all(|status| *status == 401) && guesses.contains(&429), "{guesses:?}");
}

#[actix_web::test]
async fn a_resumable_upload_passes_as_a_stream_as_large_as_a_file_and_every_answer_speaks_tus() {
    let mut world = World::with(Limits::default(), &[("files.max_bytes", "2 MiB")]).await;
    let pieces = |count| stream::iter((0..count).map(|_| Ok::<_, std::io::Error>(vec![0; 64 << 10])));
    for (method, path) in [("PATCH", "/v1/uploads/one"), ("POST", "/v1/uploads")] {
        let response = world.request(method, path).body(Body::wrap_stream(pieces(32))).send().await.unwrap();
        assert_eq!((response.status().as_u16(), response.text().await.unwrap()), (201, (2 << 20).to_string()));
        let response = world.request(method, path).body(vec![0; (2 << 20) + (64 << 10) + 1]).send().await.unwrap();
        assert_eq!(response.headers()["tus-resumable"], "1.0.0");
        assert_eq!(code(response).await, "413 too_large");
    }
    while world.told.try_recv().is_ok() {}
    let endless = Body::wrap_stream(pieces(1).chain(stream::pending()));
    let sending = tokio::spawn(world.request("PATCH", "/v1/uploads/one").body(endless).send());
    while world.told.recv().await.unwrap() != "began" {}
    sending.abort();
    while world.told.recv().await.unwrap() != "aborted" {}
    let response = world.anonymous("HEAD", "/v1/uploads/one").send().await.unwrap();
    assert_eq!((response.status().as_u16(), &response.headers()["tus-resumable"]), (401, &"1.0.0".parse().unwrap()));
}
