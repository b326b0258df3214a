use std::{fs, sync::Arc};

use chrono::Utc;
use dallosh_auth::StartError;
use dallosh_primitives::{ManualClock, SystemClock};
use dallosh_store::Store;
use serde_json::json;
use sha1::{Digest as _, Sha1};
use tempfile::tempdir;

use crate::stack::{ADMIN, ANALYST, KNOWN, Stack, config};

const PRODUCTION: (&str, &str) = ("profile", "production");
const EMAIL: (&str, &str) = ("auth.admin_email", "root@example.com");
const PASSWORD: (&str, &str) = ("auth.admin_password", "correct horse");

async fn start(more: &[(&'static str, &str)]) -> Result<Stack, StartError> {
    Stack::start_in(Arc::new(tempdir().unwrap()), ManualClock::new(Utc::now()), more).await
}

/// The lines of a configuration refusal.
fn refusal(outcome: Result<Stack, StartError>) -> Vec<String> {
    match outcome {
        Err(StartError::Configuration(errors)) => errors.0,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it started"),
    }
}

#[tokio::test]
async fn a_second_start_keeps_accounts_sessions_and_the_key() {
    let stack = Stack::start().await;
    let (access, refresh) = stack.session(ANALYST, KNOWN).await;
    stack.patch_me(&access, json!({"email": "ann@example.com", "current_password": KNOWN})).await;
    let path = stack.folder().join("keys/auth-ed25519.pem");
    let key = fs::read(&path).unwrap();

    let stack = stack.restart(&[]).await.unwrap();
    assert_eq!(fs::read(&path).unwrap(), key);
    assert_eq!(stack.get("/v1/auth/me", &access).await.status, 200);
    assert_eq!(stack.refresh(&refresh).await.status, 200);
    assert_eq!(stack.login(ANALYST, KNOWN).await.status, 401);
    assert_eq!(stack.login("ann@example.com", KNOWN).await.status, 200);
}

#[tokio::test]
async fn first_starts_at_once_make_each_account_and_role_once() {
    let folder = tempdir().unwrap();
    let config = config(folder.path(), "http://127.0.0.1:1", &[]);
    let clock = Arc::new(SystemClock);
    let store = Store::open(&config.database_url, clock.clone()).await.unwrap();
    let starts = (0..4).map(|_| dallosh_auth::init(&config, &store, clock.clone()));
    for outcome in futures::future::join_all(starts).await {
        outcome.unwrap();
    }
    let stack = Stack::start_in(Arc::new(folder), ManualClock::new(Utc::now()), &[]).await.unwrap();
    for (email, role) in [(ADMIN, "admin"), (ANALYST, "analyst")] {
        let (access, _) = stack.session(email, KNOWN).await;
        assert_eq!(stack.get("/v1/auth/me", &access).await.body["role"]["name"], json!(role));
    }
}

#[tokio::test]
async fn production_does_not_start_without_a_good_first_admin() {
    let both = "; the production profile makes its first admin from auth.admin_email and auth.admin_password";
    let missing = ["auth.admin_email is missing", "auth.admin_password is missing"];
    assert_eq!(refusal(start(&[PRODUCTION]).await), missing.map(|line| format!("{line}{both}")));
    let known = [PRODUCTION, ("auth.admin_email", "Admin@free.com"), ("auth.admin_password", KNOWN)];
    let lines = [
        "auth.admin_email is the address of a development account",
        "auth.admin_password must have at least 8 characters",
    ];
    assert_eq!(refusal(start(&known).await), lines.map(|line| format!("{line}{both}")));
    let weak = [PRODUCTION, EMAIL, ("auth.admin_password", "changeme")];
    assert_eq!(refusal(start(&weak).await), [format!("auth.admin_password is one of the most common ones{both}")]);
}

#[tokio::test]
async fn a_list_of_breached_passwords_that_is_none_is_named_and_one_that_has_the_admins_password_counts() {
    let folder = tempdir().unwrap();
    let list = folder.path().join("list.txt");
    let key = ("auth.breached_passwords", list.to_str().unwrap());
    let missing = refusal(start(&[key]).await);
    assert!(missing[0].starts_with(&format!("auth.breached_passwords: {}: ", list.display())), "{missing:?}");
    fs::write(&list, "correct horse\n").unwrap();
    let wrong = refusal(start(&[key]).await);
    assert!(wrong[0].ends_with("this is no list of SHA-1 hashes, one a line in ascending order"), "{wrong:?}");
    fs::write(&list, hex::encode(Sha1::digest("correct horse"))).unwrap();
    let weak = refusal(start(&[PRODUCTION, EMAIL, PASSWORD, key]).await);
    assert!(weak[0].starts_with("auth.admin_password is one of the most common ones; "), "{weak:?}");
}

#[tokio::test]
async fn production_makes_its_admin_once_and_no_known_account() {
    let stack = start(&[PRODUCTION, EMAIL, PASSWORD]).await.unwrap();
    for email in [ADMIN, ANALYST] {
        assert_eq!(stack.login(email, KNOWN).await.status, 401);
    }
    let login = stack.login(EMAIL.1, PASSWORD.1).await;
    assert_eq!((login.status, &login.body["must_change_password"]), (200, &json!(false)));
    let me = stack.get("/v1/auth/me", &login.text("access_token")).await;
    assert_eq!(me.body["role"]["name"], json!("admin"));

    let stack = stack.restart(&[PRODUCTION]).await.unwrap();
    assert_eq!(stack.login(EMAIL.1, PASSWORD.1).await.status, 200);
}

#[tokio::test]
async fn production_closes_the_known_accounts_of_a_development_database() {
    let stack = Stack::start().await;
    let (access, refresh) = stack.session(ADMIN, KNOWN).await;
    let (analyst, _) = stack.session(ANALYST, KNOWN).await;
    stack.patch_me(&analyst, json!({"password": "correct horse", "current_password": KNOWN})).await;

    let stack = stack.restart(&[PRODUCTION, EMAIL, PASSWORD]).await.unwrap();
    assert_eq!(stack.login(ADMIN, KNOWN).await.status, 401);
    assert_eq!(stack.get("/v1/auth/me", &access).await.status, 401);
    assert_eq!(stack.refresh(&refresh).await.status, 401);
    assert_eq!(stack.login(ANALYST, "correct horse").await.status, 200);
    assert_eq!(stack.login(EMAIL.1, PASSWORD.1).await.status, 200);
}

#[tokio::test]
async fn an_address_that_others_can_reach_has_no_known_accounts_in_any_profile() {
    let open = ("listen", "0.0.0.0:5006");
    let stack = start(&[open]).await.unwrap();
    for email in [ADMIN, ANALYST] {
        assert_eq!(stack.login(email, KNOWN).await.status, 401);
    }
    let stack = stack.restart(&[open, EMAIL, PASSWORD]).await.unwrap();
    assert_eq!(stack.login(EMAIL.1, PASSWORD.1).await.status, 200);

    let stack = Stack::start().await;
    stack.session(ADMIN, KNOWN).await;
    let stack = stack.restart(&[open]).await.unwrap();
    assert_eq!(stack.login(ADMIN, KNOWN).await.status, 401);
}

#[tokio::test]
async fn production_does_not_turn_somebody_elses_account_into_an_admin() {
    let stack = Stack::start().await;
    stack.register(EMAIL.1, "somebody else's").await;
    let lines = refusal(stack.restart(&[PRODUCTION, EMAIL, PASSWORD]).await);
    assert!(lines[0].starts_with("auth.admin_email: "), "{lines:?}");
}
