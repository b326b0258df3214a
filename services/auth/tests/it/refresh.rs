use chrono::TimeDelta;
use dallosh_primitives::Uid;
use futures::future::join_all;
use serde_json::json;

use crate::stack::{ADMIN, ANALYST, KNOWN, Stack};

const SIGNED_OUT: &str = "401 unauthorized: sign in, and send the token as `Authorization: Bearer …` or as the cookie";

#[tokio::test]
async fn a_replaced_token_gets_the_same_successor_for_ten_seconds() {
    let stack = Stack::start().await;
    let (_, first) = stack.session(ADMIN, KNOWN).await;
    let second = stack.refresh(&first).await.text("refresh_token");
    stack.clock.advance(TimeDelta::seconds(10));
    assert_eq!(stack.refresh(&first).await.text("refresh_token"), second);
    assert_eq!(stack.refresh(&second).await.status, 200);
}

#[tokio::test]
async fn a_replaced_token_that_is_used_later_ends_the_session_for_everybody() {
    let stack = Stack::start().await;
    let (_, first) = stack.session(ADMIN, KNOWN).await;
    let (_, other_session) = stack.session(ADMIN, KNOWN).await;
    let second = stack.refresh(&first).await;
    stack.clock.advance(TimeDelta::seconds(11));
    assert_eq!(stack.refresh(&first).await.summary(), SIGNED_OUT);
    assert_eq!(stack.refresh(&second.text("refresh_token")).await.summary(), SIGNED_OUT);
    assert_eq!(stack.get("/v1/auth/me", &second.text("access_token")).await.summary(), SIGNED_OUT);
    assert_eq!(stack.refresh(&other_session).await.status, 200);
}

#[tokio::test]
async fn a_token_from_two_replacements_ago_ends_the_session_at_once() {
    let stack = Stack::start().await;
    let (_, first) = stack.session(ADMIN, KNOWN).await;
    let second = stack.refresh(&first).await.text("refresh_token");
    let third = stack.refresh(&second).await.text("refresh_token");
    assert_eq!(stack.refresh(&first).await.summary(), SIGNED_OUT);
    assert_eq!(stack.refresh(&third).await.summary(), SIGNED_OUT);
}

#[tokio::test]
async fn refreshes_at_the_same_moment_get_the_same_successor() {
    let stack = Stack::start().await;
    let (_, first) = stack.session(ADMIN, KNOWN).await;
    let answers = join_all((0..8).map(|_| stack.refresh(&first))).await;
    let successors: Vec<_> = answers.iter().map(|answer| answer.text("refresh_token")).collect();
    assert!(successors.iter().all(|token| *token == successors[0] && *token != first), "{successors:?}");
    assert_eq!(stack.refresh(&successors[0]).await.status, 200);
}

#[tokio::test]
async fn a_session_ends_after_seven_days_without_a_refresh() {
    let stack = Stack::start().await;
    let (_, used) = stack.session(ADMIN, KNOWN).await;
    let (_, idle) = stack.session(ADMIN, KNOWN).await;
    stack.clock.advance(TimeDelta::days(6));
    let used = stack.refresh(&used).await.text("refresh_token");
    stack.clock.advance(TimeDelta::days(1));
    assert_eq!(stack.refresh(&idle).await.summary(), SIGNED_OUT);
    assert_eq!(stack.refresh(&used).await.status, 200);
}

#[tokio::test]
async fn a_session_ends_after_thirty_days_even_when_it_is_used() {
    let stack = Stack::start().await;
    let (_, mut token) = stack.session(ADMIN, KNOWN).await;
    for _ in 0..5 {
        stack.clock.advance(TimeDelta::days(5));
        token = stack.refresh(&token).await.text("refresh_token");
    }
    stack.clock.advance(TimeDelta::days(5));
    assert_eq!(stack.refresh(&token).await.summary(), SIGNED_OUT);
}

#[tokio::test]
async fn what_is_no_refresh_token_is_refused_and_harms_no_session() {
    let stack = Stack::start().await;
    let (access, token) = stack.session(ANALYST, KNOWN).await;
    let secret = token.split_once('.').unwrap().1;
    let unknown = format!("{}.{secret}", Uid::new());
    for other in ["", "x", &access, &unknown, &token[..token.len() - 1]] {
        assert_eq!(stack.refresh(other).await.summary(), SIGNED_OUT, "{other}");
    }
    assert_eq!(stack.post("/v1/auth/refresh", json!({})).await.summary(), SIGNED_OUT);
    assert_eq!(
        stack.get("/v1/auth/me", &token).await.summary(),
        "401 unauthorized: sign in, and send the token as `Authorization: Bearer …` or as the cookie"
    );
    assert_eq!(stack.refresh(&token).await.status, 200);
}
