//! Tokens of others: who their bearer is, as an issuer that the configuration names says it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use dallosh_service_kit::{Issuer, Patience, Problem, Profile, Published, claimed_issuer, keys_url};
use jsonwebtoken::{
    Algorithm, DecodingKey, Validation, decode, decode_header,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::user::{Email, display_name};

/// What a foreign token may be signed with. Never a shared secret: the published key would be one.
const ALGORITHMS: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];
/// The longest token that is looked at, in bytes.
const LONGEST_TOKEN: usize = 16 << 10;
/// The longest answer of an issuer, in bytes.
const LONGEST_ANSWER: usize = 256 << 10;
/// How many keys of an issuer are looked at.
const MOST_KEYS: usize = 100;
/// How long an issuer may take to answer, both its questions together.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest `sub` (`OpenID` Connect Core, 2).
const LONGEST_SUBJECT: usize = 255;

/// An issuer's keys can't be had.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// It does not answer, or not with JSON.
    #[error("the issuer gives no sensible answer")]
    Answer(#[from] reqwest::Error),
    /// It answers with something that is not asked for.
    #[error("the issuer's answer can't be used: {0}")]
    Content(&'static str),
}

/// Who a foreign token is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The issuer.
    pub issuer: String,
    /// The issuer's own id of the user.
    pub subject: String,
    /// The address, when the issuer has verified it.
    pub email: Option<Email>,
    /// What to call the user.
    pub name: Option<String>,
    /// The name of the role here; none when the issuer gives none.
    pub role: Option<String>,
    /// Whether the issuer decides over the role each time, and not only the first one.
    pub governs_role: bool,
    /// When the token ends.
    pub ends_at: DateTime<Utc>,
}

/// A foreign token is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It is none, or not valid; nobody is told why.
    #[error("the token is not valid")]
    Invalid,
    /// The issuer's keys can't be had.
    #[error(transparent)]
    Keys(#[from] Problem),
}

/// The issuers that are believed.
pub struct Issuers {
    http: reqwest::Client,
    profile: Profile,
    all: Vec<Known>,
}

/// An issuer and its keys.
struct Known {
    issuer: Issuer,
    keys: Published<JwkSet>,
}

impl Issuers {
    /// Believes those.
    ///
    /// # Errors
    /// When the TLS library can't be set up.
    pub fn new(issuers: &[Issuer], profile: Profile) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .timeout(PATIENCE)
            .build()?;
        let known = |issuer: &Issuer| Known {
            issuer: issuer.clone(),
            keys: Published::keys("the issuer", Patience { first: PATIENCE, newer: PATIENCE }),
        };
        Ok(Self { http, profile, all: issuers.iter().map(known).collect() })
    }

    /// Verifies a token with its issuer's keys.
    pub async fn verify(&self, token: &str) -> Result<Identity, Refused> {
        if token.len() > LONGEST_TOKEN {
            return Err(Refused::Invalid);
        }
        let head = decode_header(token).map_err(|_| Refused::Invalid)?;
        let is_understood = ALGORITHMS.contains(&head.alg) && head.crit.is_none();
        let kid = head.kid.filter(|_| is_understood).ok_or(Refused::Invalid)?;
        let claimed = claimed_issuer(token).ok_or(Refused::Invalid)?;
        let known = self.all.iter().find(|known| known.issuer.issuer == claimed).ok_or(Refused::Invalid)?;
        let keys = known.keys.having(&kid, || self.ask(&known.issuer)).await?;
        let key = keys.find(&kid).filter(|key| signs(key, head.alg)).ok_or(Refused::Invalid)?;
        let key = DecodingKey::from_jwk(key).map_err(|_| Refused::Invalid)?;
        let mut rules = Validation::new(head.alg);
        rules.set_issuer(&[&known.issuer.issuer]);
        rules.set_required_spec_claims(&["exp", "iss", "sub"]);
        // Below, since it may be another claim than `aud`.
        rules.validate_aud = false;
        rules.validate_nbf = true;
        rules.leeway = 5;
        let claims = decode::<Map<String, Value>>(token, &key, &rules).map_err(|_| Refused::Invalid)?.claims;
        identity(&known.issuer, &claims).ok_or(Refused::Invalid)
    }

    /// Asks an issuer for its keys.
    async fn ask(&self, issuer: &Issuer) -> Result<JwkSet, KeysError> {
        #[derive(Deserialize)]
        struct Discovery {
            issuer: String,
            jwks_uri: String,
        }
        #[derive(Deserialize)]
        struct Keys {
            keys: Vec<Value>,
        }
        let place = if let Some(place) = &issuer.jwks_uri {
            place.clone()
        } else {
            let base = issuer.issuer.trim_end_matches('/');
            let found: Discovery = self.get(&format!("{base}/.well-known/openid-configuration")).await?;
            if found.issuer != issuer.issuer {
                return Err(KeysError::Content("it calls itself otherwise"));
            }
            found.jwks_uri
        };
        let Keys { keys } = self.get(&place).await?;
        // Keys of kinds that we don't know stand beside those that we do.
        let keys = keys.into_iter().take(MOST_KEYS).filter_map(|key| serde_json::from_value(key).ok()).collect();
        Ok(JwkSet { keys })
    }

    async fn get<T: for<'de> Deserialize<'de>>(&self, place: &str) -> Result<T, KeysError> {
        let url = keys_url(place, self.profile).ok_or(KeysError::Content("its keys are not at a safe address"))?;
        let mut response = self.http.get(url).send().await?.error_for_status()?;
        if !response.status().is_success() {
            return Err(KeysError::Content("it sends us elsewhere"));
        }
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await? {
            if body.len() + piece.len() > LONGEST_ANSWER {
                return Err(KeysError::Content("it is too large"));
            }
            body.extend_from_slice(&piece);
        }
        serde_json::from_slice(&body).map_err(|_| KeysError::Content("it is not what is asked for"))
    }
}

/// Whether a key is for signatures of this kind, and says nothing else.
fn signs(key: &Jwk, algorithm: Algorithm) -> bool {
    let fits = match &key.algorithm {
        AlgorithmParameters::RSA(_) => algorithm == Algorithm::RS256,
        AlgorithmParameters::EllipticCurve(ec) => algorithm == Algorithm::ES256 && ec.curve == EllipticCurve::P256,
        AlgorithmParameters::OctetKeyPair(pair) => {
            algorithm == Algorithm::EdDSA && pair.curve == EllipticCurve::Ed25519
        }
        _ => false,
    };
    let says = key.common.key_algorithm.is_none_or(|named| named == algorithm.into());
    fits && says && key.common.public_key_use.as_ref().is_none_or(|purpose| *purpose == PublicKeyUse::Signature)
}

/// What verified claims say.
fn identity(issuer: &Issuer, claims: &Map<String, Value>) -> Option<Identity> {
    let is_for_us = texts(claims.get(&issuer.audience_claim)?).any(|audience| audience == issuer.audience);
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let subject = text("sub").filter(|subject| (1..=LONGEST_SUBJECT).contains(&subject.len()))?;
    let ends_at = claims.get("exp").and_then(Value::as_i64).and_then(|at| DateTime::from_timestamp(at, 0))?;
    let is_verified = matches!(claims.get("email_verified"), Some(Value::Bool(true)))
        || text("email_verified").is_some_and(|word| word == "true");
    let mapped = |value: &Value| texts(value).find_map(|group| issuer.roles.get(group)).cloned();
    let role = issuer.role_claim.as_deref().and_then(|claim| mapped(at(claims, claim)?));
    is_for_us.then(|| Identity {
        issuer: issuer.issuer.clone(),
        subject: subject.to_owned(),
        email: text(&issuer.email_claim).filter(|_| is_verified).and_then(Email::parse),
        name: text(&issuer.name_claim).and_then(display_name),
        role: role.or_else(|| issuer.default_role.clone()),
        governs_role: issuer.role_claim.is_some(),
        ends_at,
    })
}

/// The claim of this name, or else what is at this path.
fn at<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    claims.get(name).or_else(|| {
        let (first, rest) = name.split_once('.')?;
        rest.split('.').try_fold(claims.get(first)?, |value, part| value.get(part))
    })
}

/// A text, or the texts of a list.
fn texts(value: &Value) -> impl Iterator<Item = &str> {
    let one = value.as_str();
    let many = value.as_array().into_iter().flatten().filter_map(Value::as_str);
    one.into_iter().chain(many)
}
