//! Secrets at rest: sealed with a master key, bound to the place where they are stored.
//!
//! AES-256-GCM with a random nonce; the key is derived from the master key by HKDF-SHA-256. Deliberately not here: where
//! sealed texts are stored, and who may open them.

mod authenticator;
mod key_file;
mod master;

use std::{fmt, path::Path};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    error::Unspecified,
    hkdf::{HKDF_SHA256, Prk, Salt},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret as _, SecretString};

pub use authenticator::{Authenticator, TAG_BYTES};
pub use key_file::{KEY_FOLDER, key_file};
pub use master::KeyError;

/// The first word of a sealed text, for the day when another form follows.
const VERSION: &str = "s1";
/// What HKDF binds the keys to.
const SALT: &[u8] = b"dallosh secrets v1";
/// Bytes of the key's id.
const ID_BYTES: usize = 4;

/// A text could not be sealed or opened. Says nothing of what is inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// It is not the work of [`Sealer::seal`].
    #[error("it is no sealed text")]
    Malformed,
    /// It was sealed with another master key.
    #[error("it was sealed with another master key")]
    OtherKey,
    /// It was changed, or sealed for another place.
    #[error("it was changed, or belongs elsewhere")]
    Refused,
    /// It could not be sealed.
    #[error("it can't be sealed")]
    Failed,
}

/// Seals and opens secrets with one master key.
pub struct Sealer {
    key: RandomizedNonceKey,
    key_id: String,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

impl Sealer {
    /// Takes the master key that the operator set, or else the one in `keys/master.key` below the data folder, which is
    /// made there at first use, private to its owner.
    ///
    /// # Errors
    /// When the key is too short, or the file can't be read or made, or holds something else.
    pub fn open(master_key: Option<&SecretString>, data_dir: &Path) -> Result<Self, KeyError> {
        match master_key {
            Some(text) => Self::of(master::check(text)?),
            None => Self::of(&master::load_or_make(data_dir)?),
        }
        .map_err(|Unspecified| KeyError::Cryptography)
    }

    /// Which master key it is; part of what it seals, and no secret.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Seals a secret for the place that `context` names.
    ///
    /// # Errors
    /// [`SealError::Failed`].
    pub fn seal(&self, secret: &SecretString, context: &str) -> Result<String, SealError> {
        let mut text = secret.expose_secret().as_bytes().to_vec();
        let nonce = self
            .key
            .seal_in_place_append_tag(self.bound(context), &mut text)
            .map_err(|Unspecified| SealError::Failed)?;
        let mut sealed = nonce.as_ref().to_vec();
        sealed.extend_from_slice(&text);
        Ok(format!("{VERSION}.{}.{}", self.key_id, BASE64_URL_SAFE_NO_PAD.encode(sealed)))
    }

    /// Opens what [`Sealer::seal`] made for the same place.
    ///
    /// # Errors
    /// All but [`SealError::Failed`].
    pub fn unseal(&self, sealed: &str, context: &str) -> Result<SecretString, SealError> {
        let mut parts = sealed.split('.');
        let (Some(VERSION), Some(key_id), Some(body), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(SealError::Malformed);
        };
        if key_id != self.key_id {
            return Err(SealError::OtherKey);
        }
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(body).map_err(|_| SealError::Malformed)?;
        let (nonce, text) = bytes.split_at_checked(NONCE_LEN).ok_or(SealError::Malformed)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|Unspecified| SealError::Malformed)?;
        let mut text = text.to_vec();
        let open =
            self.key.open_in_place(nonce, self.bound(context), &mut text).map_err(|Unspecified| SealError::Refused)?;
        std::str::from_utf8(open).map(SecretString::from).map_err(|_| SealError::Malformed)
    }

    fn of(master: &[u8]) -> Result<Self, Unspecified> {
        let derive = Salt::new(HKDF_SHA256, SALT).extract(master);
        let key = RandomizedNonceKey::new(&AES_256_GCM, &expand(&derive, b"aes-256-gcm")?)?;
        let id = expand(&derive, b"key id")?;
        Ok(Self { key, key_id: hex::encode(id.get(..ID_BYTES).unwrap_or_default()) })
    }

    /// What the seal covers beside the secret. The parts before the context have no dot in them, so it is unambiguous.
    fn bound(&self, context: &str) -> Aad<String> {
        Aad::from(format!("{VERSION}.{}.{context}", self.key_id))
    }
}

fn expand(derive: &Prk, what: &[u8]) -> Result<[u8; 32], Unspecified> {
    let mut bytes = [0; 32];
    derive.expand(&[what], HKDF_SHA256)?.fill(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANARY: &str = "sk-canary-0123456789";

    fn sealer(master: &str) -> Sealer {
        Sealer::open(Some(&master.into()), Path::new("nowhere")).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_again_in_its_own_place_alone() {
        let (one, secret) = (sealer("a long master key 1"), SecretString::from(CANARY));
        let sealed = one.seal(&secret, "models/1/key").unwrap();
        assert_eq!(one.unseal(&sealed, "models/1/key").unwrap().expose_secret(), CANARY);
        assert_eq!(one.unseal(&sealed, "models/2/key").unwrap_err(), SealError::Refused);
        assert_ne!(one.seal(&secret, "models/1/key").unwrap(), sealed, "the same secret never looks the same");
    }

    #[test]
    fn another_master_key_opens_nothing() {
        let sealed = sealer("a long master key 1").seal(&CANARY.into(), "x").unwrap();
        let other = sealer("a long master key 2");
        assert_eq!(other.unseal(&sealed, "x").unwrap_err(), SealError::OtherKey);
        let relabelled = sealed.replacen(sealer("a long master key 1").key_id(), other.key_id(), 1);
        assert_eq!(other.unseal(&relabelled, "x").unwrap_err(), SealError::Refused);
    }

    #[test]
    fn every_changed_bit_is_noticed() {
        let one = sealer("a long master key 1");
        let sealed = one.seal(&CANARY.into(), "x").unwrap();
        let (head, body) = sealed.rsplit_once('.').unwrap();
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(body).unwrap();
        for at in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[at / 8] ^= 1 << (at % 8);
            let text = format!("{head}.{}", BASE64_URL_SAFE_NO_PAD.encode(changed));
            assert_eq!(one.unseal(&text, "x").unwrap_err(), SealError::Refused);
        }
        for broken in ["", "s1", "s1..", "s2.00000000.AAAA", &format!("{head}.AAAA"), &format!("{sealed}.x")] {
            assert!(one.unseal(broken, "x").is_err(), "{broken}");
        }
    }

    #[test]
    fn nothing_secret_is_shown() {
        let (master, folder) = ("a long master key 1", tempfile::tempdir().unwrap());
        let one = sealer(master);
        let sealed = one.seal(&CANARY.into(), "x").unwrap();
        let shown = format!("{one:?} {sealed} {:?}", one.unseal(&sealed, "y"));
        assert!(!shown.contains(CANARY) && !shown.contains(master), "{shown}");
        let made = Sealer::open(None, folder.path()).unwrap();
        let file = std::fs::read_to_string(folder.path().join("keys/master.key")).unwrap();
        assert!(!format!("{made:?}").contains(file.trim()));
    }

    #[test]
    fn a_key_from_the_file_is_the_same_the_next_time() {
        let folder = tempfile::tempdir().unwrap();
        let sealed = Sealer::open(None, folder.path()).unwrap().seal(&CANARY.into(), "x").unwrap();
        let again = Sealer::open(None, folder.path()).unwrap();
        assert_eq!(again.unseal(&sealed, "x").unwrap().expose_secret(), CANARY);
    }
}
