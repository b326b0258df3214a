//! An issuer of tokens on a port of its own.

use std::{
    net::TcpListener,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use actix_web::{App, HttpResponse, HttpServer, web};
use aws_lc_rs::{
    rand::{self, SystemRandom},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::Utc;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use serde_json::{Value, json};

/// What the issuer publishes.
#[derive(Default)]
struct Published {
    keys: Mutex<Vec<Value>>,
    /// Sent in place of the keys.
    instead: Mutex<Option<String>>,
    asked: AtomicUsize,
}

pub struct TestIssuer {
    pub url: String,
    published: Arc<Published>,
}

/// A key of the issuer.
pub struct Key {
    pub name: String,
    pub algorithm: Algorithm,
    pub private: EncodingKey,
}

impl Key {
    pub fn es256(name: &str) -> Self {
        let pair = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
        let private = EncodingKey::from_ec_der(pair.as_ref());
        Self { name: name.to_owned(), algorithm: Algorithm::ES256, private }
    }

    pub fn ed25519(name: &str) -> Self {
        // Behind the head of an Ed25519 key in PKCS #8.
        let mut key = [48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 112, 4, 34, 4, 32].to_vec();
        key.resize(48, 0);
        rand::fill(&mut key[16..]).unwrap();
        let private = EncodingKey::from_ed_der(&key);
        Self { name: name.to_owned(), algorithm: Algorithm::EdDSA, private }
    }

    /// Its public half, as it is published.
    pub fn public(&self) -> Value {
        let mut key = Jwk::from_encoding_key(&self.private, self.algorithm).unwrap();
        key.common.key_id = Some(self.name.clone());
        serde_json::to_value(key).unwrap()
    }

    pub fn sign(&self, claims: &Value) -> String {
        self.sign_as(&json!({}), claims)
    }

    /// With more in its header, or less by null.
    pub fn sign_as(&self, changes: &Value, claims: &Value) -> String {
        let header = json!({"typ": "JWT", "alg": self.algorithm, "kid": self.name});
        let header: Header = serde_json::from_value(changed(&header, changes)).unwrap();
        encode(&header, claims, &self.private).unwrap()
    }
}

/// The object with other values; null takes one away.
pub fn changed(value: &Value, changes: &Value) -> Value {
    let mut value = value.clone();
    for (name, change) in changes.as_object().unwrap() {
        if change.is_null() {
            value.as_object_mut().unwrap().remove(name);
        } else {
            value[name] = change.clone();
        }
    }
    value
}

/// A token without a signature.
pub fn unsigned(claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.", part(&json!({"alg": "none", "typ": "JWT", "kid": "one"})), part(claims))
}

async fn configuration(at: web::Data<String>) -> HttpResponse {
    HttpResponse::Ok().json(json!({"issuer": at.as_str(), "jwks_uri": format!("{}/keys", at.as_str())}))
}

async fn keys(published: web::Data<Published>) -> HttpResponse {
    published.asked.fetch_add(1, Ordering::Relaxed);
    match published.instead.lock().unwrap().clone() {
        Some(text) => HttpResponse::Ok().body(text),
        None => HttpResponse::Ok().json(json!({"keys": *published.keys.lock().unwrap()})),
    }
}

impl TestIssuer {
    /// With these keys, beside one of a kind that nobody knows.
    pub fn start(keys_of: &[&Key]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let published = Arc::new(Published::default());
        let (shared, at) = (web::Data::from(published.clone()), web::Data::new(url.clone()));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(shared.clone())
                .app_data(at.clone())
                .route("/.well-known/openid-configuration", web::get().to(configuration))
                .route("/keys", web::get().to(keys))
        });
        let server = server.workers(1).disable_signals().listen(listener).unwrap().run();
        tokio::spawn(server);
        let issuer = Self { url, published };
        issuer.publish(keys_of);
        issuer
    }

    pub fn publish(&self, keys: &[&Key]) {
        let mut all = vec![json!({"kty": "FUTURE", "kid": "odd", "x": "?"})];
        all.extend(keys.iter().map(|key| key.public()));
        *self.published.keys.lock().unwrap() = all;
    }

    /// Answers this in place of keys.
    pub fn answer(&self, text: &str) {
        *self.published.instead.lock().unwrap() = Some(text.to_owned());
    }

    /// How often its keys were asked for.
    pub fn asked(&self) -> usize {
        self.published.asked.load(Ordering::Relaxed)
    }

    /// What it says about a user.
    pub fn claims(&self) -> Value {
        json!({
            "iss": self.url, "aud": "dallosh", "sub": "user|1", "exp": Utc::now().timestamp() + 300,
            "email": "Eve@Example.com", "email_verified": true, "name": "Eve",
        })
    }
}
