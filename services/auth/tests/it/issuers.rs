use std::{sync::Arc, time::Duration};

use chrono::Utc;
use dallosh_primitives::{Clock as _, ManualClock};
use dallosh_service_kit::{Caller, Credential, ServiceClient, TokenVerifier};
use jsonwebtoken::{EncodingKey, Header};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    issuer::{Key, TestIssuer, changed, unsigned},
    stack::{ANALYST, Answer, KNOWN, Stack, answer},
};

const SIGNED_OUT: &str = "401 unauthorized: sign in, and send the token as `Authorization: Bearer …` or as the cookie";

/// The service, believing `issuer`.
async fn stack(issuer: &str, more: &str) -> Stack {
    let issuers = format!(r#"{{ issuer = "{issuer}", audience = "dallosh", {more} }}"#);
    let clock = ManualClock::new(Utc::now());
    Stack::start_in(Arc::new(tempfile::tempdir().unwrap()), clock, &[("auth.issuers", &issuers)]).await.unwrap()
}

const ANALYSTS: &str = r#"default_role = "analyst""#;

async fn exchange(stack: &Stack, token: &str) -> Answer {
    stack.post("/internal/tokens/exchange", json!({"token": token})).await
}

async fn me(stack: &Stack, token: &str) -> Value {
    let access = exchange(stack, token).await.text("access_token");
    stack.get("/v1/auth/me", &access).await.body
}

#[tokio::test]
async fn who_an_issuer_vouches_for_is_one_user_here_with_the_default_role() {
    let key = Key::es256("one");
    let issuer = TestIssuer::start(&[&key]);
    let stack = stack(&issuer.url, ANALYSTS).await;
    let first = me(&stack, &key.sign(&issuer.claims())).await;
    assert_eq!(first["user"]["data"]["email"], "eve@example.com");
    assert_eq!((&first["user"]["data"]["name"], &first["role"]["name"]), (&json!("Eve"), &json!("analyst")));
    assert_eq!(first["user"]["createdBy"], json!(issuer.url));
    let later = changed(&issuer.claims(), &json!({"email": "new@example.com", "name": "Eve Lee"}));
    assert_eq!(me(&stack, &key.sign(&later)).await["user"], first["user"]);
    let other = me(&stack, &key.sign(&changed(&issuer.claims(), &json!({"sub": "user|2"})))).await;
    assert_ne!(other["user"]["uid"], first["user"]["uid"]);
}

#[tokio::test]
async fn a_service_sees_an_access_token_of_ours_that_ends_with_the_issuers() {
    let key = Key::ed25519("one");
    let issuer = TestIssuer::start(&[&key]);
    let stack = stack(&issuer.url, ANALYSTS).await;
    let end = stack.clock.now().timestamp() + 300;
    let given = exchange(&stack, &key.sign(&changed(&issuer.claims(), &json!({"exp": end})))).await;
    assert!((299..=300).contains(&given.body["expires_in"].as_i64().unwrap()), "{given:?}");
    let verifier = TokenVerifier::new(ServiceClient::new(&stack.base).unwrap());
    let caller = Caller::of(&verifier, given.text("access_token")).await.unwrap();
    assert_eq!(caller.credential, Credential::Issuer);
}

#[tokio::test]
async fn first_tokens_at_once_make_one_user() {
    let key = Key::es256("one");
    let issuer = TestIssuer::start(&[&key]);
    let stack = stack(&issuer.url, ANALYSTS).await;
    let token = key.sign(&issuer.claims());
    let answers = futures::future::join_all((0..6).map(|_| me(&stack, &token))).await;
    assert!(answers.iter().all(|answer| answer["user"]["uid"].is_string() && *answer == answers[0]), "{answers:?}");
}

#[tokio::test]
async fn a_token_that_is_not_exactly_the_issuers_gets_one_and_the_same_refusal() {
    let (key, stranger) = (Key::es256("one"), Key::es256("one"));
    let issuer = TestIssuer::start(&[&key]);
    let stack = stack(&issuer.url, ANALYSTS).await;
    let claims = issuer.claims();
    assert_eq!(exchange(&stack, &key.sign(&claims)).await.status, 200);
    let with = |changes: Value| key.sign(&changed(&claims, &changes));
    let confused = {
        let mut header = Header::new(jsonwebtoken::Algorithm::HS256);
        header.kid = Some("one".to_owned());
        let public = key.public().to_string();
        jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(public.as_bytes())).unwrap()
    };
    let now = Utc::now().timestamp();
    let good = key.sign(&claims);
    for (name, token) in [
        ("alg none", unsigned(&claims)),
        ("HS256 with the public key", confused),
        ("another's signature", stranger.sign(&claims)),
        ("no key id", key.sign_as(&json!({"kid": null}), &claims)),
        ("unknown key id", key.sign_as(&json!({"kid": "two"}), &claims)),
        ("a key of an unknown kind", key.sign_as(&json!({"kid": "odd"}), &claims)),
        (
            "a key in the header",
            stranger.sign_as(&json!({"kid": "two", "jku": issuer.url, "jwk": stranger.public()}), &claims),
        ),
        ("a critical extension", key.sign_as(&json!({"crit": ["x"]}), &claims)),
        ("another audience", with(json!({"aud": "other"}))),
        ("no audience", with(json!({"aud": null}))),
        ("another issuer", with(json!({"iss": "https://other.example"}))),
        ("the issuer with a slash", with(json!({"iss": format!("{}/", issuer.url)}))),
        ("expired", with(json!({"exp": now - 6}))),
        ("no end", with(json!({"exp": null}))),
        ("not valid yet", with(json!({"nbf": now + 60}))),
        ("nobody", with(json!({"sub": null}))),
        ("an empty subject", with(json!({"sub": ""}))),
        ("truncated", good[..good.len() - 4].to_owned()),
        ("too long", with(json!({"more": "x".repeat(20_000)}))),
    ] {
        assert_eq!(exchange(&stack, &token).await.summary(), SIGNED_OUT, "{name}");
    }
    assert_eq!(exchange(&stack, &with(json!({"aud": ["other", "dallosh"]}))).await.status, 200);
}

#[tokio::test]
async fn a_new_key_of_the_issuer_is_found_and_unknown_ones_do_not_make_us_ask_for_ever() {
    let (old, new) = (Key::es256("old"), Key::ed25519("new"));
    let issuer = TestIssuer::start(&[&old]);
    let stack = stack(&issuer.url, ANALYSTS).await;
    assert_eq!(exchange(&stack, &old.sign(&issuer.claims())).await.status, 200);
    assert_eq!(issuer.asked(), 1);
    for number in 0..50 {
        let token = old.sign_as(&json!({"kid": format!("unknown {number}")}), &issuer.claims());
        assert_eq!(exchange(&stack, &token).await.status, 401);
    }
    assert!(issuer.asked() <= 3, "it was asked {} times", issuer.asked());
    issuer.publish(&[&new]);
    let found = async {
        while exchange(&stack, &new.sign(&issuer.claims())).await.status != 200 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), found).await.expect("the new key is found");
    assert_eq!(exchange(&stack, &old.sign(&issuer.claims())).await.summary(), SIGNED_OUT);
}

#[tokio::test]
async fn an_issuer_without_usable_keys_is_503_and_is_not_asked_for_every_token() {
    let key = Key::es256("one");
    for instead in ["", "{", "[]", r#"{"keys": 1}"#, &format!(r#"{{"keys": [], "more": "{}"}}"#, "x".repeat(300 << 10))]
    {
        let issuer = TestIssuer::start(&[&key]);
        issuer.answer(instead);
        let stack = stack(&issuer.url, ANALYSTS).await;
        for _ in 0..5 {
            let refused = exchange(&stack, &key.sign(&issuer.claims())).await;
            assert_eq!((refused.status, refused.text("code")), (503, "unavailable".to_owned()));
        }
        assert!(issuer.asked() <= 2, "it was asked {} times", issuer.asked());
    }
}

#[tokio::test]
async fn a_dead_issuer_is_503_and_everybody_else_goes_on() {
    let key = Key::es256("one");
    let url = format!("http://{}", std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    let stack = stack(&url, ANALYSTS).await;
    let claims = json!({"iss": url, "aud": "dallosh", "sub": "1", "exp": Utc::now().timestamp() + 300});
    assert_eq!(exchange(&stack, &key.sign(&claims)).await.text("code"), "unavailable");
    assert_eq!(stack.login(ANALYST, KNOWN).await.status, 200);
}

#[tokio::test]
async fn an_address_that_has_an_account_or_is_not_verified_leads_into_no_account() {
    let key = Key::es256("one");
    let issuer = TestIssuer::start(&[&key]);
    let stack = stack(&issuer.url, ANALYSTS).await;
    let local = stack.session(ANALYST, KNOWN).await.0;
    let local = stack.get("/v1/auth/me", &local).await.body;
    for (sub, more) in [
        ("taken", json!({"email": ANALYST})),
        ("not verified", json!({"email": "new@example.com", "email_verified": false})),
        ("not said", json!({"email": "new@example.com", "email_verified": null})),
    ] {
        let claims = changed(&changed(&issuer.claims(), &more), &json!({"sub": sub}));
        let seen = me(&stack, &key.sign(&claims)).await;
        assert_ne!(seen["user"]["uid"], local["user"]["uid"], "{sub}");
        let uid = seen["user"]["uid"].as_str().unwrap();
        assert_eq!(seen["user"]["data"]["email"], format!("{uid}@issuer.invalid"), "{sub}");
    }
}

#[tokio::test]
async fn a_user_of_an_issuer_has_no_password_and_changes_only_the_name_here() {
    let key = Key::es256("one");
    let issuer = TestIssuer::start(&[&key]);
    let stack = stack(&issuer.url, ANALYSTS).await;
    let access = exchange(&stack, &key.sign(&issuer.claims())).await.text("access_token");
    assert_eq!(stack.patch_me(&access, json!({"name": "Eve Lee"})).await.status, 200);
    for password in ["", KNOWN, "eve@example.com"] {
        let refused = stack.login("eve@example.com", password).await.summary();
        assert_eq!(refused, "401 invalid_credentials: the e-mail or the password is wrong");
        let change = json!({"password": "correct horse", "current_password": password});
        assert_eq!(stack.patch_me(&access, change).await.status, 422);
    }
    let made = stack.request(Method::POST, "/v1/auth/tokens").bearer_auth(&access);
    let made = answer(made.json(&json!({"name": "ci", "permissions": ["read_tasks"]}))).await;
    assert_eq!(exchange(&stack, &made.text("token")).await.status, 200);
}

#[tokio::test]
async fn the_role_follows_the_claim_at_each_exchange_and_without_one_nobody_comes_in() {
    let key = Key::es256("one");
    let issuer = TestIssuer::start(&[&key]);
    let roles =
        r#"role_claim = "realm.groups", roles = { "the boss" = "admin", staff = "analyst", odd = "no such role" }"#;
    let stack = stack(&issuer.url, roles).await;
    let of = |groups: Value| key.sign(&changed(&issuer.claims(), &json!({"realm": {"groups": groups}})));
    assert_eq!(me(&stack, &of(json!(["guests", "staff", "the boss"]))).await["role"]["name"], "analyst");
    assert_eq!(me(&stack, &of(json!("the boss"))).await["role"]["name"], "admin");
    assert_eq!(me(&stack, &of(json!(["staff"]))).await["role"]["name"], "analyst");
    for groups in [json!([]), json!(["guests"]), json!("odd"), json!({"staff": true})] {
        let refused = exchange(&stack, &of(groups)).await;
        assert_eq!(refused.summary(), "403 forbidden: your sign-in gives you no role here; ask an administrator");
    }
    let named = changed(&issuer.claims(), &json!({"realm.groups": ["the boss"], "sub": "user|2"}));
    assert_eq!(me(&stack, &key.sign(&named)).await["role"]["name"], "admin");
}
