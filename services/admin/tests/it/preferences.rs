use dallosh_contracts::Permission;
use dallosh_primitives::Uid;
use serde_json::{Value, json};

use crate::stack::{AI, MODELS, Stack, User};

#[actix_web::test]
async fn a_new_platform_asks_whatever_there_is() {
    let stack = Stack::start().await;
    let admin = stack.admin();
    let preferences = json!({"mode": "automatic", "default_local_model_id": null, "default_external_model_id": null});
    assert_eq!(admin.get(AI).await.data(), json!({"preferences": preferences}));
    let route = admin.get("/internal/ai/route").await.json();
    assert_eq!((route.as_array().unwrap().len(), &route[0]["provider"]), (1, &json!("builtin")));
    assert_eq!(admin.get("/internal/ai/route?mode=external").await.json(), json!([]));
}

#[actix_web::test]
async fn a_change_says_which_revision_it_is_made_to() {
    let stack = Stack::start().await;
    let admin = stack.admin();
    let (change, tag) = (json!({"preferences": {"mode": "local"}}), admin.get(AI).await.etag());
    let absent = admin.patch_at(AI, None, change.clone()).await;
    assert_eq!(absent.problem(), "428 precondition_required");
    assert_eq!(admin.patch_at(AI, Some(&tag), change.clone()).await.status, 200);
    assert_eq!(admin.patch_at(AI, Some(&tag), change).await.problem(), "412 precondition_failed");
    assert_eq!(admin.get(AI).await.data()["preferences"]["mode"], "local");

    let uid = admin.add(&json!({"kind": "local", "provider": "builtin"})).await;
    let (path, change) = (format!("{MODELS}/{uid}"), json!({"concurrency": 4}));
    let tag = admin.get(&path).await.etag();
    assert_eq!(admin.patch_at(&path, None, change.clone()).await.problem(), "428 precondition_required");
    assert_eq!(admin.patch_at(&path, Some(&tag), change.clone()).await.status, 200);
    assert_eq!(admin.patch_at(&path, Some(&tag), change).await.problem(), "412 precondition_failed");
    assert_eq!(admin.delete_at(&path, None).await.problem(), "428 precondition_required");
    assert_eq!(admin.delete_at(&path, Some(&tag)).await.problem(), "412 precondition_failed");
}

#[actix_web::test]
async fn a_default_is_a_model_of_its_kind_and_stays_one() {
    let stack = Stack::start().await;
    let admin = stack.admin();
    let uid = admin.add(&json!({"kind": "local", "provider": "builtin"})).await;
    let prefer = |name: &str, value: Value| json!({"preferences": {name: value}});
    for (name, value) in [
        ("default_external_model_id", json!(uid)),
        ("default_external_model_id", json!(Uid::new())),
        ("default_local_model_id", json!("none")),
        ("default_local_model_id", json!(1)),
        ("mode", json!("psychic")),
        ("mode", Value::Null),
    ] {
        let answer = admin.patch(AI, prefer(name, value.clone())).await;
        assert_eq!(answer.problem(), format!("422 validation /preferences/{name}"), "{value}");
    }
    assert_eq!(admin.patch(AI, prefer("speed", json!(1))).await.status, 422);
    assert_eq!(admin.patch(AI, prefer("default_local_model_id", json!(uid))).await.status, 200);

    let path = format!("{MODELS}/{uid}");
    assert_eq!(admin.delete_at(&path, Some("*")).await.problem(), "409 in_use");
    let moved = json!({"kind": "external", "provider": "openai", "model": "m", "baseUrl": stack.model});
    assert_eq!(admin.patch(&path, moved).await.problem(), "409 in_use");
    assert_eq!(admin.patch(AI, prefer("default_local_model_id", Value::Null)).await.status, 200);
    assert_eq!(admin.delete_at(&path, Some("*")).await.status, 204);
    assert_eq!(admin.get(&path).await.problem(), "404 not_found");
}

#[actix_web::test]
async fn the_route_follows_mode_defaults_and_positions() {
    let stack = Stack::start().await;
    let admin = stack.admin();
    let mut uids = Vec::new();
    for (name, kind) in [("e1", "external"), ("l1", "local"), ("e2", "external"), ("l2", "local"), ("e3", "external")] {
        let model = json!({"kind": kind, "provider": "openai", "model": name, "baseUrl": stack.model});
        uids.push(admin.add(&model).await);
    }
    assert_eq!(route(&admin, "").await, "e1 e2 e3 l1 l2");
    let preferences = json!({"default_external_model_id": uids[2], "default_local_model_id": uids[3]});
    assert_eq!(admin.patch(AI, json!({"preferences": preferences})).await.status, 200);
    assert_eq!(route(&admin, "").await, "e2 e1 e3 l2 l1");
    assert_eq!(route(&admin, "?mode=external").await, "e2 e1 e3");
    assert_eq!(route(&admin, "?mode=local").await, "l2 l1");
    assert_eq!(route(&admin, &format!("?model_id={}", uids[1])).await, "l1 l2");
    assert_eq!(route(&admin, &format!("?model_id={}&mode=automatic", uids[4])).await, "e3 e2 e1 l2 l1");
    let unknown = admin.get(&format!("/internal/ai/route?model_id={}", Uid::new())).await;
    assert_eq!(unknown.problem(), "422 validation /model_id");

    assert_eq!(admin.patch(&format!("{MODELS}/{}", uids[4]), json!({"position": 0})).await.status, 200);
    assert_eq!(admin.patch(&format!("{MODELS}/{}", uids[0]), json!({"position": 9})).await.status, 200);
    assert_eq!(route(&admin, "?mode=external").await, "e2 e3 e1");
    let listed = admin.get(MODELS).await.json();
    let names: Vec<_> = listed["items"].as_array().unwrap().iter().map(|item| &item["data"]["model"]).collect();
    assert_eq!(json!(names), json!(["e3", "l1", "e2", "l2", "e1"]));
    let page = admin.get(&format!("{MODELS}?limit=2")).await.json();
    let next = admin.get(page["_links"]["next"].as_str().unwrap()).await.json();
    assert_eq!(next["items"][0]["data"]["model"], "e2");
    assert_eq!(admin.get(&format!("{MODELS}?cursor=00")).await.problem(), "422 validation /cursor");
}

async fn route(user: &User<'_>, query: &str) -> String {
    let answer = user.get(&format!("/internal/ai/route{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let names: Vec<_> =
        answer.json().as_array().unwrap().iter().map(|model| model["model"].as_str().unwrap().to_owned()).collect();
    names.join(" ")
}

#[actix_web::test]
async fn every_operation_needs_its_permission() {
    let stack = Stack::start().await;
    let uid = stack.admin().add(&json!({"kind": "local", "provider": "builtin"})).await;
    let (own, nothing) = (format!("{MODELS}/{uid}"), json!({}));
    let analyst = stack.user([Permission::ManageTasks, Permission::ReadTasks]);
    for answer in [
        analyst.get(AI).await,
        analyst.patch(AI, json!({"preferences": {}})).await,
        analyst.get(MODELS).await,
        analyst.post(MODELS, &nothing).await,
        analyst.get(&own).await,
        analyst.patch(&own, nothing.clone()).await,
        analyst.delete_at(&own, Some("*")).await,
        analyst.post(&format!("{own}/test"), &nothing).await,
        stack.user([Permission::ManageApp]).get("/internal/ai/route").await,
    ] {
        assert_eq!(answer.problem(), "403 forbidden");
    }
    assert_eq!(analyst.get("/internal/ai/route").await.status, 200);
}
