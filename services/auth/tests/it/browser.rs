use chrono::TimeDelta;
use reqwest::{Method, header::SET_COOKIE};
use serde_json::json;

use crate::stack::{ADMIN, ANALYST, Answer, KNOWN, Stack, answer};

/// The cookies that an answer sets, without their values; and the values.
fn cookies(answer: &Answer) -> (Vec<String>, Vec<String>) {
    let lines = answer.headers.get_all(SET_COOKIE).iter().map(|line| line.to_str().unwrap());
    lines
        .map(|line| {
            let (name, rest) = line.split_once('=').unwrap();
            let (value, attributes) = rest.split_once(';').unwrap();
            (format!("{name}:{attributes}"), value.to_owned())
        })
        .unzip()
}

const SET: [&str; 2] = [
    "dallosh_access: HttpOnly; SameSite=Strict; Path=/; Max-Age=600",
    "dallosh_refresh: HttpOnly; SameSite=Strict; Path=/v1/auth; Max-Age=604800",
];
const CLEARED: [&str; 2] = [
    "dallosh_access: HttpOnly; SameSite=Strict; Path=/; Max-Age=0",
    "dallosh_refresh: HttpOnly; SameSite=Strict; Path=/v1/auth; Max-Age=0",
];

async fn refresh_by_cookie(stack: &Stack, token: &str) -> Answer {
    let request = stack.request(Method::POST, "/v1/auth/refresh").json(&json!({}));
    answer(request.header("cookie", format!("other=1; dallosh_refresh={token}"))).await
}

#[tokio::test]
async fn a_sign_in_gives_its_tokens_as_cookies_and_a_sign_out_takes_them_away() {
    let stack = Stack::start().await;
    let login = stack.login(ANALYST, KNOWN).await;
    let (lines, values) = cookies(&login);
    assert_eq!(lines, SET);
    assert_eq!(values, [login.text("access_token"), login.text("refresh_token")]);
    let logout = stack.logout(&values[0]).await;
    assert_eq!((logout.status, cookies(&logout)), (204, (CLEARED.map(str::to_owned).to_vec(), vec![String::new(); 2])));
}

#[tokio::test]
async fn a_browser_refreshes_with_its_cookie_alone_also_in_two_tabs_at_once() {
    let stack = Stack::start().await;
    let (_, first) = stack.session(ADMIN, KNOWN).await;
    let (one, two) = tokio::join!(refresh_by_cookie(&stack, &first), refresh_by_cookie(&stack, &first));
    assert_eq!((one.status, two.status, cookies(&one).0), (200, 200, SET.map(str::to_owned).to_vec()));
    assert_eq!(cookies(&one).1[1], cookies(&two).1[1]);
    assert_eq!(refresh_by_cookie(&stack, &cookies(&two).1[1]).await.status, 200);
}

#[tokio::test]
async fn a_browser_loses_a_refresh_token_that_is_no_good_any_more() {
    let stack = Stack::start().await;
    let (_, first) = stack.session(ADMIN, KNOWN).await;
    stack.clock.advance(TimeDelta::days(7));
    let refused = refresh_by_cookie(&stack, &first).await;
    assert_eq!(
        (refused.status, refused.text("code"), cookies(&refused).0),
        (401, "unauthorized".to_owned(), CLEARED.map(str::to_owned).to_vec())
    );
    let without = stack.post("/v1/auth/refresh", json!({})).await;
    assert_eq!((without.status, cookies(&without).0.len()), (401, 0));
}

#[tokio::test]
async fn over_tls_and_in_production_the_cookies_are_for_tls_alone() {
    let stack = Stack::start().await;
    let body = json!({"email": ANALYST, "password": KNOWN});
    let request = stack.request(Method::POST, "/v1/auth/login").json(&body);
    let over_tls = answer(request.header("x-forwarded-proto", "https")).await;
    let production = [
        ("profile", "production"),
        ("auth.admin_email", "ann@example.com"),
        ("auth.admin_password", "correct horse battery"),
    ];
    let stack = stack.restart(&production).await.unwrap();
    let in_production = stack.login("ann@example.com", "correct horse battery").await;
    for login in [over_tls, in_production] {
        assert_eq!(
            cookies(&login).0,
            [
                "__Host-dallosh_access: HttpOnly; SameSite=Strict; Secure; Path=/; Max-Age=600",
                "__Secure-dallosh_refresh: HttpOnly; SameSite=Strict; Secure; Path=/v1/auth; Max-Age=604800",
            ]
        );
    }
}

#[tokio::test]
async fn a_registration_signs_nobody_in() {
    let stack = Stack::start().await;
    let registered = stack.register("new@example.com", "correct horse battery").await;
    assert_eq!((registered.status, cookies(&registered).0.len()), (201, 0));
}
