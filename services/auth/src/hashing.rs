use std::sync::Arc;

use argon2::{
    Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version,
    password_hash::{self, phc::PasswordHash},
};
use dallosh_contracts::figures;
use secrecy::{ExposeSecret, SecretString};
use tokio::{sync::Semaphore, task::JoinError};

use crate::error::Error;

/// Memory of one hash, in KiB; passes over it; lanes.
const COST: (u32, u32, u32) = (19_456, 2, 1);
/// What a stored hash may ask for at most, so that a forged one can't hold up the process.
const MOST_COST: (u32, u32, u32) = (262_144, 16, 8);
/// How many hashes run at once.
const AT_ONCE: usize = 4;
/// How many more wait; beyond, the caller is sent away.
const WAITING: usize = 64;

/// A hash can't be made or read.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// The parameters are not possible.
    #[error("the hash parameters are not possible")]
    Parameters(#[from] argon2::Error),
    /// A stored hash is not one of ours.
    #[error("the stored hash can't be read: {0}")]
    Stored(password_hash::Error),
    /// A stored hash can't be read as one.
    #[error("the stored hash can't be read: {0}")]
    Form(password_hash::phc::Error),
    /// A stored hash asks for more than is allowed.
    #[error("the stored hash asks for too much memory or time")]
    TooCostly,
    /// The work stopped.
    #[error("the work stopped")]
    Stopped(#[from] JoinError),
}

/// What comparing a password with a hash says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is another password, or there is no hash.
    Wrong,
    /// It is the password.
    Right,
    /// It is the password, and the hash was made with less effort than is usual now.
    Outdated,
}

/// Hashes and compares passwords with argon2id, a few at once.
#[derive(Clone)]
pub struct Hashing {
    admitted: Arc<Semaphore>,
    running: Arc<Semaphore>,
    /// The hash of nobody's password: comparing with it takes the time of a real one.
    decoy: SecretString,
}

impl Default for Hashing {
    fn default() -> Self {
        let (memory, passes, lanes) = COST;
        let (salt, hash) = ("A".repeat(22), "A".repeat(43));
        Self {
            admitted: Arc::new(Semaphore::new(AT_ONCE + WAITING)),
            running: Arc::new(Semaphore::new(AT_ONCE)),
            decoy: format!("$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${hash}").into(),
        }
    }
}

impl Hashing {
    /// Hashes a password with a new salt.
    ///
    /// # Errors
    /// [`Error::Busy`] when too many wait already.
    pub async fn hash(&self, password: &SecretString) -> Result<SecretString, Error> {
        let password = password.clone();
        Ok(self.run(move || hash_with(COST, &password)).await??)
    }

    /// Compares a password with a stored hash; with the same effort when there is none.
    ///
    /// # Errors
    /// [`Error::Busy`] when too many wait already.
    pub async fn compare(&self, password: &SecretString, hash: Option<&SecretString>) -> Result<Verdict, Error> {
        let (password, exists) = (password.clone(), hash.is_some());
        let hash = hash.unwrap_or(&self.decoy).clone();
        let verdict = self.run(move || compare_with(&password, &hash)).await??;
        Ok(if exists { verdict } else { Verdict::Wrong })
    }

    /// Runs `work` on the blocking pool. The permits go with the work: a caller that leaves does not make room for
    /// more than may run.
    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
        let admitted = self.admitted.clone().try_acquire_owned().map_err(|_| Error::Busy)?;
        let running = self.running.clone().acquire_owned().await.map_err(|_| Error::Busy)?;
        metrics::counter!(figures::PASSWORD_HASHES).increment(1);
        let done = tokio::task::spawn_blocking(move || {
            let _permits = (admitted, running);
            work()
        });
        Ok(done.await.map_err(HashError::Stopped)?)
    }
}

fn hash_with((memory, passes, lanes): (u32, u32, u32), password: &SecretString) -> Result<SecretString, HashError> {
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(memory, passes, lanes, None)?);
    let hash = argon2.hash_password(password.expose_secret().as_bytes()).map_err(HashError::Stored)?;
    Ok(hash.to_string().into())
}

fn compare_with(password: &SecretString, hash: &SecretString) -> Result<Verdict, HashError> {
    let hash = PasswordHash::new(hash.expose_secret()).map_err(HashError::Form)?;
    let params = Params::try_from(&hash).map_err(HashError::Stored)?;
    let cost = (params.m_cost(), params.t_cost(), params.p_cost());
    if cost.0 > MOST_COST.0 || cost.1 > MOST_COST.1 || cost.2 > MOST_COST.2 {
        return Err(HashError::TooCostly);
    }
    match Argon2::default().verify_password(password.expose_secret().as_bytes(), &hash) {
        Ok(()) if cost.0 < COST.0 || cost.1 < COST.1 => Ok(Verdict::Outdated),
        Ok(()) => Ok(Verdict::Right),
        Err(password_hash::Error::PasswordInvalid) => Ok(Verdict::Wrong),
        Err(error) => Err(HashError::Stored(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_hash_names_argon2id_version_19_and_its_cost_and_is_salted() {
        let password = SecretString::from("correct horse");
        let (one, other) = (hash_with(COST, &password).unwrap(), hash_with(COST, &password).unwrap());
        assert!(one.expose_secret().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", one.expose_secret());
        assert_ne!(one.expose_secret(), other.expose_secret());
        assert_eq!(compare_with(&password, &one).unwrap(), Verdict::Right);
        assert_eq!(compare_with(&"Correct horse".into(), &one).unwrap(), Verdict::Wrong);
    }

    #[test]
    fn a_hash_of_less_effort_is_outdated_and_one_of_far_more_is_refused() {
        let password = SecretString::from("correct horse");
        let cheap = hash_with((8, 1, 1), &password).unwrap();
        assert_eq!(compare_with(&password, &cheap).unwrap(), Verdict::Outdated);
        let costly = cheap.expose_secret().replace("m=8,", "m=4194304,").into();
        assert!(matches!(compare_with(&password, &costly), Err(HashError::TooCostly)));
    }

    #[tokio::test]
    async fn without_a_hash_every_password_is_wrong() {
        let hashing = Hashing::default();
        assert_eq!(hashing.compare(&SecretString::default(), None).await.unwrap(), Verdict::Wrong);
        assert!(hashing.decoy.expose_secret().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "the work differs");
    }

    #[tokio::test]
    async fn abandoned_work_keeps_its_permit_until_it_ends() {
        let hashing = Hashing::default();
        let (began, has_begun) = mpsc::channel();
        let (release, held) = mpsc::channel::<()>();
        let abandoned = {
            let hashing = hashing.clone();
            tokio::spawn(async move {
                let work = move || {
                    began.send(()).unwrap();
                    let _ = held.recv();
                };
                hashing.run(work).await
            })
        };
        tokio::task::spawn_blocking(move || has_begun.recv().unwrap()).await.unwrap();
        abandoned.abort();
        let _ = abandoned.await;
        assert_eq!(hashing.running.available_permits(), AT_ONCE - 1);
        drop(release);
        let _all = hashing.running.acquire_many(u32::try_from(AT_ONCE).unwrap()).await.unwrap();
    }

    #[tokio::test]
    async fn beyond_the_queue_a_caller_is_sent_away_at_once() {
        let hashing = Hashing::default();
        let _full = hashing.admitted.acquire_many(u32::try_from(AT_ONCE + WAITING).unwrap()).await.unwrap();
        assert!(matches!(hashing.hash(&"x".into()).await, Err(Error::Busy)));
    }
}
