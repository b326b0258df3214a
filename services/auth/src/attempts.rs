//! Wrong passwords, counted: by account and address, and by address alone. An account is never locked for its owner
//! elsewhere.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};

/// A limit of attempts within a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptLimit {
    /// What it counts.
    pub name: &'static str,
    /// How many may be wrong.
    pub most: u32,
    /// Over which time.
    pub window: TimeDelta,
}

/// For one account from one address.
const ACCOUNT: AttemptLimit = AttemptLimit { name: "account", most: 5, window: TimeDelta::minutes(15) };
/// For all accounts from one address.
const ADDRESS: AttemptLimit = AttemptLimit { name: "address", most: 30, window: TimeDelta::minutes(1) };
/// With so many keys in memory, those whose time is over are removed.
const CLEAN_AT: usize = 10_000;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Account { email: String, address: String },
    Address(String),
}

impl Key {
    fn limit(&self) -> AttemptLimit {
        match self {
            Self::Account { .. } => ACCOUNT,
            Self::Address(_) => ADDRESS,
        }
    }
}

/// Too many were wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blocked {
    /// By which limit.
    pub limit: AttemptLimit,
    /// When the next attempt is taken.
    pub until: DateTime<Utc>,
}

/// The attempts that count now, in memory: a restart forgives them.
#[derive(Default)]
pub struct Attempts(Mutex<HashMap<Key, Vec<DateTime<Utc>>>>);

/// An attempt that counts as wrong until it is forgiven.
pub struct Attempt<'a> {
    attempts: &'a Attempts,
    keys: [Key; 2],
    at: DateTime<Utc>,
}

impl Attempts {
    /// Takes an attempt, as a wrong one for now, so that many at once are counted too.
    ///
    /// # Errors
    /// [`Blocked`] when too many were wrong; this one is not looked at and not counted.
    pub fn begin(&self, email: &str, address: &str, now: DateTime<Utc>) -> Result<Attempt<'_>, Blocked> {
        let account = Key::Account { email: email.to_owned(), address: address.to_owned() };
        let keys = [account, Key::Address(address.to_owned())];
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= CLEAN_AT {
            all.retain(|key, times| times.last().is_some_and(|last| *last + key.limit().window > now));
        }
        for key in &keys {
            let limit = key.limit();
            let Some(times) = all.get_mut(key) else { continue };
            times.retain(|at| *at + limit.window > now);
            if let Some(first) =
                times.first().filter(|_| times.len() >= usize::try_from(limit.most).unwrap_or_default())
            {
                return Err(Blocked { limit, until: *first + limit.window });
            }
        }
        for key in &keys {
            all.entry(key.clone()).or_default().push(now);
        }
        Ok(Attempt { attempts: self, keys, at: now })
    }
}

impl Attempt<'_> {
    /// It was right, or could not be judged.
    pub fn forgive(self) {
        let mut all = self.attempts.0.lock().unwrap_or_else(PoisonError::into_inner);
        for key in &self.keys {
            if let Some(times) = all.get_mut(key) {
                if let Some(place) = times.iter().position(|at| *at == self.at) {
                    times.remove(place);
                }
                if times.is_empty() {
                    all.remove(key);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sixth_attempt_after_five_wrong_ones_waits_until_the_first_is_a_quarter_of_an_hour_old() {
        let (attempts, began) = (Attempts::default(), Utc::now());
        for minute in 0..5 {
            assert!(attempts.begin("ann", "1.1.1.1", began + TimeDelta::minutes(minute)).is_ok());
        }
        let blocked = attempts.begin("ann", "1.1.1.1", began + TimeDelta::minutes(5)).err().unwrap();
        assert_eq!((blocked.limit.name, blocked.until), ("account", began + TimeDelta::minutes(15)));
        assert!(attempts.begin("ann", "2.2.2.2", began).is_ok());
        assert!(attempts.begin("bob", "1.1.1.1", began).is_ok());
        assert!(attempts.begin("ann", "1.1.1.1", blocked.until).is_ok());
    }

    #[test]
    fn what_was_right_does_not_count() {
        let (attempts, now) = (Attempts::default(), Utc::now());
        for _ in 0..100 {
            attempts.begin("ann", "1.1.1.1", now).ok().unwrap().forgive();
        }
        assert!(attempts.0.lock().unwrap().is_empty());
    }

    #[test]
    fn thirty_wrong_ones_for_any_accounts_in_a_minute_make_their_address_wait() {
        let (attempts, now) = (Attempts::default(), Utc::now());
        for number in 0..30 {
            assert!(attempts.begin(&format!("user{number}"), "1.1.1.1", now).is_ok());
        }
        let blocked = attempts.begin("ann", "1.1.1.1", now).err().unwrap();
        assert_eq!((blocked.limit.name, blocked.until), ("address", now + TimeDelta::minutes(1)));
    }
}
