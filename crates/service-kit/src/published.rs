use std::{
    error::Error,
    sync::Arc,
    time::{Duration, Instant},
};

use jsonwebtoken::jwk::JwkSet;
use tokio::{
    sync::{Mutex, RwLock},
    time::timeout,
};

use crate::{ErrorCode, Problem};

/// How soon it is asked again after it did not answer.
const AGAIN: Duration = Duration::from_secs(2);

/// How old a copy may be.
#[derive(Debug, Clone, Copy)]
pub struct Ages {
    /// Up to this it is used without asking.
    pub fresh: Duration,
    /// Up to this it is used while another request asks for a newer one.
    pub meanwhile: Duration,
    /// Up to this it is used while nobody answers.
    pub last: Duration,
}

/// How long an answer may take.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// When there is no copy that may still be used.
    pub first: Duration,
    /// When there is one: a request passes several services, and each may have to wait.
    pub newer: Duration,
}

impl Patience {
    /// With a service of ours.
    pub const INSIDE: Self = Self { first: Duration::from_secs(2), newer: Duration::from_millis(250) };
}

/// Something that a service publishes for the others, or an issuer for everybody; read when it is needed, by one request
/// at a time.
pub struct Published<T> {
    what: &'static str,
    ages: Ages,
    patience: Patience,
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

impl<T> Published<T> {
    /// What `what` publishes, such as "the auth service"; it is asked for when it is needed.
    pub fn new(what: &'static str, ages: Ages, patience: Patience) -> Self {
        let known = RwLock::new(Known { copy: None, asked: None });
        Self { what, ages, patience, known, asking: Mutex::new(()) }
    }

    /// A copy that is fresh, or the best that there is. `ask` gets one, and is left alone when there is no need.
    ///
    /// # Errors
    /// `unavailable` when there is none that may still be used.
    pub async fn get<E, F>(&self, ask: impl FnOnce() -> F) -> Result<Arc<T>, Problem>
    where
        E: Error,
        F: Future<Output = Result<T, E>>,
    {
        self.within(self.ages, ask).await
    }

    async fn within<E, F>(&self, ages: Ages, ask: impl FnOnce() -> F) -> Result<Arc<T>, Problem>
    where
        E: Error,
        F: Future<Output = Result<T, E>>,
    {
        if let Some(copy) = self.without_asking(ages).await? {
            return Ok(copy);
        }
        // A question is rare and takes kilobytes, which every request would carry along.
        Box::pin(self.renewed(ages, ask())).await
    }

    async fn renewed<E: Error>(&self, ages: Ages, ask: impl Future<Output = Result<T, E>>) -> Result<Arc<T>, Problem> {
        let _asking = if let Ok(asking) = self.asking.try_lock() {
            asking
        } else {
            if let Some(copy) = self.known.read().await.younger_than(ages.meanwhile) {
                return Ok(copy);
            }
            self.asking.lock().await
        };
        if let Some(copy) = self.without_asking(ages).await? {
            return Ok(copy);
        }
        let usable = self.known.read().await.younger_than(ages.last);
        let patience = if usable.is_some() { self.patience.newer } else { self.patience.first };
        let answer = timeout(patience, ask).await;
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
        let usable = known.younger_than(ages.last).ok_or(refusal)?;
        tracing::warn!(of = self.what, "what was read before serves on");
        Ok(usable)
    }

    /// What there is to say when it is too early to ask; none when it is time.
    async fn without_asking(&self, ages: Ages) -> Result<Option<Arc<T>>, Problem> {
        let known = self.known.read().await;
        if let Some(copy) = known.younger_than(ages.fresh) {
            return Ok(Some(copy));
        }
        if known.asked.is_none_or(|asked| asked.elapsed() >= AGAIN) {
            return Ok(None);
        }
        let nothing = || Problem::new(ErrorCode::Unavailable, format!("{} is not available at the moment", self.what));
        known.younger_than(ages.last).map(Some).ok_or_else(nothing)
    }
}

impl Published<JwkSet> {
    /// Keys that tokens are verified with: believed for five minutes, and for a day while nobody answers.
    pub fn keys(what: &'static str, patience: Patience) -> Self {
        let last = Duration::from_hours(24);
        Self::new(what, Ages { fresh: Duration::from_mins(5), meanwhile: last, last }, patience)
    }

    /// The keys, among them the one called `kid` if there is one: while it is unknown they are asked for again, though not
    /// more often than every two seconds.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn having<E, F>(&self, kid: &str, ask: impl Fn() -> F) -> Result<Arc<JwkSet>, Problem>
    where
        E: Error,
        F: Future<Output = Result<JwkSet, E>>,
    {
        let keys = self.get(&ask).await?;
        if keys.find(kid).is_some() {
            return Ok(keys);
        }
        self.within(Ages { fresh: AGAIN, meanwhile: Duration::ZERO, ..self.ages }, ask).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use actix_web::{App, HttpResponse, HttpServer, dev::ServerHandle, web};

    use super::*;
    use crate::ServiceClient;

    fn news(ages: Ages) -> Published<String> {
        Published::new("the news", ages, Patience::INSIDE)
    }

    impl<T> Published<T> {
        /// Makes what is known older.
        async fn age(&self, by: Duration) {
            let mut known = self.known.write().await;
            let Known { copy, asked } = &mut *known;
            for at in copy.iter_mut().map(|(_, came)| came).chain(asked) {
                *at = at.checked_sub(by).unwrap();
            }
        }
    }

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
        let news = news(Ages { fresh: hour, meanwhile: hour, last: hour });
        let answers = futures::future::join_all((0..50).map(|_| news.get(|| auth.get("/news", None)))).await;
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
        let news = news(Ages { fresh: hour, meanwhile: hour, last: hour });
        let answers = futures::future::join_all((0..50).map(|_| news.get(|| client.get("/news", None)))).await;
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
        let news = news(Ages { fresh: Duration::ZERO, meanwhile: Duration::ZERO, last });
        let began = Instant::now();
        news.get(|| auth.get("/news", None)).await.unwrap();
        server.stop(false).await;
        let mut times = 0;
        while news.get(|| auth.get("/news", None)).await.is_ok() {
            times += 1;
            assert!(began.elapsed() < Duration::from_secs(5), "it serves on and on");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(times > 0 && began.elapsed() >= last, "{times} times, {:?}", began.elapsed());
        assert_eq!(news.get(|| auth.get("/news", None)).await.unwrap_err().code, ErrorCode::Unavailable);
    }

    /// Keys under these names.
    fn keys(kids: &[&str]) -> JwkSet {
        let key = |kid: &&str| {
            let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
            serde_json::from_value(serde_json::json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid})).unwrap()
        };
        JwkSet { keys: kids.iter().map(key).collect() }
    }

    #[tokio::test(start_paused = true)]
    async fn known_keys_serve_on_while_the_service_is_frozen_and_without_any_nobody_waits_for_long() {
        let published = Published::keys("the auth service", Patience::INSIDE);
        let frozen = || std::future::pending::<Result<JwkSet, std::io::Error>>();
        let began = tokio::time::Instant::now();
        let refused = published.having("a", frozen).await.unwrap_err();
        assert_eq!((refused.code, began.elapsed()), (ErrorCode::Unavailable, Patience::INSIDE.first));
        assert_eq!(published.having("a", frozen).await.unwrap_err().code, ErrorCode::Unavailable);
        assert_eq!(began.elapsed(), Patience::INSIDE.first, "it is asked again at once");

        let published = Published::keys("the auth service", Patience::INSIDE);
        published.having("a", async || Ok::<_, std::io::Error>(keys(&["a"]))).await.unwrap();
        published.age(AGAIN).await;
        let began = tokio::time::Instant::now();
        assert!(published.having("a", frozen).await.unwrap().find("a").is_some());
        assert_eq!(began.elapsed(), Duration::ZERO);
        assert!(published.having("b", frozen).await.unwrap().find("b").is_none());
        assert_eq!(began.elapsed(), Patience::INSIDE.newer);
        published.age(Duration::from_mins(5)).await;
        assert!(published.having("a", frozen).await.unwrap().find("a").is_some());
        assert_eq!(began.elapsed(), Patience::INSIDE.newer * 2);
    }

    #[tokio::test]
    async fn an_unknown_key_is_asked_for_once_in_two_seconds_and_found_by_all_who_wait() {
        let published = Published::keys("the auth service", Patience::INSIDE);
        let asked = AtomicUsize::new(0);
        let ask = async |kids: &'static [&'static str]| {
            asked.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            Ok::<_, std::io::Error>(keys(kids))
        };
        published.having("a", || ask(&["a"])).await.unwrap();
        for _ in 0..3 {
            assert!(published.having("b", || ask(&["a", "b"])).await.unwrap().find("b").is_none(), "it was just asked");
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        published.age(AGAIN).await;
        let found = futures::future::join_all((0..20).map(|_| published.having("b", || ask(&["a", "b"])))).await;
        assert!(found.iter().all(|keys| keys.as_ref().is_ok_and(|keys| keys.find("b").is_some())));
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }
}
