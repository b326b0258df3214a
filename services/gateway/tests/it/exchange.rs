use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use dallosh_gateway::Limits;
use reqwest::Response;
use serde_json::{Value, json};

use crate::world::{World, code};

/// A request that shows an API token.
async fn show(world: &World, token: &str) -> Response {
    world.anonymous("GET", "/v1/files/echo").bearer_auth(token).send().await.unwrap()
}

#[actix_web::test]
async fn a_service_sees_an_access_token_where_a_program_shows_its_own() {
    let mut world = World::new().await;
    let seen: Value = show(&world, "dls_good").await.json().await.unwrap();
    let headers: Vec<(String, String)> = serde_json::from_value(seen["headers"].clone()).unwrap();
    let tokens: Vec<_> = headers.iter().filter(|(name, _)| name == "authorization").map(|(_, value)| value).collect();
    assert!(tokens.len() == 1 && tokens[0].starts_with("Bearer eyJ"), "{tokens:?}");
    assert!(!seen.to_string().contains("dls_good"));
    assert_eq!(world.told.recv().await.unwrap(), "exchange dls_good");
}

#[actix_web::test]
async fn a_token_is_exchanged_once_for_many_requests_at_once_and_again_soon_after() {
    let mut world = World::new().await;
    let all = (0..20).map(|_| show(&world, "dls_good"));
    let statuses: Vec<_> = futures::future::join_all(all).await.iter().map(|answer| answer.status().as_u16()).collect();
    assert_eq!(statuses, [200; 20]);
    assert_eq!(world.told.recv().await.unwrap(), "exchange dls_good");
    assert!(world.told.try_recv().is_err(), "it was asked again");
    let again = async {
        while world.told.try_recv().is_err() {
            assert_eq!(show(&world, "dls_good").await.status(), 200);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), again).await.expect("it is asked again within five seconds");
}

#[actix_web::test]
async fn a_program_notices_nothing_when_its_users_rights_change_whoever_hears_of_it_first() {
    let world = World::with(Limits::default(), &[("gateway.requests_per_second", "100000")]).await;
    for (method, path) in [("GET", "/v1/files/strict"), ("POST", "/v1/files/strict"), ("GET", "/v1/files/echo")] {
        let ask = async || {
            let request = world.anonymous(method, path).bearer_auth("dls_good");
            let request = if method == "POST" { request.body("{}") } else { request };
            request.send().await.unwrap().status().as_u16()
        };
        assert_eq!(ask().await, 200, "{method} {path}");
        world.change_rights();
        // Both the door and the service refuse the old access token from some time on.
        while !world.knows_change() {
            assert_eq!(ask().await, 200, "{method} {path}");
        }
        assert_eq!(ask().await, 200, "{method} {path}");
    }
}

#[actix_web::test]
async fn what_is_refused_with_a_new_access_token_too_is_refused() {
    let mut world = World::new().await;
    assert_eq!(show(&world, "dls_good").await.status(), 200);
    assert_eq!(world.told.recv().await.unwrap(), "exchange dls_good");
    let refused = world.anonymous("GET", "/v1/files/unauthorized").bearer_auth("dls_good").send().await.unwrap();
    assert_eq!(code(refused).await, "401 unauthorized");
    assert_eq!(world.told.recv().await.unwrap(), "exchange dls_good");
    assert!(world.told.try_recv().is_err(), "it was asked more than once more");
}

#[actix_web::test]
async fn a_token_that_is_worth_nothing_is_401_and_tells_no_more() {
    let world = World::new().await;
    let response = show(&world, "dls_bad").await;
    assert_eq!(response.headers()["www-authenticate"], "Bearer");
    let body: Value = response.json().await.unwrap();
    let detail = "sign in, and send the token as `Authorization: Bearer …` or as the cookie";
    assert_eq!((&body["code"], &body["detail"]), (&json!("unauthorized"), &json!(detail)));
    assert_eq!(code(show(&world, "dls_down").await).await, "503 unavailable");
}

#[actix_web::test]
async fn who_tries_tokens_out_is_429_and_asks_nobody_any_more() {
    let mut world = World::with(Limits::default(), &[("gateway.requests_per_second", "1")]).await;
    let mut statuses = Vec::new();
    for number in 0..30 {
        statuses.push(show(&world, &format!("dls_{number}")).await.status().as_u16());
    }
    assert!(statuses[..10].iter().all(|status| *status == 401) && statuses.contains(&429), "{statuses:?}");
    let mut asked = 0;
    while world.told.try_recv().is_ok() {
        asked += 1;
    }
    assert_eq!(asked, statuses.iter().filter(|status| **status == 401).count());
}

#[actix_web::test]
async fn a_token_of_an_issuer_that_is_believed_is_exchanged_and_of_another_is_not() {
    let believed = r#"{ issuer = "https://login.example.com/", audience = "dallosh", default_role = "analyst" }"#;
    let mut world = World::with(Limits::default(), &[("auth.issuers", believed)]).await;
    let of = |issuer: &str| format!("e30.{}.AAAA", URL_SAFE_NO_PAD.encode(json!({"iss": issuer}).to_string()));
    for issuer in ["https://login.example.com", "https://other.example.com/", "dallosh"] {
        assert_eq!(code(show(&world, &of(issuer)).await).await, "401 unauthorized", "{issuer}");
    }
    assert!(world.told.try_recv().is_err(), "the auth service was asked");
    let foreign = of("https://login.example.com/");
    assert_eq!(code(show(&world, &foreign).await).await, "401 unauthorized");
    assert_eq!(world.told.recv().await.unwrap(), format!("exchange {foreign}"));
}
