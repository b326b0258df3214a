use chrono::TimeDelta;
use reqwest::Method;
use serde_json::json;

use crate::stack::{ADMIN, ANALYST, KNOWN, Stack, answer};

#[tokio::test]
async fn signing_in_reading_oneself_refreshing_and_signing_out_work() {
    let stack = Stack::start().await;
    let login = stack.login("Admin@Free.com ", KNOWN).await;
    assert_eq!(login.status, 200);
    assert_eq!(login.headers["cache-control"], "no-store");
    assert_eq!((login.text("token_type").as_str(), &login.body["expires_in"]), ("Bearer", &json!(600)));
    assert_eq!(login.body["must_change_password"], json!(true));
    assert_eq!(login.body["user"]["data"]["email"], json!(ADMIN));

    let me = stack.get("/v1/auth/me", &login.text("access_token")).await;
    assert_eq!(me.status, 200);
    assert_eq!(me.body["user"], login.body["user"]);
    assert_eq!(me.body["role"]["name"], json!("admin"));
    assert_eq!(me.body["permissions"].as_array().unwrap().len(), 8);

    let refreshed = stack.refresh(&login.text("refresh_token")).await;
    assert_eq!(refreshed.status, 200);
    assert_ne!(refreshed.text("refresh_token"), login.text("refresh_token"));
    let access = refreshed.text("access_token");
    assert_eq!(stack.get("/v1/auth/me", &access).await.status, 200);

    assert_eq!(stack.logout(&access).await.status, 204);
    let signed_out = "401 unauthorized: sign in, and send the token as `Authorization: Bearer …` or as the cookie";
    assert_eq!(stack.get("/v1/auth/me", &access).await.summary(), signed_out);
    assert_eq!(stack.logout(&access).await.summary(), signed_out);
    assert_eq!(stack.refresh(&refreshed.text("refresh_token")).await.summary(), signed_out);
}

#[tokio::test]
async fn an_analyst_may_do_what_the_role_allows_and_no_more() {
    let stack = Stack::start().await;
    let (access, _) = stack.session(ANALYST, KNOWN).await;
    let me = stack.get("/v1/auth/me", &access).await;
    assert_eq!(me.body["role"]["name"], json!("analyst"));
    assert_eq!(
        me.body["permissions"],
        json!(["manage_datasets", "manage_tasks", "view_overview", "read_datasets", "read_tasks"])
    );
}

#[tokio::test]
async fn a_wrong_password_is_answered_like_an_unknown_address() {
    let stack = Stack::start().await;
    let wrong = stack.login(ADMIN, "1234567").await;
    assert_eq!(wrong.summary(), "401 invalid_credentials: the e-mail or the password is wrong");
    let wrong = wrong.refusal();
    assert_eq!(stack.login("nobody@free.com", KNOWN).await.refusal(), wrong);
    assert_eq!(stack.login("", "").await.refusal(), wrong);
    assert_eq!(stack.login("' OR 1=1", &"x".repeat(2000)).await.refusal(), wrong);
}

#[tokio::test]
async fn a_refusal_is_a_problem_that_names_the_request() {
    let stack = Stack::start().await;
    let request = stack.request(Method::GET, "/v1/auth/me").header("x-request-id", "check-7");
    let refused = answer(request).await;
    assert_eq!(refused.headers["content-type"], "application/problem+json");
    assert_eq!(refused.headers["x-request-id"], "check-7");
    assert_eq!(
        refused.body,
        json!({
            "type": "/docs/errors#unauthorized", "title": "Sign in first", "status": 401, "code": "unauthorized",
            "detail": "sign in, and send the token as `Authorization: Bearer …` or as the cookie", "request_id": "check-7",
        })
    );
}

#[tokio::test]
async fn a_body_that_is_no_json_or_has_other_fields_is_refused() {
    let stack = Stack::start().await;
    let send = |path: &str, kind: &str, body: &'static str| {
        answer(stack.request(Method::POST, path).header("content-type", kind.to_owned()).body(body))
    };
    for path in ["/v1/auth/login", "/v1/auth/register", "/v1/auth/refresh"] {
        for body in ["", "{", "{'a': 1}", "NaN"] {
            assert_eq!(send(path, "application/json", body).await.status, 400, "{path} {body}");
        }
        assert_eq!(send(path, "application/xml", "<a/>").await.status, 415, "{path}");
        let unknown = send(path, "application/json", r#"{"role": "admin"}"#).await;
        assert_eq!((unknown.status, unknown.text("code").as_str()), (422, "validation"), "{path}");
    }
    let injection = send("/v1/auth/login", "application/json", r#"{"email": {"$gt": ""}, "password": "x"}"#).await;
    assert_eq!(injection.status, 422);
    let large = stack.login("ann@example.com", &"x".repeat(100_000)).await;
    assert_eq!((large.status, large.text("code").as_str()), (413, "too_large"));
}

#[test]
fn every_operation_is_documented_with_its_id_and_its_problem() {
    let document = serde_json::to_value(dallosh_auth::openapi()).unwrap();
    let operations = [
        ("/v1/auth/register", "post", "register_user"),
        ("/v1/auth/login", "post", "login_user"),
        ("/v1/auth/refresh", "post", "refresh_session"),
        ("/v1/auth/logout", "post", "logout_user"),
        ("/v1/auth/me", "get", "get_me"),
        ("/v1/auth/me", "patch", "update_me"),
        ("/.well-known/jwks.json", "get", "list_keys"),
    ];
    for (path, method, id) in operations {
        let operation = &document["paths"][path][method];
        assert_eq!((&operation["operationId"], &operation["tags"]), (&json!(id), &json!(["auth"])));
        assert!(operation["summary"].is_string() && operation["responses"]["default"].is_object(), "{id}");
    }
}

#[tokio::test]
async fn after_five_wrong_passwords_the_account_waits_at_that_address_alone() {
    let stack = Stack::start().await;
    let login = async |email: &str, password: &str, from: &str| {
        let request =
            stack.request(Method::POST, "/v1/auth/login").json(&json!({"email": email, "password": password}));
        answer(request.header("x-forwarded-for", from)).await
    };
    for _ in 0..5 {
        assert_eq!(login(ANALYST, "wrong", "203.0.113.1").await.text("code"), "invalid_credentials");
    }
    let blocked = login(&ANALYST.to_uppercase(), KNOWN, "203.0.113.1").await;
    assert_eq!((blocked.status, blocked.text("code")), (429, "rate_limited".to_owned()));
    let header = |name: &str| blocked.headers[name].to_str().unwrap().to_owned();
    assert_eq!(
        ["retry-after", "ratelimit-policy", "ratelimit"].map(header),
        ["900", "\"account\";q=5;w=900", "\"account\";r=0;t=900"]
    );
    assert_eq!(login(ADMIN, KNOWN, "203.0.113.1").await.status, 200);
    assert_eq!(login(ANALYST, KNOWN, "203.0.113.2").await.status, 200);
    stack.clock.advance(TimeDelta::minutes(15));
    assert_eq!(login(ANALYST, KNOWN, "203.0.113.1").await.status, 200);
}
