//! What is not exactly a token of ours is refused, whatever was done to it.

use std::net::TcpListener;

use actix_web::{App, HttpResponse, HttpServer, web};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use dallosh_contracts::Permission;
use dallosh_primitives::Uid;
use dallosh_service_kit::{ErrorCode, Revocations, ServiceClient, TokenVerifier};
use dallosh_testkit::{jwks, token};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
    test_runner::{Config, TestRunner},
};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// What somebody may do to a token.
#[derive(Debug, Clone)]
enum Change {
    /// Some bits of one character.
    Bits(Index, u8),
    /// Cut off behind a character.
    Cut(Index),
    /// A character more.
    More(Index, char),
    /// Another header, with the same claims and signature.
    Header(Value),
    /// Other claims, with the same header and signature.
    Claims(&'static str, Value),
    /// Signed with the published key as if it were a secret.
    Confused(Algorithm, bool),
    /// The parts in another order.
    Order(Vec<usize>),
}

fn changes() -> impl Strategy<Value = Change> {
    let words = ["none", "None", "HS256", "HS512", "RS256", "ES256", "EdDSA", "Ed25519", ""];
    let claims = [
        ("permissions", json!(["manage_app"])),
        ("exp", json!(253_402_300_799_u64)),
        ("sub", json!(Uid::new())),
        ("aud", json!(["dallosh-api", "other"])),
        ("nbf", json!("0")),
        ("credential", json!("session")),
    ];
    prop_oneof![
        (any::<Index>(), 1_u8..128).prop_map(|(place, bits)| Change::Bits(place, bits)),
        any::<Index>().prop_map(Change::Cut),
        (any::<Index>(), any::<char>()).prop_map(|(place, more)| Change::More(place, more)),
        (select(words.to_vec()), select(vec!["at+jwt", "JWT", ""]), "[a-z/.]{0,12}", any::<bool>()).prop_map(
            |(alg, typ, kid, with_key)| {
                let mut header = json!({"alg": alg, "typ": typ, "kid": kid, "jku": "http://127.0.0.1:1/keys"});
                if with_key {
                    header["jwk"] = jwks()["keys"][0].clone();
                }
                Change::Header(header)
            }
        ),
        select(claims.to_vec()).prop_map(|(name, value)| Change::Claims(name, value)),
        (select(vec![Algorithm::HS256, Algorithm::HS384, Algorithm::HS512]), any::<bool>())
            .prop_map(|(algorithm, as_text)| Change::Confused(algorithm, as_text)),
        vec(0_usize..3, 0..5).prop_map(Change::Order),
    ]
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn read(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

impl Change {
    fn of(self, token: &str) -> String {
        let parts: Vec<_> = token.split('.').collect();
        match self {
            Self::Bits(place, bits) => {
                let mut bytes = token.as_bytes().to_vec();
                bytes[place.index(token.len())] ^= bits;
                String::from_utf8(bytes).unwrap()
            }
            Self::Cut(place) => token[..place.index(token.len())].to_owned(),
            Self::More(place, more) => {
                let mut token = token.to_owned();
                token.insert(place.index(token.len() + 1), more);
                token
            }
            Self::Header(header) => format!("{}.{}.{}", part(&header), parts[1], parts[2]),
            Self::Claims(name, value) => {
                let mut claims = read(parts[1]);
                claims[name] = value;
                format!("{}.{}.{}", parts[0], part(&claims), parts[2])
            }
            Self::Confused(algorithm, as_text) => {
                let published = jwks()["keys"][0]["x"].as_str().unwrap().to_owned();
                let bytes = URL_SAFE_NO_PAD.decode(&published).unwrap();
                let header =
                    Header { typ: Some("at+jwt".to_owned()), kid: Some("test".to_owned()), ..Header::new(algorithm) };
                let key = EncodingKey::from_secret(if as_text { published.as_bytes() } else { &bytes });
                encode(&header, &read(parts[1]), &key).unwrap()
            }
            Self::Order(order) => order.iter().map(|place| parts[*place]).collect::<Vec<_>>().join("."),
        }
    }
}

#[expect(clippy::async_yields_async, reason = "the server runs aside")]
#[test]
fn no_change_to_a_token_whatever_leaves_it_valid() {
    let runtime = Runtime::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let auth = format!("http://{}", listener.local_addr().unwrap());
    let server = runtime.block_on(async {
        let app = || {
            App::new()
                .route("/.well-known/jwks.json", web::get().to(async || HttpResponse::Ok().json(jwks())))
                .route(Revocations::PATH, web::get().to(async || HttpResponse::Ok().json(Revocations::default())))
        };
        HttpServer::new(app).workers(1).disable_signals().listen(listener).unwrap().run()
    });
    runtime.spawn(server);
    let verifier = TokenVerifier::new(ServiceClient::new(&auth).unwrap());
    let good = token(Uid::new(), [Permission::ReadTasks]);
    assert!(runtime.block_on(verifier.verify(&good)).is_ok());
    let mut runner = TestRunner::new(Config { cases: 2_000, failure_persistence: None, ..Config::default() });
    let property = |change: Change| {
        let changed = change.of(&good);
        prop_assume!(changed != good);
        let refused = runtime.block_on(verifier.verify(&changed));
        prop_assert!(refused.as_ref().is_err_and(|problem| problem.code == ErrorCode::Unauthorized), "{}", changed);
        Ok(())
    };
    runner.run(&changes(), property).unwrap();
    assert!(runtime.block_on(verifier.verify(&good)).is_ok());
}
