use chrono::{DateTime, TimeDelta, Utc};
use dallosh_contracts::Permission;
use dallosh_primitives::{Clock as _, Uid};
use dallosh_service_kit::{Caller, Credential, ServiceClient, TokenVerifier};
use reqwest::Method;
use serde_json::{Value, json};

use crate::stack::{ADMIN, ANALYST, Answer, KNOWN, Stack, answer};

const SIGNED_OUT: &str = "401 unauthorized: sign in, and send the token as `Authorization: Bearer …` or as the cookie";

async fn make(stack: &Stack, access: &str, body: Value) -> Answer {
    answer(stack.request(Method::POST, "/v1/auth/tokens").bearer_auth(access).json(&body)).await
}

async fn delete(stack: &Stack, access: &str, uid: &str) -> Answer {
    answer(stack.request(Method::DELETE, &format!("/v1/auth/tokens/{uid}")).bearer_auth(access)).await
}

async fn exchange(stack: &Stack, token: &str) -> Answer {
    stack.post("/internal/tokens/exchange", json!({"token": token})).await
}

/// Who a service takes the bearer of an API token for.
async fn caller(stack: &Stack, token: &str) -> Caller {
    let access = exchange(stack, token).await.text("access_token");
    let verifier = TokenVerifier::new(ServiceClient::new(&stack.base).unwrap());
    Caller::of(&verifier, access).await.unwrap()
}

#[tokio::test]
async fn a_token_is_shown_once_and_listed_by_its_last_characters() {
    let stack = Stack::start().await;
    let (access, _) = stack.session(ANALYST, KNOWN).await;
    let body = json!({"name": " nightly ", "permissions": ["read_tasks", "read_datasets"]});
    let made = make(&stack, &access, body).await;
    assert_eq!((made.status, &made.headers["cache-control"]), (201, &"no-store".parse().unwrap()));
    let token = made.text("token");
    assert!(token.starts_with("dls_") && token.len() == 47, "{token}");
    let expected = json!({
        "name": "nightly", "permissions": ["read_datasets", "read_tasks"], "last4": token[43..], "expires_at": null,
        "last_used_at": null,
    });
    assert_eq!(made.body["data"], expected);
    let listed = stack.get("/v1/auth/tokens", &access).await;
    assert_eq!(listed.body["items"][0]["uid"], made.body["uid"]);
    assert_eq!(listed.body["items"][0]["data"], expected);
    assert!(!listed.body.to_string().contains(&token));
    let (stranger, _) = stack.session(ADMIN, KNOWN).await;
    assert_eq!(stack.get("/v1/auth/tokens", &stranger).await.body["items"], json!([]));
}

#[tokio::test]
async fn a_token_is_exchanged_for_its_user_and_its_own_permissions() {
    let stack = Stack::start().await;
    let (access, _) = stack.session(ANALYST, KNOWN).await;
    let me = stack.get("/v1/auth/me", &access).await;
    let made = make(&stack, &access, json!({"name": "ci", "permissions": ["read_tasks"]})).await;
    let caller = caller(&stack, &made.text("token")).await;
    assert_eq!(json!(caller.user), me.body["user"]["uid"]);
    assert_eq!((json!(caller.session), caller.credential), (made.body["uid"].clone(), Credential::ApiToken));
    assert_eq!(caller.permissions(), &[Permission::ReadTasks].into());
}

#[tokio::test]
async fn a_token_can_make_no_token_and_reach_no_account() {
    let stack = Stack::start().await;
    let (access, _) = stack.session(ADMIN, KNOWN).await;
    let made = make(&stack, &access, json!({"name": "ci", "permissions": Permission::ALL})).await;
    let own = exchange(&stack, &made.text("token")).await.text("access_token");
    let refused = "403 forbidden: an API token can't do this; sign in for it";
    for body in [json!({"name": "more", "permissions": ["read_tasks"]}), json!({"name": "more"})] {
        assert_eq!(make(&stack, &own, body).await.summary(), refused);
    }
    assert_eq!(stack.get("/v1/auth/tokens", &own).await.summary(), refused);
    assert_eq!(delete(&stack, &own, &made.text("uid")).await.summary(), refused);
    assert_eq!(stack.get("/v1/auth/me", &own).await.summary(), refused);
    assert_eq!(stack.patch_me(&own, json!({"name": "robot"})).await.summary(), refused);
    assert_eq!(stack.logout(&own).await.summary(), refused);
    assert_eq!(exchange(&stack, &own).await.summary(), SIGNED_OUT);
}

#[tokio::test]
async fn a_token_reads_users_at_most() {
    let stack = Stack::start().await;
    let (access, _) = stack.session(ADMIN, KNOWN).await;
    let me = stack.get("/v1/auth/me", &access).await.body;
    let made = make(&stack, &access, json!({"name": "ci", "permissions": Permission::ALL})).await;
    let own = exchange(&stack, &made.text("token")).await.text("access_token");
    assert_eq!(stack.get("/v1/users", &own).await.status, 200);
    for (path, body) in [
        ("/v1/users", json!({"email": "robot@example.com", "role_id": me["role"]["uid"]})),
        ("/v1/roles", json!({"name": "robots", "permissions": ["read_tasks"]})),
    ] {
        let refused = answer(stack.request(Method::POST, path).bearer_auth(&own).json(&body)).await;
        assert_eq!(refused.summary(), "403 forbidden: an API token can't do this; sign in for it", "{path}");
    }
}

#[tokio::test]
async fn nobody_gives_a_token_more_than_they_have_and_wrong_fields_are_named() {
    let stack = Stack::start().await;
    let (access, _) = stack.session(ANALYST, KNOWN).await;
    let past = stack.clock.now();
    for (body, problem) in [
        (
            json!({"name": "ci", "permissions": ["manage_users", "read_tasks"]}),
            "/permissions must be among those that you have yourself",
        ),
        (json!({"name": "ci", "permissions": []}), "/permissions must name at least one"),
        (json!({"name": "ci", "permissions": ["read_tasks"], "expires_at": past}), "/expires_at must be in the future"),
        (
            json!({"name": " ", "permissions": ["read_tasks"]}),
            "/name must have 1 to 100 characters, none of them control characters",
        ),
    ] {
        let refused = make(&stack, &access, body).await.summary();
        assert_eq!(refused, format!("422 validation: a value is not allowed; {problem}"));
    }
    for body in [
        json!({"name": "ci", "permissions": ["fly"]}),
        json!({"name": "ci"}),
        json!({"name": "ci", "permissions": ["read_tasks"], "user_id": Uid::new()}),
    ] {
        let refused = make(&stack, &access, body).await;
        assert_eq!((refused.status, refused.text("code")), (422, "validation".to_owned()));
    }
    assert_eq!(stack.get("/v1/auth/tokens", &access).await.body["items"], json!([]));
}

#[tokio::test]
async fn a_deleted_token_opens_nothing_and_a_stranger_can_not_delete_it() {
    let stack = Stack::start().await;
    let (access, _) = stack.session(ANALYST, KNOWN).await;
    let (stranger, _) = stack.session(ADMIN, KNOWN).await;
    let made = make(&stack, &access, json!({"name": "ci", "permissions": ["read_tasks"]})).await;
    let (token, uid) = (made.text("token"), made.text("uid"));
    let absent = "404 not_found: there is no such API token";
    assert_eq!(delete(&stack, &stranger, &uid).await.summary(), absent);
    assert_eq!(exchange(&stack, &token).await.status, 200);
    assert_eq!(delete(&stack, &access, &uid).await.status, 204);
    assert_eq!(exchange(&stack, &token).await.summary(), SIGNED_OUT);
    assert_eq!(delete(&stack, &access, &uid).await.summary(), absent);
}

#[tokio::test]
async fn a_token_ends_when_it_says_and_gives_nothing_that_lasts_longer() {
    let stack = Stack::start().await;
    let (access, _) = stack.session(ANALYST, KNOWN).await;
    let end = stack.clock.now() + TimeDelta::seconds(90);
    let made = make(&stack, &access, json!({"name": "ci", "permissions": ["read_tasks"], "expires_at": end})).await;
    let token = made.text("token");
    assert_eq!(exchange(&stack, &token).await.body["expires_in"], json!(90));
    stack.clock.advance(TimeDelta::seconds(89));
    assert_eq!(exchange(&stack, &token).await.body["expires_in"], json!(1));
    stack.clock.advance(TimeDelta::seconds(1));
    assert_eq!(exchange(&stack, &token).await.summary(), SIGNED_OUT);
    let unlimited = make(&stack, &access, json!({"name": "ci", "permissions": ["read_tasks"]})).await;
    assert_eq!(exchange(&stack, &unlimited.text("token")).await.body["expires_in"], json!(600));
}

#[tokio::test]
async fn the_last_use_is_written_down_within_a_minute() {
    let stack = Stack::start().await;
    let (access, _) = stack.session(ANALYST, KNOWN).await;
    let token = make(&stack, &access, json!({"name": "ci", "permissions": ["read_tasks"]})).await.text("token");
    let began = stack.clock.now();
    let last_use = async || {
        let listed = stack.get("/v1/auth/tokens", &access).await;
        serde_json::from_value::<Option<DateTime<Utc>>>(listed.body["items"][0]["data"]["last_used_at"].clone())
            .unwrap()
    };
    assert_eq!(last_use().await, None);
    exchange(&stack, &token).await;
    assert_eq!(last_use().await, Some(began));
    stack.clock.advance(TimeDelta::seconds(59));
    exchange(&stack, &token).await;
    assert_eq!(last_use().await, Some(began));
    stack.clock.advance(TimeDelta::seconds(1));
    exchange(&stack, &token).await;
    assert_eq!(last_use().await, Some(began + TimeDelta::minutes(1)));
}

#[tokio::test]
async fn a_user_has_fifty_tokens_at_most() {
    let stack = Stack::start().await;
    let (access, _) = stack.session(ANALYST, KNOWN).await;
    let body = json!({"name": "ci", "permissions": ["read_tasks"]});
    for _ in 0..50 {
        assert_eq!(make(&stack, &access, body.clone()).await.status, 201);
    }
    let refused = make(&stack, &access, body).await.summary();
    assert!(refused.ends_with("you have 50 API tokens, the most there can be; delete one first"), "{refused}");
}

#[tokio::test]
async fn what_is_no_token_is_refused_like_an_unknown_one() {
    let stack = Stack::start().await;
    let unknown = format!("dls_{}", "A".repeat(43));
    for token in [&*unknown, "", "dls_", "x.y.z", &"x".repeat(10_000)] {
        assert_eq!(exchange(&stack, token).await.summary(), SIGNED_OUT, "{token}");
    }
}
