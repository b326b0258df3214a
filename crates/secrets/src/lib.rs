//! Secrets at rest: sealed with a master key, bound to the place where they are stored. The master key can be another one
//! from some day on; those before it open what they sealed.
//!
//! AES-256-GCM with a random nonce; the key is derived from the master key by HKDF-SHA-256. Deliberately not here: where
//! sealed texts are stored, and who may open them.

mod authenticator;
mod key_file;
mod master;

use std::fmt;

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    error::Unspecified,
    hkdf::{HKDF_SHA256, Prk},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret as _, SecretString};

pub use authenticator::{Authenticator, TAG_BYTES};
pub use key_file::{KEY_FOLDER, key_file};
pub use master::{KeyError, MasterKeys};

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
    /// It was sealed with a master key that is not here.
    #[error("it was sealed with another master key")]
    OtherKey,
    /// It was changed, or sealed for another place.
    #[error("it was changed, or belongs elsewhere")]
    Refused,
    /// It could not be sealed.
    #[error("it can't be sealed")]
    Failed,
}

/// Seals secrets with the present master key, and opens them with that one and those before it.
pub struct Sealer {
    /// By the ids of their master keys, the present one first.
    keys: Vec<(String, RandomizedNonceKey)>,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").field("key_id", &self.key_id()).finish_non_exhaustive()
    }
}

impl Sealer {
    /// Derives the keys.
    ///
    /// # Errors
    /// [`KeyError::Cryptography`].
    pub fn new(master: &MasterKeys) -> Result<Self, KeyError> {
        let keys = master.derive(|key| RandomizedNonceKey::new(&AES_256_GCM, &expand(key, b"aes-256-gcm")?))?;
        Ok(Self { keys })
    }

    /// Which master key seals; part of what it seals, and no secret.
    pub fn key_id(&self) -> &str {
        self.keys.first().map_or("", |(id, _)| id)
    }

    /// Seals a secret for the place that `context` names.
    ///
    /// # Errors
    /// [`SealError::Failed`].
    pub fn seal(&self, secret: &SecretString, context: &str) -> Result<String, SealError> {
        let (id, key) = self.keys.first().ok_or(SealError::Failed)?;
        let mut text = secret.expose_secret().as_bytes().to_vec();
        let nonce =
            key.seal_in_place_append_tag(bound(id, context), &mut text).map_err(|Unspecified| SealError::Failed)?;
        let mut sealed = nonce.as_ref().to_vec();
        sealed.extend_from_slice(&text);
        Ok(format!("{VERSION}.{id}.{}", BASE64_URL_SAFE_NO_PAD.encode(sealed)))
    }

    /// Opens what [`Sealer::seal`] made for the same place, with this master key or one before it.
    ///
    /// # Errors
    /// All but [`SealError::Failed`].
    pub fn unseal(&self, sealed: &str, context: &str) -> Result<SecretString, SealError> {
        let (id, body) = parts(sealed)?;
        let (_, key) = self.keys.iter().find(|(known, _)| known == id).ok_or(SealError::OtherKey)?;
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(body).map_err(|_| SealError::Malformed)?;
        let (nonce, text) = bytes.split_at_checked(NONCE_LEN).ok_or(SealError::Malformed)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|Unspecified| SealError::Malformed)?;
        let mut text = text.to_vec();
        let open = key.open_in_place(nonce, bound(id, context), &mut text).map_err(|Unspecified| SealError::Refused)?;
        std::str::from_utf8(open).map(SecretString::from).map_err(|_| SealError::Malformed)
    }

    /// Seals with the present master key what one before it sealed for the same place; none when nothing is to do.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn reseal(&self, sealed: &str, context: &str) -> Result<Option<String>, SealError> {
        if parts(sealed)?.0 == self.key_id() {
            return Ok(None);
        }
        self.seal(&self.unseal(sealed, context)?, context).map(Some)
    }
}

/// What became of the secrets of a service when the master key was another one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Resealed {
    /// Sealed with the present master key by now.
    pub anew: u64,
    /// Left as they are, since no master key that is here opens them.
    pub lost: u64,
}

/// The key id and the body of a sealed text.
fn parts(sealed: &str) -> Result<(&str, &str), SealError> {
    let mut parts = sealed.split('.');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(VERSION), Some(id), Some(body), None) => Ok((id, body)),
        _ => Err(SealError::Malformed),
    }
}

/// What a seal covers beside the secret. The parts before the context have no dot in them, so it is unambiguous.
fn bound(key_id: &str, context: &str) -> Aad<String> {
    Aad::from(format!("{VERSION}.{key_id}.{context}"))
}

/// The id of a master key.
fn key_id(derive: &Prk) -> Result<String, Unspecified> {
    let id = expand(derive, b"key id")?;
    Ok(hex::encode(id.get(..ID_BYTES).unwrap_or_default()))
}

fn expand(derive: &Prk, what: &[u8]) -> Result<[u8; 32], Unspecified> {
    let mut bytes = [0; 32];
    derive.expand(&[what], HKDF_SHA256)?.fill(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const CANARY: &str = "sk-canary-0123456789";

    fn sealer(master: &str) -> Sealer {
        sealer_after(master, &[])
    }

    fn sealer_after(master: &str, previous: &[&str]) -> Sealer {
        let previous: Vec<_> = previous.iter().map(|&key| key.into()).collect();
        Sealer::new(&MasterKeys::open(Some(&master.into()), &previous, Path::new("nowhere")).unwrap()).unwrap()
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
        let keys = MasterKeys::open(None, &[], folder.path()).unwrap();
        let made = Sealer::new(&keys).unwrap();
        let file = std::fs::read_to_string(folder.path().join("keys/master.key")).unwrap();
        assert!(!format!("{made:?} {keys:?}").contains(file.trim()));
    }

    #[test]
    fn after_a_rotation_the_new_key_seals_and_the_old_one_still_opens() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Sealer::new(&MasterKeys::open(None, &[], folder.path()).unwrap()).unwrap();
        let before = open();
        let old = before.seal(&CANARY.into(), "x").unwrap();
        assert_eq!(open().unseal(&old, "x").unwrap().expose_secret(), CANARY, "the key is another one the next time");
        MasterKeys::rotate_file(folder.path()).unwrap();
        let after = open();
        assert_ne!(after.key_id(), before.key_id());
        assert_eq!(after.unseal(&old, "x").unwrap().expose_secret(), CANARY);
        let new = after.reseal(&old, "x").unwrap().unwrap();
        assert!(new.contains(after.key_id()) && after.unseal(&new, "x").unwrap().expose_secret() == CANARY);
        assert_eq!(after.reseal(&new, "x").unwrap(), None);
        assert_eq!(after.reseal(&old, "y").unwrap_err(), SealError::Refused, "it was sealed for another place");
        assert_eq!(before.unseal(&new, "x").unwrap_err(), SealError::OtherKey);
    }

    #[test]
    fn a_key_that_is_named_as_a_former_one_opens_and_seals_nothing() {
        let old = sealer("a long master key 1").seal(&CANARY.into(), "x").unwrap();
        let after = sealer_after("a long master key 2", &["a long master key 0", "a long master key 1"]);
        assert_eq!(after.unseal(&old, "x").unwrap().expose_secret(), CANARY);
        assert_eq!(after.key_id(), sealer("a long master key 2").key_id());
    }
}
