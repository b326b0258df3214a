//! Streams of events to browsers.

use std::{convert::Infallible, fmt::Display, future::pending, time::Duration};

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use bytes::{Bytes, BytesMut};
use dallosh_contracts::TaskEvent;
use dallosh_service_kit::{Caller, Shutdown, TokenVerifier};
use futures::stream;
use tokio::{
    sync::broadcast::{self, error::RecvError},
    time::Instant,
};

use crate::live::{Followed, LOOK, Log, News};

/// How often a silent stream shows that it lives.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// What is sent at once, in bytes, so that a connection's buffer need not grow for a long past: it would stay so.
const PIECE: usize = 3 << 10;
/// What shows it; no event for the client.
const ALIVE: Bytes = Bytes::from_static(b": alive\n\n");

/// Whether the client asks for a stream.
pub fn is_wanted(request: &HttpRequest) -> bool {
    let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/event-stream"))
}

/// The id of the last message that the client has.
pub fn last_event_id(request: &HttpRequest) -> Option<&str> {
    let value = request.headers().get("last-event-id")?;
    Some(value.to_str().unwrap_or_default().trim())
}

/// An event as a message.
pub fn message(id: impl Display, event: &TaskEvent) -> Bytes {
    let data = serde_json::to_string(event).unwrap_or_default();
    Bytes::from(format!("id: {id}\nevent: {}\ndata: {data}\n\n", event.event))
}

/// One client's stream of a log.
pub struct Stream<L: Log> {
    log: L,
    followed: Followed<L>,
    after: L::Place,
    /// What was read and is not yet sent.
    unsent: Bytes,
    news: Option<broadcast::Receiver<News<L::Place>>>,
    /// The news are not all that is missing: the log has to be read.
    is_behind: bool,
    alive: Instant,
}

impl<L: Log> Stream<L> {
    pub fn new(log: L, followed: &Followed<L>, after: L::Place, opening: Option<Bytes>) -> Self {
        let (followed, unsent) = (followed.clone(), opening.unwrap_or_default());
        Self { log, followed, after, unsent, news: None, is_behind: true, alive: Instant::now() }
    }

    /// The stream. It ends when its caller may not see it any more; whoever may then opens another one.
    pub fn answer(
        self,
        caller: Caller,
        verifier: web::Data<TokenVerifier>,
        shutdown: web::Data<Shutdown>,
    ) -> HttpResponse {
        let pieces =
            stream::unfold((self, caller, verifier, shutdown), async |(mut stream, caller, verifier, stop)| {
                loop {
                    // What is rarely done has its room only while it is done: there are many streams.
                    Box::pin(caller.check_again(&verifier)).await.ok()?;
                    let step = tokio::select! {
                        () = stop.0.cancelled() => None,
                        step = stream.step() => step,
                    };
                    if let Some(piece) = step? {
                        return Some((Ok::<_, Infallible>(piece), (stream, caller, verifier, stop)));
                    }
                }
            });
        HttpResponse::Ok()
            .content_type("text/event-stream")
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .insert_header(("X-Accel-Buffering", "no"))
            .streaming(pieces)
    }

    fn next_piece(&mut self) -> Option<Bytes> {
        let length = PIECE.min(self.unsent.len());
        (length > 0).then(|| self.unsent.split_to(length))
    }

    /// The next to send; `Some(None)` when there was nothing for at most a second, `None` at the end.
    async fn step(&mut self) -> Option<Option<Bytes>> {
        if let Some(piece) = self.next_piece() {
            return Some(Some(piece));
        }
        while self.is_behind {
            // When the database is away, the stream waits for it.
            let Ok(found) = Box::pin(self.log.after(self.after)).await else { break };
            let found = found?;
            if let Some(last) = found.last() {
                self.after = last.place;
                self.alive = Instant::now();
                self.unsent = joined(&found);
                return Some(self.next_piece());
            }
            match self.news {
                None => self.news = Some(self.followed.follow(&self.log, self.after)),
                Some(_) => self.is_behind = false,
            }
        }
        if self.alive.elapsed() >= HEARTBEAT {
            self.alive = Instant::now();
            return Some(Some(ALIVE));
        }
        let due = Instant::now() + LOOK;
        loop {
            let news = async {
                match &mut self.news {
                    Some(news) if !self.is_behind => news.recv().await,
                    _ => pending().await,
                }
            };
            tokio::select! {
                () = tokio::time::sleep_until(due) => return Some(None),
                news = news => match news {
                    Ok(news) if news.place > self.after => {
                        self.after = news.place;
                        self.alive = Instant::now();
                        return Some(Some(news.message));
                    }
                    Ok(_) => {}
                    Err(RecvError::Lagged(_)) => {
                        self.is_behind = true;
                        return Some(None);
                    }
                    Err(RecvError::Closed) => {
                        (self.news, self.is_behind) = (None, true);
                        return Some(None);
                    }
                },
            }
        }
    }
}

fn joined<P>(news: &[News<P>]) -> Bytes {
    let mut all = BytesMut::new();
    for one in news {
        all.extend_from_slice(&one.message);
    }
    all.freeze()
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    };

    use dallosh_jobs::JobError;
    use dallosh_primitives::Uid;

    use super::*;
    use crate::live::Hints;

    /// A log of numbers, that counts how often it is read.
    #[derive(Clone)]
    struct Numbers {
        written: Arc<Mutex<i64>>,
        is_over: Arc<AtomicBool>,
        reads: Arc<AtomicUsize>,
        hints: Hints,
    }

    impl Numbers {
        fn new() -> (Self, Followed<Self>) {
            let hints = Hints::new();
            let log =
                Self { written: Arc::default(), is_over: Arc::default(), reads: Arc::default(), hints: hints.clone() };
            (log, Followed::new(hints))
        }

        fn write(&self) {
            *self.written.lock().unwrap() += 1;
            self.hints.tell(Uid::new());
        }
    }

    impl Log for Numbers {
        type Key = ();
        type Place = i64;

        fn key(&self) {}

        async fn after(&self, place: i64) -> Result<Option<Vec<News<i64>>>, JobError> {
            self.reads.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            let last = *self.written.lock().unwrap();
            if last <= place && self.is_over.load(Ordering::SeqCst) {
                return Ok(None);
            }
            let next = place + 1..=last.min(place + 200);
            Ok(Some(next.map(|place| News { place, message: format!("{place} ").into() }).collect()))
        }

        fn is_meant(&self, _: Uid) -> bool {
            true
        }
    }

    fn all(count: i64) -> String {
        let numbers: Vec<_> = (1..=count).map(|number| number.to_string()).collect();
        numbers.join(" ") + " "
    }

    async fn read_to_the_end(mut stream: Stream<Numbers>) -> String {
        let mut text = String::new();
        while let Some(piece) = stream.step().await {
            let piece = piece.filter(|piece| *piece != ALIVE).unwrap_or_default();
            text.push_str(std::str::from_utf8(&piece).unwrap());
        }
        text
    }

    #[tokio::test(start_paused = true)]
    async fn many_streams_of_a_log_read_it_once_together_and_each_is_told_everything() {
        let (log, followed) = Numbers::new();
        log.write();
        let streams: Vec<_> =
            (0..50).map(|_| tokio::spawn(read_to_the_end(Stream::new(log.clone(), &followed, 0, None)))).collect();
        tokio::time::sleep(LOOK).await;
        let before = log.reads.load(Ordering::SeqCst);
        for _ in 0..5 {
            log.write();
            tokio::time::sleep(LOOK / 10).await;
        }
        let reads = log.reads.load(Ordering::SeqCst) - before;
        assert!(reads < 20, "{reads} reads for five pieces of news and fifty streams");
        log.is_over.store(true, Ordering::SeqCst);
        for stream in streams {
            assert_eq!(stream.await.unwrap(), all(6));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reads_too_slowly_for_the_news_is_still_told_everything_in_order() {
        let (log, followed) = Numbers::new();
        let mut stream = Stream::new(log.clone(), &followed, 0, None);
        assert_eq!(stream.step().await, Some(None));
        for _ in 0..1000 {
            log.write();
        }
        tokio::time::sleep(LOOK * 3).await;
        log.is_over.store(true, Ordering::SeqCst);
        assert_eq!(read_to_the_end(stream).await, all(1000));
    }

    #[tokio::test(start_paused = true)]
    async fn who_follows_after_all_others_left_finds_a_reader_again() {
        let (log, followed) = Numbers::new();
        for count in 1..=3 {
            let mut stream = Stream::new(log.clone(), &followed, count - 1, None);
            assert_eq!(stream.step().await, Some(None));
            log.write();
            assert_eq!(stream.step().await, Some(Some(Bytes::from(format!("{count} ")))));
            drop(stream);
            tokio::time::sleep(LOOK * 3).await;
        }
    }
}
