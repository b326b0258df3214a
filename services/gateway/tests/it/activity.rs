use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use dallosh_broker::{Delivery, Handler, Outcome};
use dallosh_contracts::{Activity, RecordActivity};
use dallosh_gateway::Limits;
use dallosh_primitives::Uid;
use tokio::sync::mpsc;

use crate::world::{ACTIVITY, World};

struct Listener(mpsc::UnboundedSender<Activity>);

#[async_trait]
impl Handler for Listener {
    async fn handle(&self, delivery: Delivery) -> Outcome {
        let record: RecordActivity = serde_json::from_slice(&delivery.message.body).unwrap();
        assert_eq!(record.lost, 0);
        for entry in record.entries {
            let _ = self.0.send(entry);
        }
        Outcome::Ack
    }
}

/// What the door tells of.
fn listen(world: &World) -> mpsc::UnboundedReceiver<Activity> {
    let (told, telling) = mpsc::unbounded_channel();
    let (broker, stop) = (world.broker.clone(), world.heard.clone());
    tokio::spawn(async move { broker.consume(ACTIVITY, 1, Arc::new(Listener(told)), stop).await });
    telling
}

#[actix_web::test]
async fn every_change_and_every_refusal_is_told_and_nothing_that_was_merely_read() {
    let world = World::new().await;
    let mut told = listen(&world);
    let user = Uid::new();
    let token = dallosh_testkit::token(user, []);
    let as_user = |method: &str, path: &str| world.anonymous(method, path).bearer_auth(&token);
    as_user("GET", "/v1/files/echo").send().await.unwrap();
    as_user("POST", "/v1/tasks?secret=1").header("x-request-id", "mine").body("secret").send().await.unwrap();
    as_user("GET", "/v1/files/x%0d%0ay?token=secret").send().await.unwrap();
    world.anonymous("GET", "/v1/files/echo").send().await.unwrap();
    world.anonymous("POST", "/v1/auth/login").body("secret").send().await.unwrap();
    as_user("DELETE", "/v1/nothing").send().await.unwrap();
    as_user("GET", "/v1/files/plain-error").send().await.unwrap();
    let mut entries = Vec::new();
    for _ in 0..6 {
        entries.push(told.recv().await.unwrap());
    }
    let lines: Vec<_> = entries.iter().map(|one| (&*one.method, &*one.path, one.status, one.requested_by)).collect();
    assert_eq!(
        lines,
        [
            ("POST", "/v1/tasks", 201, Some(user)),
            ("GET", "/v1/files/x%0d%0ay", 404, Some(user)),
            ("GET", "/v1/files/echo", 401, None),
            ("POST", "/v1/auth/login", 200, None),
            ("DELETE", "/v1/nothing", 404, None),
            ("GET", "/v1/files/plain-error", 502, Some(user)),
        ]
    );
    assert_eq!((&*entries[0].request_id, entries[0].ip.as_deref()), ("mine", Some("127.0.0.1")));
    assert!(!serde_json::to_string(&entries).unwrap().contains("secret"));
}

#[actix_web::test]
async fn a_flood_of_the_same_refusal_is_told_by_its_first_ones_and_by_how_many_more_there_were() {
    let world = World::with(Limits::default(), &[("gateway.requests_per_second", "1000")]).await;
    let mut told = listen(&world);
    for _ in 0..300 {
        assert_eq!(world.anonymous("GET", "/v1/files/echo").send().await.unwrap().status(), 401);
    }
    assert_eq!(world.request("POST", "/v1/tasks").send().await.unwrap().status(), 201);
    world.stop.cancel();
    world.ended.await.unwrap().unwrap();
    // The broker is this process's own, and hands on what it has.
    let mut entries = Vec::new();
    while entries.iter().map(|one: &Activity| one.times).sum::<u64>() < 301 {
        entries.push(told.recv().await.unwrap());
    }
    let alone = entries.iter().filter(|one| one.status == 401 && one.times == 1).count();
    assert!((250..300).contains(&alone) && entries.iter().any(|one| one.times > 1), "{entries:?}");
    assert_eq!(entries.iter().filter(|one| one.status == 201).count(), 1);
}

#[actix_web::test]
async fn who_leaves_before_an_answer_was_not_refused() {
    let limits = Limits { patience: Duration::from_millis(20), ..Limits::default() };
    let mut world = World::with(limits, &[]).await;
    let mut told = listen(&world);
    let client = world.open("GET /v1/files/hang HTTP/1.1\r\nhost: x\r\nauthorization: Bearer TOKEN\r\n\r\n").await;
    assert_eq!(world.told.recv().await.unwrap(), "asked whether it lives");
    drop(client);
    while world.told.recv().await.unwrap() != "dropped" {}
    for _ in 0..2 {
        world.anonymous("POST", "/v1/auth/login").send().await.unwrap();
        assert_eq!(told.recv().await.unwrap().path, "/v1/auth/login");
    }
}

#[actix_web::test]
async fn the_address_is_the_one_that_a_trusted_proxy_saw() {
    let world = World::with(Limits::default(), &[("gateway.trusted_proxies", "127.0.0.1")]).await;
    let mut told = listen(&world);
    let request = world.request("POST", "/v1/tasks").header("x-forwarded-for", "198.51.100.1, 203.0.113.9");
    request.send().await.unwrap();
    assert_eq!(told.recv().await.unwrap().ip.as_deref(), Some("203.0.113.9"));
}

#[actix_web::test]
async fn what_was_answered_before_a_stop_is_told_before_the_end() {
    let world = World::new().await;
    let mut told = listen(&world);
    assert_eq!(world.request("POST", "/v1/tasks").send().await.unwrap().status(), 201);
    world.stop.cancel();
    let path = told.recv().await.unwrap().path;
    assert_eq!(path, "/v1/tasks");
    world.ended.await.unwrap().unwrap();
}
