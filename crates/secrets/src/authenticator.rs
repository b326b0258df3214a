use std::fmt;

use aws_lc_rs::hmac::{self, HMAC_SHA256};

use crate::{KeyError, MasterKeys, expand};

/// Bytes of a tag.
pub const TAG_BYTES: usize = 32;

/// Tags that only a holder of a master key can make: HMAC-SHA-256 under keys of one purpose. The present master key makes
/// them; those before it are known, too.
pub struct Authenticator {
    /// By the ids of their master keys, the present one first.
    keys: Vec<(String, hmac::Key)>,
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticator").field("key_id", &self.key_id()).finish_non_exhaustive()
    }
}

impl Authenticator {
    /// Derives the keys of a purpose.
    ///
    /// # Errors
    /// [`KeyError::Cryptography`].
    pub fn new(master: &MasterKeys, purpose: &str) -> Result<Self, KeyError> {
        let what = format!("hmac-sha256 {purpose}");
        let keys = master.derive(|key| Ok(hmac::Key::new(HMAC_SHA256, &expand(key, what.as_bytes())?)))?;
        Ok(Self { keys })
    }

    /// The id of the master key under which tags are made.
    pub fn key_id(&self) -> &str {
        self.keys.first().map_or("", |(id, _)| id)
    }

    /// Whether tags under the master key with this id can be checked.
    pub fn knows(&self, key_id: &str) -> bool {
        self.keys.iter().any(|(id, _)| id == key_id)
    }

    /// The tag of these bytes, under the present key.
    pub fn tag(&self, bytes: &[u8]) -> [u8; TAG_BYTES] {
        let mut tag = [0; TAG_BYTES];
        if let Some((_, key)) = self.keys.first() {
            let made = hmac::sign(key, bytes);
            tag.iter_mut().zip(made.as_ref()).for_each(|(to, from)| *to = *from);
        }
        tag
    }

    /// Whether it is the tag of these bytes under the key with this id, or under any where none was noted; takes the same
    /// time for every wrong one.
    pub fn accepts(&self, key_id: Option<&str>, bytes: &[u8], tag: &[u8]) -> bool {
        let mut keys = self.keys.iter().filter(|(id, _)| key_id.is_none_or(|wanted| wanted == id));
        keys.any(|(_, key)| hmac::verify(key, bytes, tag).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use secrecy::SecretString;

    use super::*;

    fn open(master: &str, previous: &[SecretString], purpose: &str) -> Authenticator {
        let keys = MasterKeys::open(Some(&master.into()), previous, Path::new("nowhere")).unwrap();
        Authenticator::new(&keys, purpose).unwrap()
    }

    #[test]
    fn a_tag_is_of_its_bytes_its_purpose_and_its_master_key() {
        let one = open("a long master key 1", &[], "log");
        let (id, tag) = (Some(one.key_id()), one.tag(b"entry"));
        assert!(one.accepts(id, b"entry", &tag) && open("a long master key 1", &[], "log").accepts(id, b"entry", &tag));
        assert!(!one.accepts(id, b"entri", &tag));
        assert!(!open("a long master key 2", &[], "log").accepts(None, b"entry", &tag));
        assert!(!open("a long master key 1", &[], "other").accepts(id, b"entry", &tag));
        for at in 0..tag.len() * 8 {
            let mut changed = tag;
            changed[at / 8] ^= 1 << (at % 8);
            assert!(!one.accepts(id, b"entry", &changed));
        }
    }

    #[test]
    fn a_tag_of_a_former_key_is_accepted_as_that_ones_alone() {
        let one = open("a long master key 1", &[], "log");
        let tag = one.tag(b"entry");
        let other = open("a long master key 2", &["a long master key 1".into()], "log");
        assert_ne!(other.key_id(), one.key_id());
        assert!(other.knows(one.key_id()) && !one.knows(other.key_id()));
        assert!(other.accepts(Some(one.key_id()), b"entry", &tag) && other.accepts(None, b"entry", &tag));
        assert!(!other.accepts(Some(other.key_id()), b"entry", &tag));
        assert_ne!(other.tag(b"entry"), tag);
    }
}
