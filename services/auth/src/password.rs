mod breached;

use std::{io, path::Path};

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use self::breached::Breached;
use crate::{error::Error, user::Email};

/// The fewest characters of a password.
const SHORTEST: usize = 8;
/// The most bytes of a password.
const LONGEST: usize = 1024;
/// Passwords that everybody tries first, in lower case, one a line.
const COMMON: &str = include_str!("password/common.txt");
/// Bytes of a hash in [`LEAKED`].
const PREFIX: usize = 8;
/// The beginnings of the SHA-256 of 11,611 more, which are the most frequent ones of collections that leaked, in lower case;
/// in ascending order. `scripts/common-passwords` makes them.
const LEAKED: &[u8] = include_bytes!("password/leaked.bin");

/// Why a password is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    /// It has fewer than 8 characters.
    #[error("must have at least 8 characters")]
    TooShort,
    /// It has more than 1024 bytes.
    #[error("must have at most 1024 bytes")]
    TooLong,
    /// It is on the list of those that are tried first.
    #[error("is one of the most common ones")]
    Common,
    /// It is the e-mail address.
    #[error("must not be the e-mail address")]
    IsEmail,
}

/// What a new password has to be.
#[derive(Debug, Clone, Default)]
pub struct Passwords {
    breached: Option<Breached>,
}

impl Passwords {
    /// Opens the operator's list of passwords that leaked, when there is one.
    ///
    /// # Errors
    /// When it can't be read, or is no such list.
    pub fn open(breached: Option<&Path>) -> io::Result<Self> {
        Ok(Self { breached: breached.map(Breached::open).transpose()? })
    }

    /// Checks a new password.
    ///
    /// # Errors
    /// [`Error::WeakPassword`]; [`Error::Breached`] when the list can't be read: none is taken unseen.
    pub async fn check(&self, password: &SecretString, email: &Email) -> Result<(), Error> {
        check(password.expose_secret(), email)?;
        match &self.breached {
            Some(list) if list.contains(password).await.map_err(Error::Breached)? => Err(WeakPassword::Common.into()),
            _ => Ok(()),
        }
    }
}

/// Checks what can be told of a password without the operator's list. Nothing is asked of its composition; what counts is
/// length and that nobody guesses it first.
fn check(password: &str, email: &Email) -> Result<(), WeakPassword> {
    if password.len() > LONGEST {
        return Err(WeakPassword::TooLong);
    }
    if password.chars().count() < SHORTEST {
        return Err(WeakPassword::TooShort);
    }
    let lower = password.to_lowercase();
    if lower.trim() == email.as_str() {
        return Err(WeakPassword::IsEmail);
    }
    let mut letters = lower.chars();
    let first = letters.next();
    if COMMON.lines().any(|common| common == lower) || is_leaked(&lower) || letters.all(|letter| Some(letter) == first)
    {
        return Err(WeakPassword::Common);
    }
    Ok(())
}

/// Whether a password in lower case is among those of [`LEAKED`].
fn is_leaked(lower: &str) -> bool {
    let hash = Sha256::digest(lower.as_bytes());
    let (known, _) = LEAKED.as_chunks::<PREFIX>();
    hash.as_slice().first_chunk::<PREFIX>().is_some_and(|prefix| known.binary_search(prefix).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(password: &str) -> Result<(), WeakPassword> {
        check(password, &Email::parse("ann.lee@example.com").unwrap())
    }

    #[test]
    fn a_password_is_refused_when_it_is_short_long_common_or_the_address() {
        assert_eq!(verdict("123456"), Err(WeakPassword::TooShort));
        assert_eq!(verdict("sevench"), Err(WeakPassword::TooShort));
        assert_eq!(verdict(&"é".repeat(513)), Err(WeakPassword::TooLong));
        assert_eq!(verdict("Password1"), Err(WeakPassword::Common));
        assert_eq!(verdict("zzzzzzzzzzzz"), Err(WeakPassword::Common));
        assert_eq!(verdict("Ann.Lee@example.com"), Err(WeakPassword::IsEmail));
    }

    #[test]
    fn blanks_emoji_and_any_length_up_to_the_limit_are_fine() {
        assert_eq!(verdict("correct horse 🐎 battery"), Ok(()));
        assert_eq!(verdict(&"ab".repeat(512)), Ok(()));
        assert_eq!(verdict("sieben 8"), Ok(()));
    }

    #[test]
    fn the_list_holds_only_what_the_length_lets_through() {
        assert!(COMMON.lines().all(|line| line.chars().count() >= SHORTEST && line == line.to_lowercase()));
    }

    #[test]
    fn thousands_that_leaked_are_refused_in_any_case_and_others_are_not() {
        assert!(LEAKED.as_chunks::<PREFIX>().0.is_sorted() && LEAKED.len() == 11_611 * PREFIX);
        for leaked in ["sunshine", "trustno1", "Corvette", "1qaz2wsx", "QWERTYUIOP", "scorpio1", "gandalf1"] {
            assert_eq!(verdict(leaked), Err(WeakPassword::Common), "{leaked}");
        }
        for other in ["sunshine over the lake", "trustno1but", "k3m9p-x7q2v-hd4tn-w8rjc"] {
            assert_eq!(verdict(other), Ok(()), "{other}");
        }
    }
}
