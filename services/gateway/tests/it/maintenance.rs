use std::time::{Duration, Instant};

use dallosh_contracts::Permission;
use dallosh_primitives::Uid;
use reqwest::Response;

use crate::world::{World, code};

/// How soon a change of the settings has to show.
const SOON: Duration = Duration::from_secs(5);

/// Asks until the answer has this status.
async fn until(status: u16, ask: impl AsyncFn() -> Response) -> Response {
    let began = Instant::now();
    loop {
        let answer = ask().await;
        if answer.status() == status {
            return answer;
        }
        assert!(began.elapsed() < SOON, "still {}", answer.status());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[actix_web::test]
async fn during_maintenance_only_admins_are_served_and_signing_in_goes_on() {
    let world = World::new().await;
    let admin = dallosh_testkit::token(Uid::new(), [Permission::ManageApp]);
    assert_eq!(world.get("/v1/files/echo").await.status(), 200);

    world.set_maintenance(true);
    let refused = until(503, || world.get("/v1/files/echo")).await;
    assert_eq!(refused.headers()["retry-after"], "30");
    assert_eq!(code(refused).await, "503 maintenance");
    assert_eq!(code(world.request("POST", "/v1/files").body("x").send().await.unwrap()).await, "503 maintenance");
    assert_eq!(code(world.anonymous("POST", "/v1/auth/register").send().await.unwrap()).await, "503 maintenance");
    assert_eq!(code(world.anonymous("GET", "/v1/files/echo").send().await.unwrap()).await, "401 unauthorized");
    for (method, path) in [
        ("POST", "/v1/auth/login"),
        ("POST", "/v1/auth/refresh"),
        ("GET", "/v1/settings/public"),
        ("GET", "/.well-known/jwks.json"),
        ("GET", "/healthz"),
        ("GET", "/docs"),
    ] {
        assert_eq!(world.anonymous(method, path).send().await.unwrap().status(), 200, "{method} {path}");
    }
    assert_eq!(world.get("/v1/auth/me").await.status(), 200);
    assert_eq!(world.anonymous("GET", "/v1/files/echo").bearer_auth(&admin).send().await.unwrap().status(), 200);

    world.set_maintenance(false);
    until(200, || world.get("/v1/files/echo")).await;
}

#[actix_web::test]
async fn an_open_stream_ends_when_maintenance_begins_unless_an_admin_holds_it() {
    let world = World::new().await;
    let admin = dallosh_testkit::token(Uid::new(), [Permission::ManageApp]);
    let mut theirs = world.get("/v1/events").await;
    let mut own = world.anonymous("GET", "/v1/events").bearer_auth(&admin).send().await.unwrap();
    assert_eq!(theirs.chunk().await.unwrap().unwrap(), "id: 1\n\n");
    assert_eq!(own.chunk().await.unwrap().unwrap(), "id: 1\n\n");
    world.set_maintenance(true);
    let ended = tokio::time::timeout(SOON, theirs.chunk()).await.unwrap();
    assert_eq!(ended.unwrap(), None);
    world.go();
    world.go();
    assert_eq!(own.chunk().await.unwrap().unwrap(), "id: 2\n\n");
}
