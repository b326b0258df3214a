use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::stack::{ADMIN, Answer, KNOWN, Stack, answer};

const LAST: &str = "409 last_admin: this is the last administrator who can sign in; make somebody else one first";

async fn me(stack: &Stack, token: &str) -> String {
    stack.get("/v1/auth/me", token).await.body["user"]["uid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_last_administrator_is_neither_removed_nor_demoted_nor_disabled_by_anybody() {
    let stack = Stack::start().await;
    let (first, _) = stack.session(ADMIN, KNOWN).await;
    let [admins, analysts] = [stack.role(&first, "admin").await, stack.role(&first, "analyst").await];
    let first_uid = me(&stack, &first).await;
    let (second_uid, second) = stack.hire(&first, "second@example.com", &admins).await;
    // Somebody with every right who is no administrator.
    let all: Vec<Value> = stack.get("/v1/auth/me", &first).await.body["permissions"].as_array().unwrap().clone();
    let deputies = stack.create("/v1/roles", &first, json!({"name": "deputy", "permissions": all})).await.text("uid");
    let (_, deputy) = stack.hire(&first, "deputy@example.com", &deputies).await;

    let second_path = format!("/v1/users/{second_uid}");
    assert_eq!(stack.patch(&second_path, &deputy, json!({"disabled": true})).await.status, 200);
    let first_path = format!("/v1/users/{first_uid}");
    for body in [json!({"disabled": true}), json!({"role_id": analysts})] {
        assert_eq!(stack.patch(&first_path, &deputy, body).await.summary(), LAST);
    }
    assert_eq!(stack.delete(&first_path, &deputy).await.summary(), LAST);
    let own = stack.send(Method::DELETE, "/v1/auth/me", &first, json!({"current_password": KNOWN})).await;
    assert_eq!(own.summary(), LAST);
    assert_eq!(stack.get("/v1/auth/me", &first).await.status, 200, "refused changes change nothing");

    assert_eq!(stack.patch(&second_path, &deputy, json!({"disabled": false})).await.status, 200);
    assert_eq!(stack.delete(&first_path, &deputy).await.status, 204);
    assert_eq!(stack.get("/v1/auth/me", &second).await.status, 401);
    assert_eq!(stack.delete(&second_path, &deputy).await.summary(), LAST);
}

#[tokio::test]
async fn of_the_last_two_administrators_who_are_taken_away_at_once_one_stays() {
    let stack = Stack::start().await;
    let (first, _) = stack.session(ADMIN, KNOWN).await;
    let [admins, analysts] = [stack.role(&first, "admin").await, stack.role(&first, "analyst").await];
    let all: Vec<Value> = stack.get("/v1/auth/me", &first).await.body["permissions"].as_array().unwrap().clone();
    let deputies = stack.create("/v1/roles", &first, json!({"name": "deputy", "permissions": all})).await.text("uid");
    let (_, deputy) = stack.hire(&first, "deputy@example.com", &deputies).await;
    let (second, _) = stack.hire(&first, "second@example.com", &admins).await;
    let paths = [me(&stack, &first).await, second].map(|uid| format!("/v1/users/{uid}"));
    for round in 0..10 {
        let away = if round % 2 == 0 { json!({"role_id": analysts}) } else { json!({"disabled": true}) };
        let take = |path: &String| answer(stack.request(Method::PATCH, path).bearer_auth(&deputy).json(&away));
        let mut both = join_all(paths.iter().map(take)).await.iter().map(Answer::summary).collect::<Vec<_>>();
        both.sort_unstable();
        assert_eq!(both, ["200 : ", LAST], "round {round}");
        for path in &paths {
            let back = json!({"role_id": admins, "disabled": false});
            assert_eq!(stack.patch(path, &deputy, back).await.status, 200);
        }
    }
}
