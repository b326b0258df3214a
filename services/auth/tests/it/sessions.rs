use chrono::TimeDelta;
use reqwest::{Method, header::SET_COOKIE};
use serde_json::{Value, json};

use crate::stack::{ADMIN, ANALYST, Answer, KNOWN, Stack, answer};

async fn login_as(stack: &Stack, user_agent: &str) -> Answer {
    let body = json!({"email": ANALYST, "password": KNOWN});
    let request = stack.request(Method::POST, "/v1/auth/login").header("user-agent", user_agent);
    answer(request.header("x-forwarded-for", "203.0.113.7").json(&body)).await
}

#[tokio::test]
async fn sessions_tell_where_and_when_and_which_is_the_own() {
    let stack = Stack::start().await;
    let first = login_as(&stack, "one").await;
    stack.clock.advance(TimeDelta::seconds(1));
    let second = login_as(&stack, "two").await;
    stack.clock.advance(TimeDelta::seconds(1));
    stack.refresh(&first.text("refresh_token")).await;

    let listed = stack.get("/v1/auth/sessions", &second.text("access_token")).await.body;
    let shown: Vec<_> = listed["items"].as_array().unwrap().iter().map(|item| &item["data"]).collect();
    let told = |session: &Value| [&session["user_agent"], &session["address"], &session["current"]].map(Value::clone);
    assert_eq!(told(shown[0]), [json!("two"), json!("203.0.113.7"), json!(true)]);
    assert_eq!(told(shown[1]), [json!("one"), json!("203.0.113.7"), json!(false)]);
    assert_eq!(shown[0]["last_used_at"], shown[0]["started_at"]);
    assert_ne!(shown[1]["last_used_at"], shown[1]["started_at"]);
    for login in [&first, &second] {
        let token = login.text("refresh_token");
        assert!(!listed.to_string().contains(token.split_once('.').unwrap().1));
    }
}

#[tokio::test]
async fn a_session_is_ended_by_its_owner_alone() {
    let stack = Stack::start().await;
    let (own, own_refresh) = stack.session(ANALYST, KNOWN).await;
    let (other, other_refresh) = stack.session(ANALYST, KNOWN).await;
    let (stranger, _) = stack.session(ADMIN, KNOWN).await;
    let uid = |refresh: &str| refresh.split_once('.').unwrap().0.to_owned();
    let path = format!("/v1/auth/sessions/{}", uid(&other_refresh));
    assert_eq!(stack.delete(&path, &stranger).await.summary(), "404 not_found: there is no such thing");

    assert_eq!(stack.delete(&path, &own).await.status, 204);
    assert_eq!(stack.get("/v1/auth/me", &other).await.status, 401);
    assert_eq!(stack.refresh(&other_refresh).await.status, 401);
    assert_eq!(stack.delete(&path, &own).await.status, 404);
    assert_eq!(stack.get("/v1/auth/sessions", &own).await.body["items"].as_array().unwrap().len(), 1);

    let last = stack.delete(&format!("/v1/auth/sessions/{}", uid(&own_refresh)), &own).await;
    assert_eq!((last.status, last.headers.get_all(SET_COOKIE).iter().count()), (204, 2));
    assert_eq!(stack.get("/v1/auth/me", &own).await.status, 401);
}

#[tokio::test]
async fn an_administrator_sees_a_users_sessions_and_ends_them_all() {
    let stack = Stack::start().await;
    let (admin, _) = stack.session(ADMIN, KNOWN).await;
    let (access, refresh) = stack.session(ANALYST, KNOWN).await;
    let analyst = stack.get("/v1/auth/me", &access).await.body["user"]["uid"].as_str().unwrap().to_owned();
    let path = format!("/v1/users/{analyst}/sessions");
    let listed = stack.get(&path, &admin).await.body;
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    assert_eq!(listed["items"][0]["data"]["current"], json!(false));
    assert_eq!(stack.delete(&path, &admin).await.status, 204);
    assert_eq!(stack.get(&path, &admin).await.body["items"], json!([]));
    assert_eq!(stack.get("/v1/auth/me", &access).await.status, 401);
    assert_eq!(stack.refresh(&refresh).await.status, 401);
    assert_eq!(stack.login(ANALYST, KNOWN).await.status, 200);
}

#[tokio::test]
async fn an_account_is_deleted_by_its_owner_with_the_present_password() {
    let stack = Stack::start().await;
    let (access, refresh) = stack.session(ANALYST, KNOWN).await;
    let needed = "422 validation: a value is not allowed; /current_password";
    assert_eq!(
        stack.delete("/v1/auth/me", &access).await.summary(),
        format!("{needed} is needed to delete the account")
    );
    let wrong = stack.send(Method::DELETE, "/v1/auth/me", &access, json!({"current_password": "x"})).await;
    assert_eq!(wrong.summary(), format!("{needed} is not the present password"));
    assert_eq!(stack.get("/v1/auth/me", &access).await.status, 200);

    let gone = stack.send(Method::DELETE, "/v1/auth/me", &access, json!({"current_password": KNOWN})).await;
    assert_eq!((gone.status, gone.headers.get_all(SET_COOKIE).iter().count()), (204, 2));
    assert_eq!(stack.get("/v1/auth/me", &access).await.status, 401);
    assert_eq!(stack.refresh(&refresh).await.status, 401);
    assert_eq!(stack.login(ANALYST, KNOWN).await.status, 401);
}
