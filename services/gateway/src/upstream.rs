//! A service behind the door, and whether it lives: a request to one that does not is refused at once instead of
//! waiting, and the other services are asked as ever.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use dallosh_service_kit::{ErrorCode, Problem, ServiceName};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep, timeout},
};

use crate::{Limits, client::Client};

/// How long one answer to the question whether it lives serves all who ask.
const BELIEVED: Duration = Duration::from_secs(1);
/// How often a service that does not live is asked whether it does again.
const AGAIN: Duration = Duration::from_millis(500);

/// A service.
pub struct Upstream {
    name: ServiceName,
    /// Its address, such as `http://127.0.0.1:5001`.
    pub base: String,
    http: Client,
    limits: Limits,
    is_dead: AtomicBool,
    asked: Mutex<Option<(Instant, bool)>>,
}

impl Upstream {
    /// The service at `base`, which is believed to live.
    pub fn new(name: ServiceName, base: &str, http: Client, limits: Limits) -> Arc<Self> {
        let (is_dead, asked) = (AtomicBool::new(false), Mutex::new(None));
        Arc::new(Self { name, base: base.to_owned(), http, limits, is_dead, asked })
    }

    /// Lets a request go on unless the service is known to be dead.
    ///
    /// # Errors
    /// `unavailable`.
    pub fn check(&self) -> Result<(), Problem> {
        if self.is_dead.load(Ordering::Relaxed) {
            let detail = format!("the {} service does not answer at the moment", self.name.as_str());
            return Err(Problem::new(ErrorCode::Unavailable, detail));
        }
        Ok(())
    }

    /// Ends when the service does not live, for one that waits for its answer.
    pub fn death(self: &Arc<Self>) -> impl Future<Output = ()> + use<> {
        let this = self.clone();
        async move {
            loop {
                sleep(this.limits.patience).await;
                if !this.lives().await {
                    this.bury();
                    return;
                }
            }
        }
    }

    /// From now on requests are refused, until the service answers again.
    pub fn bury(self: &Arc<Self>) {
        if self.is_dead.swap(true, Ordering::Relaxed) {
            return;
        }
        tracing::warn!(service = self.name.as_str(), "does not answer; requests to it are refused until it does");
        // Whoever waits for a service does not keep it.
        let this = Arc::downgrade(self);
        tokio::spawn(async move {
            while let Some(this) = this.upgrade() {
                if this.answers().await {
                    tracing::info!(service = this.name.as_str(), "answers again");
                    this.is_dead.store(false, Ordering::Relaxed);
                    return;
                }
                drop(this);
                sleep(AGAIN).await;
            }
        });
    }

    /// One question for all who want to know at the same time.
    async fn lives(&self) -> bool {
        let mut asked = self.asked.lock().await;
        match *asked {
            Some((at, lives)) if at.elapsed() < BELIEVED => lives,
            _ => {
                let lives = self.answers().await;
                *asked = Some((Instant::now(), lives));
                lives
            }
        }
    }

    /// Whether it says anything at all, however busy it is.
    async fn answers(&self) -> bool {
        let Ok(address) = format!("{}/healthz", self.base).parse() else { return false };
        timeout(self.limits.patience, self.http.get(address)).await.is_ok_and(|answer| answer.is_ok())
    }
}
