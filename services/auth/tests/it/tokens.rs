use std::{fs, net::TcpListener, sync::Arc};

use actix_web::{HttpResponse, web};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{TimeDelta, Utc};
use dallosh_auth::Operator;
use dallosh_contracts::Permission;
use dallosh_service_kit::{Caller, Problem, Revision, Routes, Scope, Service, ServiceClient, TokenVerifier};
use dallosh_store::Store;
use ed25519_dalek::{
    SigningKey,
    pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _},
};
use jsonwebtoken::{
    EncodingKey, Header, encode,
    jwk::{JwkSet, KeyAlgorithm, ThumbprintHash},
};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::stack::{ADMIN, ANALYST, KNOWN, Stack, answer, config, serve};

/// A token in its three parts, and the key that signs it.
struct Forge {
    header: Value,
    claims: Value,
    key: SigningKey,
}

impl Forge {
    async fn new(stack: &Stack) -> Self {
        let (access, _) = stack.session(ADMIN, KNOWN).await;
        let mut parts = access
            .split('.')
            .take(2)
            .map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap());
        let (header, claims) = (parts.next().unwrap(), parts.next().unwrap());
        let pem = fs::read_to_string(stack.folder().join("keys/auth-ed25519.pem")).unwrap();
        Self { header, claims, key: SigningKey::from_pkcs8_pem(&pem).unwrap() }
    }

    /// The token with these claims instead.
    fn claiming(&self, changes: Value) -> String {
        self.signed(&self.header, &changed(&self.claims, changes))
    }

    /// The token with this in its header instead.
    fn headed(&self, changes: Value) -> String {
        self.signed(&changed(&self.header, changes), &self.claims)
    }

    fn signed(&self, header: &Value, claims: &Value) -> String {
        let header: Header = serde_json::from_value(header.clone()).unwrap();
        encode(&header, claims, &EncodingKey::from_ed_der(self.key.to_pkcs8_der().unwrap().as_bytes())).unwrap()
    }

    /// The token without this claim.
    fn lacking(&self, claim: &str) -> String {
        let mut claims = self.claims.clone();
        claims.as_object_mut().unwrap().remove(claim).unwrap();
        self.signed(&self.header, &claims)
    }

    /// The token signed with a key that it brings along, under the name of ours.
    fn bringing_its_key(&self) -> String {
        let key = SigningKey::from_bytes(&[7; 32]);
        let public = URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes());
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "x": public});
        let header = changed(&self.header, json!({"jwk": jwk}));
        Self { header: header.clone(), claims: self.claims.clone(), key }.signed(&header, &self.claims)
    }

    fn unsigned(&self, algorithm: &str) -> String {
        let header = changed(&self.header, json!({"alg": algorithm}));
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.", part(&header), part(&self.claims))
    }

    fn signed_with_public_key(&self) -> String {
        let header: Header = serde_json::from_value(changed(&self.header, json!({"alg": "HS256"}))).unwrap();
        encode(&header, &self.claims, &EncodingKey::from_secret(self.key.verifying_key().as_bytes())).unwrap()
    }
}

fn changed(value: &Value, changes: Value) -> Value {
    let mut value = value.clone();
    for (name, change) in changes.as_object().unwrap() {
        value[name] = change.clone();
    }
    value
}

#[tokio::test]
async fn a_token_that_is_not_exactly_ours_gets_one_and_the_same_refusal() {
    let stack = Stack::start().await;
    let forge = Forge::new(&stack).await;
    let now = Utc::now().timestamp();
    let good = forge.claiming(json!({}));
    assert_eq!(stack.get("/v1/auth/me", &good).await.status, 200);

    let flipped = {
        let (head, signature) = good.rsplit_once('.').unwrap();
        let other = if signature.starts_with('A') { "B" } else { "A" };
        format!("{head}.{other}{}", &signature[1..])
    };
    let promoted = {
        let parts: Vec<_> = good.split('.').collect();
        let claims = changed(&forge.claims, json!({"sub": dallosh_primitives::Uid::new()}));
        format!("{}.{}.{}", parts[0], URL_SAFE_NO_PAD.encode(claims.to_string()), parts[2])
    };
    let cases = [
        ("alg none", forge.unsigned("none")),
        ("no signature", forge.unsigned("EdDSA")),
        ("HS256 with the public key", forge.signed_with_public_key()),
        ("signature", flipped),
        ("claims", promoted),
        ("other typ", forge.headed(json!({"typ": "JWT"}))),
        ("unknown key", forge.headed(json!({"kid": "other"}))),
        ("key in the header", forge.headed(json!({"kid": "other", "jku": "http://127.0.0.1:1/"}))),
        ("its own key in the header", forge.bringing_its_key()),
        ("expired", forge.claiming(json!({"exp": now - 6}))),
        ("not valid yet", forge.claiming(json!({"nbf": now + 60}))),
        ("exp as text", forge.claiming(json!({"exp": "never"}))),
        ("audience", forge.claiming(json!({"aud": "other"}))),
        ("issuer", forge.claiming(json!({"iss": "other"}))),
        ("no expiry", forge.lacking("exp")),
        ("no audience", forge.lacking("aud")),
        ("no issuer", forge.lacking("iss")),
        ("no user", forge.lacking("sub")),
        ("a refresh token", stack.session(ADMIN, KNOWN).await.1),
        ("two tokens", format!("{good} {good}")),
        ("no base64", good.replacen('.', ".!", 1)),
        ("truncated", good[..good.len() - 5].to_owned()),
        ("no token", "x".to_owned()),
        ("long", "x".repeat(10_000)),
    ];
    let refusal = stack.get("/v1/auth/me", "x.y.z").await.refusal();
    assert_eq!(
        (refusal.0, &refusal.1["detail"]),
        (401, &json!("sign in, and send the token as `Authorization: Bearer …` or as the cookie"))
    );
    for (name, token) in cases {
        assert_eq!(stack.get("/v1/auth/me", &token).await.refusal(), refusal, "{name}");
    }
}

#[tokio::test]
async fn a_token_says_who_in_which_session_may_do_what_for_ten_minutes() {
    let stack = Stack::start().await;
    let forge = Forge::new(&stack).await;
    assert_eq!((&forge.header["alg"], &forge.header["typ"]), (&json!("EdDSA"), &json!("at+jwt")));
    let claims = &forge.claims;
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!("dallosh"), &json!("dallosh-api")));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 600);
    assert_eq!(claims["permissions"].as_array().unwrap().len(), 8);

    stack.clock.advance(TimeDelta::seconds(-606));
    let (past, _) = stack.session(ADMIN, KNOWN).await;
    assert_eq!(
        stack.get("/v1/auth/me", &past).await.summary(),
        "401 unauthorized: sign in, and send the token as `Authorization: Bearer …` or as the cookie"
    );
}

#[tokio::test]
async fn the_published_key_is_named_by_its_thumbprint_and_holds_nothing_private() {
    let stack = Stack::start().await;
    let forge = Forge::new(&stack).await;
    let published = stack.get("/.well-known/jwks.json", "").await;
    assert_eq!(published.body["keys"][0]["kid"], forge.header["kid"]);
    assert!(published.body["keys"][0].get("d").is_none());
    let keys: JwkSet = serde_json::from_value(published.body).unwrap();
    let thumbprint = keys.keys[0].thumbprint(ThumbprintHash::SHA256).unwrap();
    assert_eq!(keys.find(&thumbprint).unwrap().common.key_algorithm, Some(KeyAlgorithm::EdDSA));
}

/// Any other service: a route that needs a permission, and only the address of this one.
pub async fn guarded(stack: &Stack) -> String {
    async fn list_users(caller: Caller) -> Result<HttpResponse, Problem> {
        let scope = caller.require(Permission::ReadUsers)?;
        Ok(HttpResponse::Ok().json(scope == Scope::All))
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let verifier = web::Data::new(TokenVerifier::new(ServiceClient::new(&stack.base).unwrap()));
    let routes: Routes = Arc::new(move |config| {
        config.app_data(verifier.clone()).route("/guarded", web::get().to(list_users));
    });
    let service = Service::new("other", listener, routes);
    serve(service, stack.stop.clone()).await;
    base
}

#[tokio::test]
async fn another_service_knows_the_caller_by_the_published_key_and_names_a_missing_permission() {
    let stack = Stack::start().await;
    let base = guarded(&stack).await;
    let ask = |token: String| answer(stack.http.get(format!("{base}/guarded")).bearer_auth(token));
    let (admin, _) = stack.session(ADMIN, KNOWN).await;
    let (analyst, _) = stack.session(ANALYST, KNOWN).await;
    assert_eq!(ask(admin).await.body, json!(true));
    assert_eq!(ask(analyst).await.summary(), "403 forbidden: this needs the permission `read_users`");
    assert_eq!(
        ask("x".to_owned()).await.summary(),
        "401 unauthorized: sign in, and send the token as `Authorization: Bearer …` or as the cookie"
    );
}

#[tokio::test]
async fn an_operators_token_is_believed_by_other_services_and_is_no_session() {
    let stack = Stack::start().await;
    let base = guarded(&stack).await;
    let config = config(stack.folder(), &stack.base, &[]);
    let clock = Arc::new(stack.clock.clone());
    let store = Store::open(&config.database_url, clock.clone()).await.unwrap();
    let operator = Operator::open(&config, &store, clock).await.unwrap();
    let token = operator.token().unwrap();
    let request = stack.http.get(format!("{base}/guarded")).bearer_auth(token.expose_secret());
    assert_eq!(answer(request).await.body, json!(true));
    let me = stack.get("/v1/auth/me", token.expose_secret()).await;
    assert_eq!(
        me.summary(),
        "401 unauthorized: sign in, and send the token as `Authorization: Bearer …` or as the cookie"
    );
}

#[tokio::test]
async fn an_entity_tag_saves_sending_what_the_client_has() {
    let stack = Stack::start().await;
    let (access, _) = stack.session(ANALYST, KNOWN).await;
    let me = stack.get("/v1/auth/me", &access).await;
    let tag = me.headers["etag"].to_str().unwrap();
    assert_ne!(tag, Revision(1).etag());
    let again = stack.request(reqwest::Method::GET, "/v1/auth/me").bearer_auth(&access).header("if-none-match", tag);
    assert_eq!(answer(again).await.status, 304);
}

#[tokio::test]
async fn a_renamed_key_signs_no_more_and_verifies_still() {
    let stack = Stack::start().await;
    let (old, refresh) = stack.session(ANALYST, KNOWN).await;
    let keys = stack.folder().join("keys");
    fs::rename(keys.join("auth-ed25519.pem"), keys.join("auth-ed25519-old.pem")).unwrap();
    let stack = stack.restart(&[]).await.unwrap();
    assert_eq!(stack.get("/v1/auth/me", &old).await.status, 200);
    let new = stack.refresh(&refresh).await.text("access_token");
    assert_eq!(stack.get("/v1/auth/me", &new).await.status, 200);
    let published = stack.get("/.well-known/jwks.json", "").await.body["keys"].as_array().unwrap().len();
    assert_eq!(
        (published, jsonwebtoken::decode_header(&new).unwrap().kid == jsonwebtoken::decode_header(&old).unwrap().kid),
        (2, false)
    );

    fs::remove_file(keys.join("auth-ed25519-old.pem")).unwrap();
    let stack = stack.restart(&[]).await.unwrap();
    assert_eq!(stack.get("/v1/auth/me", &old).await.status, 401);
    assert_eq!(stack.get("/v1/auth/me", &new).await.status, 200);
}
