use std::{fs, net::TcpListener, sync::Arc, time::Duration};

use chrono::Utc;
use dallosh_contracts::Registration;
use dallosh_primitives::ManualClock;
use reqwest::Method;
use serde_json::json;
use sha1::{Digest as _, Sha1};

use crate::stack::{ADMIN, ANALYST, KNOWN, Stack, answer};

const SIGNED_OUT: &str = "401 unauthorized: sign in, and send the token as `Authorization: Bearer …` or as the cookie";

#[tokio::test]
async fn who_registers_is_an_analyst_and_can_sign_in() {
    let stack = Stack::start().await;
    let body = json!({"email": " Ann@Example.com", "password": "correct horse 🐎", "name": " Ann "});
    let registered = stack.post("/v1/auth/register", body).await;
    assert_eq!(registered.status, 201);
    assert_eq!(registered.body, json!({"email": "ann@example.com", "name": "Ann"}));
    let login = stack.login("ANN@example.com", "correct horse 🐎").await;
    assert_eq!((login.status, &login.body["must_change_password"]), (200, &json!(false)));
    assert_eq!(login.body["user"]["createdBy"], login.body["user"]["uid"]);
    let me = stack.get("/v1/auth/me", &login.text("access_token")).await;
    assert_eq!(me.body["role"]["name"], json!("analyst"));
}

#[tokio::test]
async fn registering_a_used_address_is_answered_alike_and_changes_nothing() {
    let stack = Stack::start().await;
    let new = stack.register("ann@example.com", "the first password").await;
    let used = stack.register("Ann@example.com", "another password").await;
    assert_eq!((new.status, &new.body), (used.status, &used.body));
    assert_eq!(stack.login("ann@example.com", "another password").await.status, 401);
    assert_eq!(stack.login("ann@example.com", "the first password").await.status, 200);
}

#[tokio::test]
async fn nobody_registers_where_registration_is_closed_and_who_has_an_account_signs_in() {
    let stack = Stack::start().await;
    stack.set_registration(Registration::Closed);
    let mut refused = stack.register("ann@example.com", "a good password").await;
    for number in 0.. {
        if refused.status != 201 {
            break;
        }
        assert!(number < 50, "registration was never closed");
        tokio::time::sleep(Duration::from_millis(100)).await;
        refused = stack.register(&format!("ann{number}@example.com"), "a good password").await;
    }
    let summary = "403 registration_closed: registration is closed; ask an admin for an account";
    assert_eq!(refused.summary(), summary);
    assert_eq!(stack.login(ANALYST, KNOWN).await.status, 200);
}

#[tokio::test]
async fn nobody_registers_while_it_is_not_known_whether_they_may() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let clock = ManualClock::new(Utc::now());
    let stack = Stack::start_in(folder, clock, &[("services.admin.url", &url)]).await.unwrap();
    let refused = stack.register("ann@example.com", "a good password").await;
    assert_eq!((refused.status, refused.text("code")), (503, "unavailable".to_owned()));
}

#[tokio::test]
async fn registrations_of_one_address_at_once_make_one_account() {
    let stack = Stack::start().await;
    // As many as may be tried: the one that was kept may be the last.
    let passwords: Vec<_> = (0..5).map(|number| format!("a password {number}")).collect();
    let all = passwords.iter().map(|password| stack.register("ann@example.com", password));
    let answers = futures::future::join_all(all).await;
    assert!(answers.iter().all(|answer| answer.status == 201));
    let mut open = 0;
    for password in &passwords {
        open += usize::from(stack.login("ann@example.com", password).await.status == 200);
    }
    assert_eq!(open, 1);
}

#[tokio::test]
async fn a_weak_password_and_a_wrong_field_are_named() {
    let stack = Stack::start().await;
    for (password, reason) in [
        ("sevench", "must have at least 8 characters"),
        (KNOWN, "must have at least 8 characters"),
        ("Password1", "is one of the most common ones"),
        ("ann@example.com", "must not be the e-mail address"),
        (&"x".repeat(1025), "must have at most 1024 bytes"),
    ] {
        let refused = stack.register("ann@example.com", password).await.summary();
        assert_eq!(refused, format!("422 weak_password: the password {reason}; /password {reason}"));
    }
    let wrong = json!({"email": "ann", "password": "correct horse", "name": "\u{0}"});
    assert_eq!(
        stack.post("/v1/auth/register", wrong).await.summary(),
        "422 validation: a value is not allowed; /email is no e-mail address; \
         /name must have 1 to 100 characters, none of them control characters"
    );
    let null = json!({"email": "ann@example.com", "password": "correct horse", "name": null});
    assert_eq!(stack.post("/v1/auth/register", null).await.status, 422);
}

#[tokio::test]
async fn a_password_of_the_operators_list_is_refused_like_a_common_one_wherever_one_is_set() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let mut hashes =
        ["correct horse", "a staple", "battery 12"].map(|one| hex::encode_upper(Sha1::digest(one)) + ":7\r\n");
    hashes.sort_unstable();
    let list = folder.path().join("pwned-passwords-sha1-ordered-by-hash.txt");
    fs::write(&list, hashes.concat()).unwrap();
    let clock = ManualClock::new(Utc::now());
    let list = [("auth.breached_passwords", list.to_str().unwrap())];
    let stack = Stack::start_in(folder, clock, &list).await.unwrap();
    let common = stack.register("ann@example.com", "Password1").await.refusal();
    assert_eq!(stack.register("ann@example.com", "correct horse").await.refusal(), common);
    assert_eq!(stack.register("ann@example.com", "Correct horse").await.status, 201);
    let (access, _) = stack.session(ADMIN, KNOWN).await;
    let role = stack.role(&access, "analyst").await;
    let change = json!({"password": "battery 12", "current_password": KNOWN});
    assert_eq!(stack.patch_me(&access, change).await.refusal(), common);
    let account = json!({"email": "bob@example.com", "role_id": role, "password": "a staple"});
    assert_eq!(stack.send(Method::POST, "/v1/users", &access, account).await.refusal(), common);
}

#[tokio::test]
async fn another_password_needs_the_present_one_and_ends_the_other_sessions() {
    let stack = Stack::start().await;
    let (access, refresh) = stack.session(ANALYST, KNOWN).await;
    let (other_access, other_refresh) = stack.session(ANALYST, KNOWN).await;

    let without = stack.patch_me(&access, json!({"password": "correct horse"})).await;
    assert_eq!(
        without.summary(),
        "422 validation: a value is not allowed; /current_password is needed to change the e-mail or the password"
    );
    let wrong = stack.patch_me(&access, json!({"password": "correct horse", "current_password": "x"})).await;
    assert_eq!(
        wrong.summary(),
        "422 validation: a value is not allowed; /current_password is not the present password"
    );
    let weak = stack.patch_me(&access, json!({"password": "12345678", "current_password": KNOWN})).await;
    assert_eq!(weak.text("code"), "weak_password");
    assert_eq!(stack.get("/v1/auth/me", &other_access).await.status, 200);

    let changed = stack.patch_me(&access, json!({"password": "correct horse", "current_password": KNOWN})).await;
    assert_eq!((changed.status, &changed.body["must_change_password"]), (200, &json!(false)));
    assert_eq!(stack.get("/v1/auth/me", &other_access).await.summary(), SIGNED_OUT);
    assert_eq!(stack.refresh(&other_refresh).await.summary(), SIGNED_OUT);
    assert_eq!(stack.get("/v1/auth/me", &access).await.status, 200);
    assert_eq!(stack.refresh(&refresh).await.status, 200);
    assert_eq!(stack.login(ANALYST, KNOWN).await.status, 401);
    assert_eq!(stack.login(ANALYST, "correct horse").await.status, 200);
}

#[tokio::test]
async fn another_address_must_be_free_and_needs_the_present_password() {
    let stack = Stack::start().await;
    let (access, _) = stack.session(ANALYST, KNOWN).await;
    assert_eq!(stack.patch_me(&access, json!({"email": "ann@example.com"})).await.status, 422);
    let taken = stack.patch_me(&access, json!({"email": ADMIN, "current_password": KNOWN})).await;
    assert_eq!(taken.summary(), "409 conflict: another account has this e-mail address; /email is taken");
    let changed = stack.patch_me(&access, json!({"email": "Ann@example.com", "current_password": KNOWN})).await;
    assert_eq!(changed.body["user"]["data"]["email"], json!("ann@example.com"));
    assert_eq!(stack.login("ann@example.com", KNOWN).await.status, 200);
}

#[tokio::test]
async fn a_name_is_changed_once_per_revision_that_the_client_knows() {
    let stack = Stack::start().await;
    let (access, _) = stack.session(ANALYST, KNOWN).await;
    let tag = stack.get("/v1/auth/me", &access).await.headers["etag"].clone();
    let rename = |name: &str| {
        let request = stack.request(Method::PATCH, "/v1/auth/me").bearer_auth(&access).header("if-match", tag.clone());
        answer(request.json(&json!({"name": name})))
    };
    let renamed = rename("Ann").await;
    assert_eq!((renamed.status, &renamed.body["user"]["data"]["name"]), (200, &json!("Ann")));
    assert_ne!(renamed.headers["etag"], tag);
    assert_eq!(rename("Bob").await.text("code"), "precondition_failed");
    for body in [json!({"role": "admin"}), json!({"permissions": []}), json!({"uid": "x"}), json!({"name": null})] {
        assert_eq!(stack.patch_me(&access, body).await.text("code"), "validation");
    }
    let me = stack.get("/v1/auth/me", &access).await;
    assert_eq!((&me.body["user"], &me.body["role"]["name"]), (&renamed.body["user"], &json!("analyst")));
}

#[tokio::test]
async fn no_password_and_no_refresh_token_is_stored_as_it_is() {
    let stack = Stack::start().await;
    stack.register("ann@example.com", "canary password").await;
    let (_, first) = stack.session("ann@example.com", "canary password").await;
    let second = stack.refresh(&first).await.text("refresh_token");
    let secrets = [&first, &second].map(|token| token.split_once('.').unwrap().1.to_owned());
    let mut stored = Vec::new();
    for file in fs::read_dir(stack.folder()).unwrap().map(Result::unwrap) {
        if file.file_type().unwrap().is_file() {
            stored.extend(fs::read(file.path()).unwrap());
        }
    }
    let holds = |text: &str| stored.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("ann@example.com") && holds("$argon2id$v=19$"));
    assert!(!holds("canary password"));
    assert!(secrets.iter().all(|secret| !holds(secret)));
}
