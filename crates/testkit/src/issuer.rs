use dallosh_contracts::Permission;
use dallosh_primitives::Uid;
use dallosh_service_kit::{AUDIENCE, Claims, Credential, ISSUER, Standing, TOKEN_TYPE};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, get_current_timestamp};
use serde_json::{Value, json};

/// The name of the key.
const KEY: &str = "test";
/// Its private half is 32 times 7, behind the head of an Ed25519 key in PKCS #8.
const HEAD: [u8; 16] = [48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 112, 4, 34, 4, 32];
const SEED: [u8; 32] = [7; 32];
/// Its public half.
const PUBLIC: &str = "6kpsY-KcUgq-9VB7Ey7F-ZVHdq6-vnuSQh7qaRRG0iw";

/// The keys that verify [`token`], as the auth service publishes its own at `/.well-known/jwks.json`.
pub fn jwks() -> Value {
    json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": KEY, "use": "sig", "x": PUBLIC}]})
}

/// An access token as the auth service signs it, good for ten minutes; for tests of a service without that one.
///
/// # Panics
/// When it can't be signed.
#[expect(clippy::expect_used, reason = "a test that cannot go on says so by panicking")]
pub fn token(user: Uid, permissions: impl IntoIterator<Item = Permission>) -> String {
    let now = i64::try_from(get_current_timestamp()).unwrap_or(i64::MAX);
    let claims = Claims {
        sub: user,
        iss: ISSUER.to_owned(),
        aud: AUDIENCE.to_owned(),
        iat: now,
        nbf: now,
        exp: now.saturating_add(600),
        jti: Uid::new(),
        sid: Uid::new(),
        standing: Standing { role: Uid::new(), role_revision: 1, assignment: 0 },
        credential: Credential::Session,
        permissions: permissions.into_iter().collect(),
    };
    let mut header = Header::new(Algorithm::EdDSA);
    header.typ = Some(TOKEN_TYPE.to_owned());
    header.kid = Some(KEY.to_owned());
    let key = [HEAD.as_slice(), SEED.as_slice()].concat();
    encode(&header, &claims, &EncodingKey::from_ed_der(&key)).expect("the claims can be signed")
}
