use dallosh_gateway::Limits;
use reqwest::{RequestBuilder, Response};
use serde_json::Value;

use crate::world::{World, code, token};

const ECHO: &str = "/v1/files/echo";

fn with_cookie(request: RequestBuilder) -> RequestBuilder {
    request.header("cookie", format!("theme=dark; dallosh_access={}", token()))
}

/// The headers that the service got.
async fn seen(response: Response) -> Vec<(String, String)> {
    assert_eq!(response.status(), 200);
    let body: Value = response.json().await.unwrap();
    serde_json::from_value(body["headers"].clone()).unwrap()
}

fn all<'a>(seen: &'a [(String, String)], name: &str) -> Vec<&'a str> {
    seen.iter().filter(|(one, _)| one == name).map(|(_, value)| value.as_str()).collect()
}

#[actix_web::test]
async fn the_cookie_of_a_browser_becomes_the_token_for_the_service_and_goes_no_further() {
    let world = World::new().await;
    let cookie = format!("theme=dark; dallosh_access={}", token());
    let seen = seen(world.anonymous("GET", ECHO).header("cookie", &cookie).send().await.unwrap()).await;
    let sent = cookie.strip_prefix("theme=dark; dallosh_access=").unwrap();
    assert_eq!(all(&seen, "authorization"), [format!("Bearer {sent}")]);
    assert_eq!(all(&seen, "cookie"), Vec::<&str>::new());
}

#[actix_web::test]
async fn a_cookie_that_is_no_token_opens_nothing_and_a_token_beside_it_counts_alone() {
    let world = World::new().await;
    for cookie in ["dallosh_access=junk".to_owned(), "dallosh_access=".to_owned(), format!("other={}", token())] {
        let response = world.anonymous("GET", ECHO).header("cookie", &cookie).send().await.unwrap();
        assert_eq!(code(response).await, "401 unauthorized", "{cookie}");
    }
    let response = with_cookie(world.anonymous("GET", ECHO)).bearer_auth("junk").send().await.unwrap();
    assert_eq!(code(response).await, "401 unauthorized");
    let response = world.request("POST", ECHO).header("cookie", "dallosh_access=junk").send().await.unwrap();
    assert_eq!(response.status(), 200);
}

#[actix_web::test]
async fn a_change_by_cookie_needs_the_origin_of_this_place_and_one_by_token_needs_none() {
    let world = World::new().await;
    let (own, port) = (format!("http://{}", world.address), world.address.port());
    let elsewhere = [
        None,
        Some("null".to_owned()),
        Some("https://evil.example".to_owned()),
        Some(format!("{own}.evil.example")),
        Some(format!("https://{}", world.address)),
        Some(format!("http://127.0.0.1:{}", port.wrapping_add(1))),
        Some(format!("http://user@{}", world.address)),
    ];
    for (method, path) in [("POST", ECHO), ("PATCH", ECHO), ("DELETE", ECHO), ("POST", "/v1/auth/refresh")] {
        for origin in &elsewhere {
            let mut request = with_cookie(world.anonymous(method, path));
            if let Some(origin) = origin {
                request = request.header("origin", origin);
            }
            assert_eq!(code(request.send().await.unwrap()).await, "403 origin_mismatch", "{method} {path} {origin:?}");
        }
    }
    for method in ["POST", "PATCH", "DELETE"] {
        let response = with_cookie(world.anonymous(method, ECHO)).header("origin", &own).send().await.unwrap();
        assert_eq!(response.status(), 200, "{method}");
        let response = world.request(method, ECHO).header("origin", "https://evil.example").send().await.unwrap();
        assert_eq!(response.status(), 200, "{method}");
    }
    let twice = with_cookie(world.anonymous("POST", ECHO)).header("origin", &own).header("origin", "null");
    assert_eq!(code(twice.send().await.unwrap()).await, "403 origin_mismatch");
    let read = with_cookie(world.anonymous("GET", ECHO)).header("origin", "https://evil.example");
    let response = read.send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.headers().get("access-control-allow-origin")), (200, None));
}

#[actix_web::test]
async fn the_refresh_cookie_reaches_the_sessions_and_an_old_cookie_hinders_no_sign_in() {
    let world = World::new().await;
    let request = world.anonymous("POST", "/v1/auth/login").header("cookie", "dallosh_access=old; dallosh_refresh=r");
    let seen = seen(request.send().await.unwrap()).await;
    assert_eq!(all(&seen, "cookie"), ["dallosh_access=old; dallosh_refresh=r"]);
    let only_refresh = world.anonymous("POST", "/v1/auth/refresh").header("cookie", "dallosh_refresh=r");
    assert_eq!(code(only_refresh.send().await.unwrap()).await, "403 origin_mismatch");
}

#[actix_web::test]
async fn only_a_trusted_proxy_says_where_a_client_is_and_that_it_came_over_tls() {
    let claims = |request: RequestBuilder| {
        request.header("x-forwarded-for", "6.6.6.6, 203.0.113.9, 127.0.0.2").header("x-forwarded-proto", "https")
    };
    let world = World::new().await;
    let got = seen(claims(world.request("GET", ECHO)).send().await.unwrap()).await;
    assert_eq!((all(&got, "x-forwarded-for"), all(&got, "x-forwarded-proto")), (vec!["127.0.0.1"], vec!["http"]));

    let world = World::with(dallosh_gateway::Limits::default(), &[("gateway.trusted_proxies", "127.0.0.0/8")]).await;
    let got = seen(claims(world.request("GET", ECHO)).send().await.unwrap()).await;
    assert_eq!((all(&got, "x-forwarded-for"), all(&got, "x-forwarded-proto")), (vec!["203.0.113.9"], vec!["https"]));
    // Over TLS the cookie has another name and the origin another scheme.
    let plain = claims(with_cookie(world.anonymous("GET", ECHO))).send().await.unwrap();
    assert_eq!(code(plain).await, "401 unauthorized");
    let change = |scheme: &str| {
        let request = world.anonymous("POST", ECHO).header("cookie", format!("__Host-dallosh_access={}", token()));
        claims(request).header("origin", format!("{scheme}://{}", world.address))
    };
    assert_eq!(change("https").send().await.unwrap().status(), 200);
    assert_eq!(code(change("http").send().await.unwrap()).await, "403 origin_mismatch");
}

#[actix_web::test]
async fn in_production_only_the_cookie_for_tls_counts() {
    let world = World::with(dallosh_gateway::Limits::default(), &[("profile", "production")]).await;
    let response = with_cookie(world.anonymous("GET", ECHO)).send().await.unwrap();
    assert_eq!(code(response).await, "401 unauthorized");
    let cookie = format!("__Host-dallosh_access={}", token());
    assert_eq!(world.anonymous("GET", ECHO).header("cookie", cookie).send().await.unwrap().status(), 200);
}

#[actix_web::test]
async fn a_page_of_a_place_that_is_named_reads_answers_with_a_token_and_one_of_another_place_does_not() {
    let world = World::with(Limits::default(), &[("gateway.allowed_origins", "https://bi.example.org")]).await;
    let asked = async |origin: &str| {
        let request = world.anonymous("OPTIONS", "/v1/files/echo").header("origin", origin);
        let request = request.header("access-control-request-method", "GET");
        request.header("access-control-request-headers", "authorization").send().await.unwrap()
    };
    let answer = asked("https://bi.example.org").await;
    assert_eq!(answer.headers()["access-control-allow-origin"], "https://bi.example.org");
    assert!(!answer.headers().contains_key("access-control-allow-credentials"));
    let answer =
        world.request("GET", "/v1/files/echo").header("origin", "https://bi.example.org").send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["access-control-allow-origin"]),
        (200, &"https://bi.example.org".parse().unwrap())
    );
    for stranger in ["https://bi.example.org.evil.example", "http://bi.example.org", "null"] {
        assert!(!asked(stranger).await.headers().contains_key("access-control-allow-origin"), "{stranger}");
    }
}
