use std::{fmt, path::Path};

use aws_lc_rs::{
    error::Unspecified,
    hkdf::{HKDF_SHA256, Salt},
    hmac::{self, HMAC_SHA256},
};
use secrecy::SecretString;

use crate::{KeyError, SALT, expand, master};

/// Bytes of a tag.
pub const TAG_BYTES: usize = 32;

/// Tags that only a holder of the master key can make: HMAC-SHA-256 under a key of one purpose.
pub struct Authenticator {
    key: hmac::Key,
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticator").finish_non_exhaustive()
    }
}

impl Authenticator {
    /// Derives the key of a purpose from the master key, which is had as by [`Sealer::open`](crate::Sealer::open).
    ///
    /// # Errors
    /// When the key is too short, or the file can't be read or made, or holds something else.
    pub fn open(master_key: Option<&SecretString>, data_dir: &Path, purpose: &str) -> Result<Self, KeyError> {
        match master_key {
            Some(text) => Self::of(master::check(text)?, purpose),
            None => Self::of(&master::load_or_make(data_dir)?, purpose),
        }
        .map_err(|Unspecified| KeyError::Cryptography)
    }

    /// The tag of these bytes.
    pub fn tag(&self, bytes: &[u8]) -> [u8; TAG_BYTES] {
        let mut tag = [0; TAG_BYTES];
        let made = hmac::sign(&self.key, bytes);
        tag.iter_mut().zip(made.as_ref()).for_each(|(to, from)| *to = *from);
        tag
    }

    /// Whether it is the tag of these bytes; takes the same time for every wrong one.
    pub fn accepts(&self, bytes: &[u8], tag: &[u8]) -> bool {
        hmac::verify(&self.key, bytes, tag).is_ok()
    }

    fn of(master: &[u8], purpose: &str) -> Result<Self, Unspecified> {
        let derive = Salt::new(HKDF_SHA256, SALT).extract(master);
        let bytes = expand(&derive, format!("hmac-sha256 {purpose}").as_bytes())?;
        Ok(Self { key: hmac::Key::new(HMAC_SHA256, &bytes) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_of_its_bytes_its_purpose_and_its_master_key() {
        let open = |master: &str, purpose: &str| {
            Authenticator::open(Some(&master.into()), Path::new("nowhere"), purpose).unwrap()
        };
        let one = open("a long master key 1", "log");
        let tag = one.tag(b"entry");
        assert!(one.accepts(b"entry", &tag) && open("a long master key 1", "log").accepts(b"entry", &tag));
        assert!(!one.accepts(b"entri", &tag));
        assert!(!open("a long master key 2", "log").accepts(b"entry", &tag));
        assert!(!open("a long master key 1", "other").accepts(b"entry", &tag));
        for at in 0..tag.len() * 8 {
            let mut changed = tag;
            changed[at / 8] ^= 1 << (at % 8);
            assert!(!one.accepts(b"entry", &changed));
        }
    }
}
