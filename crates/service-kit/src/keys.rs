use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jsonwebtoken::jwk::JwkSet;
use tokio::sync::{Mutex, RwLock};

/// How long published keys are believed.
const FRESH: Duration = Duration::from_mins(5);
/// How soon an unknown key id may ask for the keys again.
const AGAIN: Duration = Duration::from_secs(2);
/// How long known keys serve on while nobody answers.
const LAST: Duration = Duration::from_hours(24);

/// The keys that an issuer of tokens publishes, kept for a while.
#[derive(Default)]
pub struct PublishedKeys {
    keys: RwLock<Option<Published>>,
    asking: Mutex<()>,
}

/// Keys, when they came, and when they were last asked for.
#[derive(Clone)]
struct Published {
    keys: Arc<JwkSet>,
    came: Instant,
    asked: Instant,
}

impl Published {
    fn is_fresh(&self, fresh: Duration) -> bool {
        self.came.elapsed() < fresh || self.asked.elapsed() < AGAIN
    }
}

impl PublishedKeys {
    /// The keys, among them the one called `kid` if the issuer has it. `ask` gets them; it is called when they are old,
    /// or when `kid` is unknown, by one caller at a time and not too often.
    ///
    /// # Errors
    /// What `ask` fails with, when there are no keys that could serve on.
    pub async fn having<E, F>(&self, kid: &str, ask: impl Fn() -> F) -> Result<Arc<JwkSet>, E>
    where
        E: std::error::Error,
        F: Future<Output = Result<JwkSet, E>>,
    {
        let keys = self.keys(FRESH, ask()).await?;
        if keys.find(kid).is_some() { Ok(keys) } else { self.keys(AGAIN, ask()).await }
    }

    /// Keys not older than `fresh`, or older ones for as long as newer ones can't be had or are being asked for.
    async fn keys<E: std::error::Error>(
        &self,
        fresh: Duration,
        ask: impl Future<Output = Result<JwkSet, E>>,
    ) -> Result<Arc<JwkSet>, E> {
        let known = self.keys.read().await.clone();
        let _asking = match &known {
            Some(known) if known.is_fresh(fresh) => return Ok(known.keys.clone()),
            Some(known) => match self.asking.try_lock() {
                Ok(asking) => asking,
                Err(_) => return Ok(known.keys.clone()),
            },
            None => self.asking.lock().await,
        };
        if let Some(known) = &*self.keys.read().await
            && known.is_fresh(fresh)
        {
            return Ok(known.keys.clone());
        }
        let answer = ask.await;
        let mut slot = self.keys.write().await;
        let now = Instant::now();
        match (answer, &mut *slot) {
            (Ok(keys), slot) => {
                let keys = Arc::new(keys);
                *slot = Some(Published { keys: keys.clone(), came: now, asked: now });
                Ok(keys)
            }
            (Err(error), Some(known)) if known.came.elapsed() < LAST => {
                tracing::warn!(%error, "published keys can't be read again; the known ones serve on");
                known.asked = now;
                Ok(known.keys.clone())
            }
            (Err(error), _) => Err(error),
        }
    }
}
