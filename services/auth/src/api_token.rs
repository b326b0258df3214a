use std::collections::BTreeSet;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use dallosh_contracts::{API_TOKEN_PREFIX, Permission};
use dallosh_primitives::Uid;
use rand::{TryRng as _, rngs::SysRng};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest as _, Sha256};

use crate::{session::TokenHash, tokens::TokenError};

/// How many a user may have.
pub const MOST: usize = 50;
/// The characters after the prefix: 256 bits.
const SECRET_LENGTH: usize = 43;
/// The last characters, which stay visible.
const SHOWN: usize = 4;
/// How exactly its use is remembered.
const USE_EVERY: TimeDelta = TimeDelta::minutes(1);

/// What a program shows to act for a user, within what the user may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// For whom.
    pub user: Uid,
    /// What it is for, in the user's words.
    pub name: String,
    /// What it allows, as far as the user's role does.
    pub permissions: BTreeSet<Permission>,
    /// What is stored of the secret.
    pub hash: TokenHash,
    /// The last characters of the secret, to tell one from another.
    pub last4: String,
    /// When it ends; never when there is none.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was used, within a minute.
    pub last_used_at: Option<DateTime<Utc>>,
}

impl ApiToken {
    /// Whether it still opens something.
    pub fn is_live(&self, now: DateTime<Utc>) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }

    /// What it allows while the user may do this.
    pub fn allowed(&self, of_user: &BTreeSet<Permission>) -> BTreeSet<Permission> {
        self.permissions.intersection(of_user).copied().collect()
    }

    /// Whether this use has to be written down.
    pub fn is_news(&self, now: DateTime<Utc>) -> bool {
        self.last_used_at.is_none_or(|last| last + USE_EVERY <= now)
    }
}

/// The secret of an API token, shown once.
pub struct ApiTokenSecret(SecretString);

impl ApiTokenSecret {
    /// A new one.
    pub fn make() -> Result<Self, TokenError> {
        let mut bytes = [0; 32];
        SysRng.try_fill_bytes(&mut bytes)?;
        Ok(Self(format!("{API_TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)).into()))
    }

    /// Reads one; none for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let secret = text.strip_prefix(API_TOKEN_PREFIX)?;
        let fits = secret.len() == SECRET_LENGTH
            && secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        fits.then(|| Self(text.into()))
    }

    /// The token as a program keeps it.
    pub fn text(&self) -> &str {
        self.0.expose_secret()
    }

    /// What is stored of it. It is as random as the hash is long, so that a fast hash does.
    pub fn hash(&self) -> TokenHash {
        TokenHash(hex::encode(Sha256::digest(self.text())))
    }

    /// Its last characters.
    pub fn last4(&self) -> String {
        let text = self.text();
        text.get(text.len().saturating_sub(SHOWN)..).unwrap_or_default().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_back_as_it_was_made_and_nothing_else_is() {
        let secret = ApiTokenSecret::make().unwrap();
        let text = secret.text();
        assert!(text.starts_with("dls_") && text.ends_with(&secret.last4()) && secret.last4().len() == 4);
        assert_eq!(ApiTokenSecret::parse(text).unwrap().hash(), secret.hash());
        assert_ne!(ApiTokenSecret::make().unwrap().hash(), secret.hash());
        for other in
            ["", "dls_", &text[4..], &text[..text.len() - 1], &format!("{text}A"), &text.replace("dls_", "dls.")]
        {
            assert!(ApiTokenSecret::parse(other).is_none(), "{other}");
        }
    }

    #[test]
    fn a_token_allows_what_both_it_and_the_user_may() {
        let now = Utc::now();
        let token = ApiToken {
            user: Uid::new(),
            name: "ci".to_owned(),
            permissions: [Permission::ReadTasks, Permission::ManageTasks].into(),
            hash: TokenHash(String::new()),
            last4: String::new(),
            expires_at: Some(now),
            last_used_at: Some(now - TimeDelta::seconds(59)),
        };
        let of_user = [Permission::ReadTasks, Permission::ManageApp].into();
        assert_eq!(token.allowed(&of_user), [Permission::ReadTasks].into());
        assert_eq!((token.is_live(now), token.is_live(now - TimeDelta::seconds(1))), (false, true));
        assert_eq!((token.is_news(now), token.is_news(now + TimeDelta::seconds(1))), (false, true));
    }
}
