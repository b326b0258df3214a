use std::{collections::BTreeSet, pin::Pin, sync::Arc, time::Duration};

use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header, web};
use dallosh_contracts::Permission;
use dallosh_primitives::Uid;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, get_current_timestamp, jwk::JwkSet};
use moka::future::Cache;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{ErrorCode, Patience, Problem, Published, Revocations, ServiceClient, Standing, published::Ages};

/// Who issues our access tokens.
pub const ISSUER: &str = "dallosh";
/// Whom they are for.
pub const AUDIENCE: &str = "dallosh-api";
/// The `typ` of their header, so that no other token of ours passes for one.
pub const TOKEN_TYPE: &str = "at+jwt";
/// The longest token that is looked at, in bytes.
const LONGEST_TOKEN: usize = 8192;
/// The longest life that an access token can have, in seconds.
const LONGEST_LIFE: i64 = 24 * 3600;
/// How much clocks may differ, in seconds.
const LEEWAY: u64 = 5;
/// How many tokens are known by their digests, and for how long at most.
const KNOWN: u64 = 10_000;
const KNOWN_FOR: Duration = Duration::from_mins(10);
/// What an administrator decides holds within five seconds, in streams that look each second too. Who can't learn of it
/// for a minute believes nobody.
const REVOCATIONS: Ages =
    Ages { fresh: Duration::from_secs(2), meanwhile: Duration::from_secs(4), last: Duration::from_mins(1) };

/// What an access token was given for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Credential {
    /// A session of ours, which a password began.
    #[default]
    Session,
    /// An API token, by which a program acts for a user.
    ApiToken,
    /// A token of somebody else who vouches for the user.
    Issuer,
}

/// What an access token says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Claims {
    /// The user.
    pub sub: Uid,
    /// [`ISSUER`].
    pub iss: String,
    /// [`AUDIENCE`].
    pub aud: String,
    /// When it was made, seconds since 1970.
    pub iat: i64,
    /// From when it is valid.
    pub nbf: i64,
    /// When it ends.
    pub exp: i64,
    /// The token's own id.
    pub jti: Uid,
    /// The session, the API token, or what stands for the issuer.
    pub sid: Uid,
    /// Which of them.
    #[serde(default)]
    pub credential: Credential,
    /// The user's role then.
    #[serde(flatten)]
    pub standing: Standing,
    /// What the user's role, and the API token, allowed then.
    pub permissions: BTreeSet<Permission>,
}

/// Verifies access tokens offline, with the keys and the revocations that the auth service publishes.
pub struct TokenVerifier {
    auth: ServiceClient,
    keys: Published<JwkSet>,
    revocations: Published<Revocations>,
    /// The tokens whose signatures were good, by their digests: a signature costs more than all else about a short request.
    known: Cache<[u8; 32], Known>,
}

/// A token whose signature was good.
#[derive(Clone)]
struct Known {
    /// The id of the key that signed it.
    kid: Arc<str>,
    claims: Arc<Claims>,
}

impl Known {
    /// Whether it would still be believed: the key is published, and the token has not run out.
    fn holds(&self, keys: &JwkSet) -> bool {
        let now = i64::try_from(get_current_timestamp().saturating_sub(LEEWAY)).unwrap_or(i64::MAX);
        keys.find(&self.kid).is_some() && self.claims.exp >= now
    }
}

impl TokenVerifier {
    /// Verifies with what the service behind `auth` publishes; asks for it when the first token comes.
    pub fn new(auth: ServiceClient) -> Self {
        Self {
            auth,
            keys: Published::keys("the auth service", Patience::INSIDE),
            revocations: Published::new("the auth service", REVOCATIONS, Patience::INSIDE),
            known: Cache::builder().max_capacity(KNOWN).time_to_live(KNOWN_FOR).build(),
        }
    }

    /// Checks a token and gives what it says.
    ///
    /// # Errors
    /// `unauthorized` for anything that is not a valid access token of ours, without saying why, and for one that was
    /// revoked; `unavailable` when the keys or the revocations can't be had.
    pub async fn verify(&self, token: &str) -> Result<Arc<Claims>, Problem> {
        if token.len() > LONGEST_TOKEN {
            return Err(Problem::unauthorized());
        }
        let digest = Sha256::digest(token).into();
        let claims = match self.known.get(&digest).await {
            Some(known) if known.holds(&*self.keys(&known.kid).await?) => known.claims,
            _ => {
                let known = Box::pin(self.read(token)).await?;
                self.known.insert(digest, known.clone()).await;
                known.claims
            }
        };
        self.check(&claims).await?;
        Ok(claims)
    }

    /// The keys that the auth service publishes; asked for anew when `kid` is not among them.
    async fn keys(&self, kid: &str) -> Result<Arc<JwkSet>, Problem> {
        self.keys.having(kid, || self.auth.get::<JwkSet>("/.well-known/jwks.json", None)).await
    }

    /// Checks all that the token itself can show.
    async fn read(&self, token: &str) -> Result<Known, Problem> {
        let refused = Problem::unauthorized;
        let head = decode_header(token).map_err(|_| refused())?;
        if head.alg != Algorithm::EdDSA || head.typ.as_deref() != Some(TOKEN_TYPE) {
            return Err(refused());
        }
        let kid = head.kid.ok_or_else(refused)?;
        let keys = self.keys(&kid).await?;
        let key = keys.find(&kid).and_then(|jwk| DecodingKey::from_jwk(jwk).ok()).ok_or_else(refused)?;
        let mut rules = Validation::new(Algorithm::EdDSA);
        rules.set_issuer(&[ISSUER]);
        rules.set_audience(&[AUDIENCE]);
        rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        rules.validate_nbf = true;
        rules.leeway = LEEWAY;
        let claims = decode::<Claims>(token, &key, &rules).map_err(|_| refused())?.claims;
        // What a mistake signed for a lifetime is no token of ours.
        if claims.exp.saturating_sub(claims.iat) > LONGEST_LIFE {
            return Err(refused());
        }
        Ok(Known { kid: kid.into(), claims: Arc::new(claims) })
    }

    /// Refuses what was revoked since the token was signed.
    async fn check(&self, claims: &Claims) -> Result<(), Problem> {
        let revocations = self.revocations.get(|| self.auth.get(Revocations::PATH, None)).await?;
        if revocations.name(claims) { Err(Problem::unauthorized()) } else { Ok(()) }
    }
}

/// Whose things a query may find. Every read of a service's data takes one, so that it can't be forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Everybody's.
    All,
    /// Those of this user.
    Owner(Uid),
}

impl Scope {
    /// Whether a thing of this owner is covered.
    pub fn covers(self, owner: Uid) -> bool {
        match self {
            Self::All => true,
            Self::Owner(user) => user == owner,
        }
    }
}

/// Who asks. Extracting one needs a valid token; data needs a permission of it besides.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The user.
    pub user: Uid,
    /// The session, the API token, or what stands for the issuer.
    pub session: Uid,
    /// Which of them.
    pub credential: Credential,
    claims: Arc<Claims>,
    token: String,
}

impl Caller {
    /// Whoever holds this token.
    ///
    /// # Errors
    /// As [`TokenVerifier::verify`].
    pub async fn of(verifier: &TokenVerifier, token: String) -> Result<Self, Problem> {
        let claims = verifier.verify(&token).await?;
        Ok(Self { user: claims.sub, session: claims.sid, credential: claims.credential, claims, token })
    }

    /// Allows what needs `permission`, on the things that this caller may see: everybody's with `manage_app`, else the
    /// caller's own.
    ///
    /// # Errors
    /// `forbidden`, naming the permission.
    pub fn require(&self, permission: Permission) -> Result<Scope, Problem> {
        if !self.claims.permissions.contains(&permission) {
            let detail = format!("this needs the permission `{}`", permission.as_str());
            return Err(Problem::new(ErrorCode::Forbidden, detail));
        }
        Ok(if self.claims.permissions.contains(&Permission::ManageApp) { Scope::All } else { Scope::Owner(self.user) })
    }

    /// Whether the caller is still who they were: an answer that goes on and on asks again, each second. A token that ran
    /// out meanwhile is none the worse for it.
    ///
    /// # Errors
    /// `unauthorized` for what was revoked since; `unavailable` when that can't be known.
    pub async fn check_again(&self, verifier: &TokenVerifier) -> Result<(), Problem> {
        verifier.check(&self.claims).await
    }

    /// What the caller may do.
    pub fn permissions(&self) -> &BTreeSet<Permission> {
        &self.claims.permissions
    }

    /// The caller's own token, to ask another service in their name.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The name in `createdBy` and `updatedBy`.
    pub fn name(&self) -> String {
        self.user.to_string()
    }
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let verifier = request.app_data::<web::Data<TokenVerifier>>().cloned();
        let token = bearer_token(request);
        Box::pin(async move {
            let verifier = verifier.ok_or_else(|| {
                Problem::new(ErrorCode::Internal, "something went wrong; the request id finds it in the log")
            })?;
            Self::of(&verifier, token?).await
        })
    }
}

/// The one bearer token of a request.
///
/// # Errors
/// `unauthorized` when there is none, or anything but one.
pub fn bearer_token(request: &HttpRequest) -> Result<String, Problem> {
    let mut values = request.headers().get_all(header::AUTHORIZATION);
    let (Some(value), None) = (values.next(), values.next()) else { return Err(Problem::unauthorized()) };
    let (scheme, token) = value.to_str().ok().and_then(|text| text.split_once(' ')).unwrap_or_default();
    let token = token.trim_ascii();
    if scheme.eq_ignore_ascii_case("bearer")
        && !token.is_empty()
        // A header's text has no other blanks, and each is looked for many bytes at a time.
        && !token.contains(' ')
        && !token.contains('\t')
    {
        Ok(token.to_owned())
    } else {
        Err(Problem::unauthorized())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_token_that_was_good_is_believed_no_longer_than_its_time_and_its_key() {
        let user = Uid::new();
        let now = i64::try_from(get_current_timestamp()).unwrap();
        let keys = |kid: &str| -> JwkSet {
            serde_json::from_value(json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": kid, "x": "AA" }] }))
                .unwrap()
        };
        let until = |exp: i64| {
            let claims = json!({
                "sub": user, "iss": ISSUER, "aud": AUDIENCE, "iat": now - 600, "nbf": now - 600, "exp": exp, "jti": user,
                "sid": user, "role": user, "role_revision": 1, "assignment": 1, "permissions": [],
            });
            Known { kid: "one".into(), claims: serde_json::from_value::<Claims>(claims).unwrap().into() }
        };
        assert!(until(now + 60).holds(&keys("one")));
        assert!(!until(now - 60).holds(&keys("one")), "it ran out");
        assert!(!until(now + 60).holds(&keys("another")), "its key was withdrawn");
    }
}
