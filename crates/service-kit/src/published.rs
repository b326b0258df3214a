use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde::de::DeserializeOwned;
use tokio::{
    sync::{Mutex, RwLock},
    time::timeout,
};

use crate::{Problem, ServiceClient};

/// How long the auth service may take to answer.
const ANSWER: Duration = Duration::from_secs(2);
/// How long when there is a copy that may still be used: a request passes several services, and each may have to wait.
const NEWER: Duration = Duration::from_millis(250);
/// How soon it is asked again after it did not answer.
const AGAIN: Duration = Duration::from_secs(2);

/// How old a copy may be.
#[derive(Debug, Clone, Copy)]
pub struct Ages {
    /// Up to this it is used without asking.
    pub fresh: Duration,
    /// Up to this it is used while another request asks for a newer one.
    pub meanwhile: Duration,
    /// Up to this it is used while the auth service does not answer.
    pub last: Duration,
}

/// Something that the auth service publishes, read when it is needed, by one request at a time.
pub struct Published<T> {
    path: &'static str,
    ages: Ages,
    known: RwLock<Option<Known<T>>>,
    asking: Mutex<()>,
}

/// A copy, when it came, and when a newer one was asked for last.
struct Known<T> {
    copy: Arc<T>,
    came: Instant,
    asked: Instant,
}

impl<T: DeserializeOwned> Published<T> {
    /// What is at `path`; it is asked for when it is needed.
    pub fn new(path: &'static str, ages: Ages) -> Self {
        Self { path, ages, known: RwLock::new(None), asking: Mutex::new(()) }
    }

    /// A copy that is fresh, or the best that there is.
    ///
    /// # Errors
    /// `unavailable` when there is none that may still be used.
    pub async fn get(&self, auth: &ServiceClient) -> Result<Arc<T>, Problem> {
        if let Some(copy) = self.without_asking().await? {
            return Ok(copy);
        }
        let _asking = if let Ok(asking) = self.asking.try_lock() {
            asking
        } else {
            if let Some(copy) = self.younger_than(self.ages.meanwhile).await {
                return Ok(copy);
            }
            self.asking.lock().await
        };
        if let Some(copy) = self.without_asking().await? {
            return Ok(copy);
        }
        let patience = if self.younger_than(self.ages.last).await.is_some() { NEWER } else { ANSWER };
        let answer = timeout(patience, auth.get::<T>(self.path, None)).await;
        let mut slot = self.known.write().await;
        let now = Instant::now();
        let refusal = match answer {
            Ok(Ok(copy)) => {
                let copy = Arc::new(copy);
                *slot = Some(Known { copy: copy.clone(), came: now, asked: now });
                return Ok(copy);
            }
            Ok(Err(error)) => Problem::unavailable("the auth service", error),
            Err(late) => Problem::unavailable("the auth service", late),
        };
        match &mut *slot {
            Some(known) => {
                known.asked = now;
                if known.came.elapsed() < self.ages.last {
                    tracing::warn!(path = self.path, "what was read before serves on");
                    Ok(known.copy.clone())
                } else {
                    Err(refusal)
                }
            }
            None => Err(refusal),
        }
    }

    async fn younger_than(&self, age: Duration) -> Option<Arc<T>> {
        let known = self.known.read().await;
        known.as_ref().filter(|known| known.came.elapsed() < age).map(|known| known.copy.clone())
    }

    /// What there is to say when it is too early to ask; none when it is time.
    async fn without_asking(&self) -> Result<Option<Arc<T>>, Problem> {
        let known = self.known.read().await;
        let Some(Known { copy, came, asked }) = &*known else { return Ok(None) };
        if came.elapsed() < self.ages.fresh {
            return Ok(Some(copy.clone()));
        }
        match (asked.elapsed() < AGAIN, came.elapsed() < self.ages.last) {
            (false, _) => Ok(None),
            (true, true) => Ok(Some(copy.clone())),
            (true, false) => {
                Err(Problem::new(crate::ErrorCode::Unavailable, "the auth service is not available at the moment"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use actix_web::{App, HttpResponse, HttpServer, dev::ServerHandle, web};

    use super::*;

    /// An auth service that counts how often it is asked.
    async fn auth() -> (ServiceClient, Arc<AtomicUsize>, ServerHandle) {
        let asked = Arc::new(AtomicUsize::new(0));
        let told = asked.clone();
        let server = HttpServer::new(move || {
            let told = told.clone();
            let answer = move || {
                told.fetch_add(1, Ordering::SeqCst);
                async { HttpResponse::Ok().json("news") }
            };
            App::new().route("/news", web::get().to(answer))
        });
        let server = server.workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
        let client = ServiceClient::new(&format!("http://{}", server.addrs()[0])).unwrap();
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(server);
        (client, asked, handle)
    }

    #[tokio::test]
    async fn many_requests_at_once_ask_once() {
        let (auth, asked, _) = auth().await;
        let hour = Duration::from_hours(1);
        let news = Published::<String>::new("/news", Ages { fresh: hour, meanwhile: hour, last: hour });
        let answers = futures::future::join_all((0..50).map(|_| news.get(&auth))).await;
        assert!(answers.iter().all(|answer| answer.as_ref().is_ok_and(|news| **news == "news")));
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn what_was_read_serves_on_without_the_auth_service_for_its_time_and_no_longer() {
        let (auth, _, server) = auth().await;
        let last = Duration::from_millis(500);
        let news = Published::<String>::new("/news", Ages { fresh: Duration::ZERO, meanwhile: Duration::ZERO, last });
        let began = Instant::now();
        news.get(&auth).await.unwrap();
        server.stop(false).await;
        let mut times = 0;
        while news.get(&auth).await.is_ok() {
            times += 1;
            assert!(began.elapsed() < Duration::from_secs(5), "it serves on and on");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(times > 0 && began.elapsed() >= last, "{times} times, {:?}", began.elapsed());
        assert_eq!(news.get(&auth).await.unwrap_err().code, crate::ErrorCode::Unavailable);
    }
}
