use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde::de::DeserializeOwned;
use tokio::{
    sync::{Mutex, RwLock},
    time::timeout,
};

use crate::{ErrorCode, Problem, ServiceClient};

/// How long a service may take to answer.
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
    /// Up to this it is used while the service does not answer.
    pub last: Duration,
}

/// Something that a service publishes for the others, read when it is needed, by one request at a time.
pub struct Published<T> {
    what: &'static str,
    path: &'static str,
    ages: Ages,
    known: RwLock<Known<T>>,
    asking: Mutex<()>,
}

/// The last copy with the time when it came, and when one was asked for last.
struct Known<T> {
    copy: Option<(Arc<T>, Instant)>,
    asked: Option<Instant>,
}

impl<T> Known<T> {
    fn younger_than(&self, age: Duration) -> Option<Arc<T>> {
        self.copy.as_ref().filter(|(_, came)| came.elapsed() < age).map(|(copy, _)| copy.clone())
    }
}

impl<T: DeserializeOwned> Published<T> {
    /// What `what`, such as "the auth service", has at `path`; it is asked for when it is needed.
    pub fn new(what: &'static str, path: &'static str, ages: Ages) -> Self {
        let known = RwLock::new(Known { copy: None, asked: None });
        Self { what, path, ages, known, asking: Mutex::new(()) }
    }

    /// A copy that is fresh, or the best that there is.
    ///
    /// # Errors
    /// `unavailable` when there is none that may still be used.
    pub async fn get(&self, service: &ServiceClient) -> Result<Arc<T>, Problem> {
        if let Some(copy) = self.without_asking().await? {
            return Ok(copy);
        }
        let _asking = if let Ok(asking) = self.asking.try_lock() {
            asking
        } else {
            if let Some(copy) = self.known.read().await.younger_than(self.ages.meanwhile) {
                return Ok(copy);
            }
            self.asking.lock().await
        };
        if let Some(copy) = self.without_asking().await? {
            return Ok(copy);
        }
        let usable = self.known.read().await.younger_than(self.ages.last);
        let patience = if usable.is_some() { NEWER } else { ANSWER };
        let answer = timeout(patience, service.get::<T>(self.path, None)).await;
        let mut known = self.known.write().await;
        let now = Instant::now();
        known.asked = Some(now);
        let refusal = match answer {
            Ok(Ok(copy)) => {
                let copy = Arc::new(copy);
                known.copy = Some((copy.clone(), now));
                return Ok(copy);
            }
            Ok(Err(error)) => Problem::unavailable(self.what, error),
            Err(late) => Problem::unavailable(self.what, late),
        };
        let usable = known.younger_than(self.ages.last).ok_or(refusal)?;
        tracing::warn!(path = self.path, "what was read before serves on");
        Ok(usable)
    }

    /// What there is to say when it is too early to ask; none when it is time.
    async fn without_asking(&self) -> Result<Option<Arc<T>>, Problem> {
        let known = self.known.read().await;
        if let Some(copy) = known.younger_than(self.ages.fresh) {
            return Ok(Some(copy));
        }
        if known.asked.is_none_or(|asked| asked.elapsed() >= AGAIN) {
            return Ok(None);
        }
        let nothing = || Problem::new(ErrorCode::Unavailable, format!("{} is not available at the moment", self.what));
        known.younger_than(self.ages.last).map(Some).ok_or_else(nothing)
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
        let news = Published::<String>::new("the news", "/news", Ages { fresh: hour, meanwhile: hour, last: hour });
        let answers = futures::future::join_all((0..50).map(|_| news.get(&auth))).await;
        assert!(answers.iter().all(|answer| answer.as_ref().is_ok_and(|news| **news == "news")));
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_service_that_never_answered_is_asked_once_for_all_who_wait() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = ServiceClient::new(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let (told, mut asked) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                told.send(connection).unwrap();
            }
        });
        let hour = Duration::from_hours(1);
        let news = Published::<String>::new("the news", "/news", Ages { fresh: hour, meanwhile: hour, last: hour });
        let answers = futures::future::join_all((0..50).map(|_| news.get(&client))).await;
        let refused =
            |answer: &Result<_, Problem>| answer.as_ref().is_err_and(|one| one.code == ErrorCode::Unavailable);
        assert!(answers.iter().all(refused));
        let _held = asked.recv().await.unwrap();
        assert!(asked.try_recv().is_err(), "it was asked again");
    }

    #[tokio::test]
    async fn what_was_read_serves_on_without_the_auth_service_for_its_time_and_no_longer() {
        let (auth, _, server) = auth().await;
        let last = Duration::from_millis(500);
        let news = Published::<String>::new(
            "the news",
            "/news",
            Ages { fresh: Duration::ZERO, meanwhile: Duration::ZERO, last },
        );
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
        assert_eq!(news.get(&auth).await.unwrap_err().code, ErrorCode::Unavailable);
    }
}
