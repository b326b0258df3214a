use std::collections::BTreeSet;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use dallosh_contracts::Permission;
use dallosh_primitives::Uid;
use dallosh_service_kit::{AUDIENCE, Claims, Credential, ISSUER, Standing, TOKEN_TYPE};
use ed25519_dalek::{
    SigningKey, VerifyingKey,
    pkcs8::{self, EncodePrivateKey as _},
};
use jsonwebtoken::{Algorithm, EncodingKey, Header, crypto, encode};
use rand::{TryRng as _, rngs::SysRng};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest as _, Sha256};

use crate::session::TokenHash;

/// How long an access token is valid.
pub const ACCESS_LIFETIME: TimeDelta = TimeDelta::minutes(10);
/// The characters of a refresh token's secret: 256 bits.
const SECRET_LENGTH: usize = 43;

/// A token can't be made.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The key is not usable.
    #[error("the key can't be used")]
    Key(#[from] pkcs8::Error),
    /// Signing failed.
    #[error("signing failed")]
    Sign(#[from] jsonwebtoken::errors::Error),
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    Random(#[from] rand::rngs::SysError),
}

/// Whom an access token is for.
pub struct Holder {
    /// The user.
    pub user: Uid,
    /// The session, or the API token.
    pub session: Uid,
    /// Which of them.
    pub credential: Credential,
    /// The user's role at the moment.
    pub standing: Standing,
    /// What it allows.
    pub permissions: BTreeSet<Permission>,
}

/// The public half of a signing key.
#[derive(Debug, Clone)]
pub struct PublicKey {
    /// Its RFC 7638 thumbprint, which names it in tokens.
    pub id: String,
    /// Its 32 bytes in URL-safe base64.
    pub x: String,
}

impl From<&VerifyingKey> for PublicKey {
    fn from(key: &VerifyingKey) -> Self {
        let x = URL_SAFE_NO_PAD.encode(key.as_bytes());
        let canonical = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
        Self { id: URL_SAFE_NO_PAD.encode(Sha256::digest(canonical)), x }
    }
}

/// Makes tokens.
pub struct Tokens {
    signing: EncodingKey,
    succession: EncodingKey,
    public: PublicKey,
}

impl Tokens {
    /// Makes them with this key.
    pub fn new(key: &SigningKey) -> Result<Self, TokenError> {
        let root = EncodingKey::from_secret(key.as_bytes());
        let succession = crypto::sign(b"refresh token succession", &root, Algorithm::HS256)?;
        Ok(Self {
            signing: EncodingKey::from_ed_der(key.to_pkcs8_der()?.as_bytes()),
            succession: EncodingKey::from_secret(succession.as_bytes()),
            public: PublicKey::from(&key.verifying_key()),
        })
    }

    /// What others verify access tokens with.
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// An access token, valid from `now` until `end`, or until what it was given for, the user or the role change.
    pub fn access(&self, holder: Holder, now: DateTime<Utc>, end: DateTime<Utc>) -> Result<SecretString, TokenError> {
        let Holder { user, session, credential, standing, permissions } = holder;
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TOKEN_TYPE.to_owned());
        header.kid = Some(self.public.id.clone());
        let claims = Claims {
            sub: user,
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            iat: now.timestamp(),
            nbf: now.timestamp(),
            exp: end.timestamp(),
            jti: Uid::new(),
            sid: session,
            credential,
            standing,
            permissions,
        };
        Ok(encode(&header, &claims, &self.signing)?.into())
    }

    /// The first refresh token of a session.
    pub fn refresh(session: Uid) -> Result<RefreshToken, TokenError> {
        let mut bytes = [0; 32];
        SysRng.try_fill_bytes(&mut bytes)?;
        Ok(RefreshToken { session, secret: URL_SAFE_NO_PAD.encode(bytes).into() })
    }

    /// The token that replaces `token`. Whoever shows the same one twice gets the same successor, though only hashes
    /// are stored; without our key nobody can compute it.
    pub fn successor(&self, token: &RefreshToken) -> Result<RefreshToken, TokenError> {
        let secret = crypto::sign(token.to_text().expose_secret().as_bytes(), &self.succession, Algorithm::HS256)?;
        Ok(RefreshToken { session: token.session, secret: secret.into() })
    }
}

/// A refresh token: the session it belongs to, and 256 bits that nobody guesses.
#[derive(Debug, Clone)]
pub struct RefreshToken {
    /// The session.
    pub session: Uid,
    secret: SecretString,
}

impl RefreshToken {
    /// Reads what [`to_text`](Self::to_text) wrote; none for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (session, secret) = text.split_once('.')?;
        let fits = secret.len() == SECRET_LENGTH
            && secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        fits.then_some(Self { session: session.parse().ok()?, secret: secret.into() })
    }

    /// The token as a client keeps it.
    pub fn to_text(&self) -> SecretString {
        format!("{}.{}", self.session, self.secret.expose_secret()).into()
    }

    /// What is stored of it.
    pub fn hash(&self) -> TokenHash {
        TokenHash(hex::encode(Sha256::digest(self.secret.expose_secret())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_one_successor_that_depends_on_the_key() {
        let (ours, theirs) = (SigningKey::from_bytes(&[1; 32]), SigningKey::from_bytes(&[2; 32]));
        let token = Tokens::refresh(Uid::new()).unwrap();
        let next = |key| Tokens::new(key).unwrap().successor(&token).unwrap();
        assert_eq!(next(&ours).hash(), next(&ours).hash());
        assert_ne!(next(&ours).hash(), next(&theirs).hash());
        assert_ne!(next(&ours).hash(), token.hash());
    }

    #[test]
    fn a_refresh_token_is_read_back_as_it_was_written_and_nothing_else_is() {
        let token = Tokens::new(&SigningKey::from_bytes(&[1; 32]))
            .unwrap()
            .successor(&Tokens::refresh(Uid::new()).unwrap())
            .unwrap();
        let text = token.to_text();
        let text = text.expose_secret();
        assert_eq!(RefreshToken::parse(text).unwrap().hash(), token.hash());
        for other in ["", ".", "x.y", &text[1..], &text[..text.len() - 1], &format!("{text}A"), &text.replace('.', "")]
        {
            assert!(RefreshToken::parse(other).is_none(), "{other}");
        }
    }

    #[test]
    fn a_key_is_named_by_its_thumbprint() {
        // The key and the thumbprint of RFC 8037, appendix A.
        let bytes: [u8; 32] = hex::decode("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
            .unwrap()
            .try_into()
            .unwrap();
        let tokens = Tokens::new(&SigningKey::from_bytes(&bytes)).unwrap();
        assert_eq!(tokens.public_key().id, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        assert_eq!(tokens.public_key().x, "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
    }
}
