//! `Idempotency-Key`: the same request sent again is done once, and answered alike for a day.

use std::{
    cell::RefCell,
    future::poll_fn,
    pin::pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use actix_web::{
    Error, FromRequest as _, HttpMessage as _, HttpResponse,
    body::{self, BodySize, BoxBody, MessageBody},
    dev::{Payload, ServiceRequest, ServiceResponse},
    error::PayloadError,
    http::{
        Method, StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
    middleware::Next,
    web,
};
use bytes::Bytes;
use chrono::TimeDelta;
use dallosh_primitives::{Clock, Uid};
use dallosh_secrets::{SealError, Sealer};
use dallosh_store::{Collection, Document, Filter, Index, Store, StoreError, StoreErrorKind, Versioned};
use futures::{FutureExt as _, Stream as _, stream};
use memchr::memmem;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::select;

use crate::{Caller, Credential, ErrorCode, Problem, Worker};

const KEY: &str = "idempotency-key";
/// The longest key.
const LONGEST_KEY: usize = 255;
/// How long an answer is kept.
const KEPT: TimeDelta = TimeDelta::hours(24);
/// How often a running request says that it runs.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);
/// After this much silence a request is taken for dead, and the next one with its key is done.
const DEAD: TimeDelta = TimeDelta::seconds(30);
/// The largest answer that is kept, in bytes.
const LARGEST_ANSWER: usize = 256 << 10;
/// How often old answers are deleted.
const SWEEP: Duration = Duration::from_hours(1);
/// What is kept of an answer's headers.
const HEADERS: [HeaderName; 4] = [header::CONTENT_TYPE, header::LOCATION, header::ETAG, header::CACHE_CONTROL];

/// A request with a key: running, or answered.
#[derive(Clone, Serialize, Deserialize)]
struct Request {
    schema_version: u32,
    /// What its body hashes to, once it was read.
    fingerprint: Option<String>,
    answer: Option<Answer>,
    /// Both of them, where they may tell a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sealed: Option<String>,
}

impl Request {
    const NEW: Self = Self { schema_version: 1, fingerprint: None, answer: None, sealed: None };

    fn is_answered(&self) -> bool {
        self.answer.is_some() || self.sealed.is_some()
    }
}

#[derive(Clone, Serialize, Deserialize)]
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Document for Request {
    const COLLECTION: &'static str = "idempotent_requests";
    const INDEXES: &'static [Index] = &[Index { fields: &["createdAt"], unique: false }];
}

/// What a request with a key is.
enum Claim {
    /// The first, or the first that lives: it is done under this record.
    First(Box<Versioned<Request>>),
    /// Answered already, for a body with this fingerprint.
    Answered(String, Answer),
}

/// Keeps the answers to POSTs with an `Idempotency-Key`. A service that has one among its data does each such request
/// of a caller once: its path, key and caller name it. Only successes are kept, none that sets a cookie, and none that
/// says `no-store` itself unless it is [`sealed`](Idempotency::sealed), so that no secret lies open.
pub struct Idempotency {
    requests: Collection<Request>,
    clock: Arc<dyn Clock>,
    sealer: Option<Sealer>,
}

impl Idempotency {
    /// Makes the collection when it is not there.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn open(store: &Store, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        Ok(Self { requests: store.collection().await?, clock, sealer: None })
    }

    /// Seals what is kept, and so also keeps answers that show a secret once. What another master key sealed counts as
    /// not kept.
    #[must_use]
    pub fn sealed(self, sealer: Sealer) -> Self {
        Self { sealer: Some(sealer), ..self }
    }

    /// Deletes answers that were kept long enough.
    pub fn worker(self: &Arc<Self>) -> Worker {
        let kept = self.clone();
        Box::new(move |stop| {
            async move {
                loop {
                    if let Err(error) = kept.sweep().await {
                        tracing::warn!(%error, "old answers are not deleted now");
                    }
                    if stop.run_until_cancelled(tokio::time::sleep(SWEEP)).await.is_none() {
                        return;
                    }
                }
            }
            .boxed()
        })
    }

    async fn sweep(&self) -> Result<u64, StoreError> {
        let begun_before = Filter::Range("createdAt", None, Some((self.clock.now() - KEPT).into()));
        self.requests.delete_many(&begun_before).await
    }

    async fn claim(&self, uid: Uid, caller: &str) -> Result<Claim, Problem> {
        match self.requests.insert_as(uid, Request::NEW, caller).await {
            Ok(record) => return Ok(Claim::First(Box::new(record))),
            Err(error) if error.kind != StoreErrorKind::Duplicate => return Err(unavailable(error)),
            Err(_) => {}
        }
        let Some(found) = self.requests.find(uid).await.map_err(unavailable)? else { return Err(in_progress()) };
        let now = self.clock.now();
        let is_answered = found.data.is_answered();
        if now - found.updated_at <= if is_answered { KEPT } else { DEAD } {
            if !is_answered {
                return Err(in_progress());
            }
            if let Some((fingerprint, answer)) = self.open_kept(uid, &found.data) {
                return Ok(Claim::Answered(fingerprint, answer));
            }
        }
        match self.requests.replace(Versioned { data: Request::NEW, ..found }, caller).await {
            Ok(record) => Ok(Claim::First(Box::new(record))),
            Err(error) if error.kind == StoreErrorKind::Stale => Err(in_progress()),
            Err(error) => Err(unavailable(error)),
        }
    }

    /// What is kept of an answered request.
    fn keep(&self, uid: Uid, fingerprint: String, answer: Answer) -> Result<Request, SealError> {
        let Some(sealer) = &self.sealer else {
            return Ok(Request { fingerprint: Some(fingerprint), answer: Some(answer), ..Request::NEW });
        };
        let text = serde_json::to_string(&(fingerprint, answer)).map_err(|_| SealError::Failed)?;
        Ok(Request { sealed: Some(sealer.seal(&SecretString::from(text), &place(uid))?), ..Request::NEW })
    }

    /// What was kept; `None` when it can't be opened.
    fn open_kept(&self, uid: Uid, request: &Request) -> Option<(String, Answer)> {
        let Some(sealed) = &request.sealed else {
            return Some((request.fingerprint.clone()?, request.answer.clone()?));
        };
        let text = self.sealer.as_ref()?.unseal(sealed, &place(uid)).ok()?;
        serde_json::from_str(text.expose_secret()).ok()
    }
}

/// Where a request's answer is kept, for its seal.
fn place(uid: Uid) -> String {
    format!("{}/{uid}", Request::COLLECTION)
}

fn unavailable(error: StoreError) -> Problem {
    Problem::unavailable("the database", error)
}

fn in_progress() -> Problem {
    let detail = "a request with this Idempotency-Key is being done; ask again in a moment";
    Problem { retry_after: Some(1), ..Problem::new(ErrorCode::RequestInProgress, detail) }
}

/// The middleware: does a POST with a key once.
pub(crate) async fn once(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let kept = request.app_data::<web::Data<Idempotency>>().cloned();
    let (Some(kept), Some(key), &Method::POST) = (kept, request.headers().get(KEY), request.method()) else {
        return Ok(next.call(request).await?.map_into_boxed_body());
    };
    let key = key.to_str().ok().filter(|key| (1..=LONGEST_KEY).contains(&key.len())).map(str::to_owned);
    // Whoever is nobody gets the route's own refusal.
    let Ok(caller) = Caller::extract(request.request()).await else {
        return Ok(next.call(request).await?.map_into_boxed_body());
    };
    let key = key.ok_or_else(|| {
        Problem::new(ErrorCode::BadRequest, "an Idempotency-Key has 1 to 255 visible ASCII characters")
    })?;
    // A program's token does less than its user: the user's own answers are not for it.
    let holder = if caller.credential == Credential::ApiToken { caller.session } else { caller.user };
    let uid = holder.derived(&format!("{} {key}", request.uri()));
    let by = caller.name();
    let boundary = request
        .mime_type()
        .ok()
        .flatten()
        .and_then(|kind| kind.get_param("boundary").map(|boundary| boundary.as_str().as_bytes().to_vec()));
    let body = Rc::new(RefCell::new(Body::new(request.take_payload(), boundary)));
    let record = match kept.claim(uid, &by).await? {
        Claim::First(record) => *record,
        Claim::Answered(fingerprint, answer) => {
            return if read_to_end(&body).await.as_deref() == Some(&fingerprint) {
                Ok(request.into_response(answer.again()))
            } else {
                let detail = "this Idempotency-Key was used for another request; choose a new one";
                Err(Problem::new(ErrorCode::KeyReused, detail).into())
            };
        }
    };
    let passing = body.clone();
    let payload = stream::poll_fn(move |context| passing.borrow_mut().poll(context));
    request.set_payload(Payload::Stream { payload: Box::pin(payload) });
    let (outcome, record) = alive(&kept, record, &by, next.call(request)).await;
    let answered = match outcome {
        Ok(response) => Answer::of(response, kept.sealer.is_some()).await,
        Err(error) => Err(error),
    };
    let fingerprint = match &answered {
        Ok((_, Some(_))) => read_to_end(&body).await,
        _ => None,
    };
    let (response, answer) = match answered {
        Ok((response, answer)) => (Ok(response), answer),
        Err(error) => (Err(error), None),
    };
    let data = fingerprint.zip(answer).and_then(|(fingerprint, answer)| {
        let data = kept.keep(uid, fingerprint, answer);
        data.inspect_err(|error| tracing::error!(%error, "an answer can't be kept")).ok()
    });
    let written = match data {
        Some(data) => kept.requests.replace(Versioned { data, ..record }, by).await.map(|_| ()),
        None => kept.requests.delete(uid).await.map(|_| ()),
    };
    if let Err(error) = written {
        tracing::warn!(%error, "the answer to a request with an Idempotency-Key is not kept");
    }
    response
}

/// Runs a request, and says from time to time that it runs.
async fn alive<F: Future>(
    kept: &Idempotency,
    mut record: Versioned<Request>,
    by: &str,
    work: F,
) -> (F::Output, Versioned<Request>) {
    let mut work = pin!(work);
    loop {
        select! {
            outcome = &mut work => return (outcome, record),
            () = tokio::time::sleep(SIGN_OF_LIFE) => {
                match kept.requests.replace(record.clone(), by).await {
                    Ok(written) => record = written,
                    Err(error) => tracing::warn!(%error, "a request with an Idempotency-Key can't say that it runs"),
                }
            }
        }
    }
}

impl Answer {
    /// An answer, and what is kept of it: nothing unless it is a small success that anybody may keep, or that `seals`.
    async fn of(
        response: ServiceResponse<impl MessageBody + 'static>,
        seals: bool,
    ) -> Result<(ServiceResponse<BoxBody>, Option<Self>), Error> {
        let headers = response.headers();
        let is_secret = headers.get(header::CACHE_CONTROL).is_some_and(|how| how.as_bytes() == b"no-store");
        let is_kept = headers.get(header::SET_COOKIE).is_none() && (seals || !is_secret);
        let is_small = match response.response().body().size() {
            BodySize::None => true,
            BodySize::Sized(length) => length <= LARGEST_ANSWER as u64,
            BodySize::Stream => false,
        };
        if !response.status().is_success() || !is_kept || !is_small {
            return Ok((response.map_into_boxed_body(), None));
        }
        let text = |name: &HeaderName| Some((name.to_string(), headers.get(name)?.to_str().ok()?.to_owned()));
        let (status, headers) = (response.status().as_u16(), HEADERS.iter().filter_map(text).collect());
        let (request, response) = response.into_parts();
        let (response, content) = response.into_parts();
        let content = body::to_bytes(content).await.map_err(|error| Problem::internal(ReadAnswer(error.into())))?;
        let answer = String::from_utf8(content.to_vec()).ok().map(|body| Self { status, headers, body });
        let body = if content.is_empty() { BoxBody::new(()) } else { BoxBody::new(content) };
        Ok((ServiceResponse::new(request, response.set_body(body)), answer))
    }

    fn again(self) -> HttpResponse {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK);
        let mut response = HttpResponse::build(status);
        for (name, value) in self.headers {
            response.insert_header((name, value));
        }
        response.insert_header(("idempotency-replayed", HeaderValue::from_static("true")));
        if self.body.is_empty() { response.finish() } else { response.body(self.body) }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("an answer can't be read")]
struct ReadAnswer(#[source] Box<dyn std::error::Error>);

/// A request's body, hashed as it passes.
struct Body {
    payload: Payload,
    is_over: bool,
    hash: Sha256,
    /// Of a form: a client makes a new boundary for each try, so that it does not count.
    boundary: Option<Vec<u8>>,
    /// What may be the beginning of a boundary.
    tail: Vec<u8>,
}

impl Body {
    fn new(payload: Payload, boundary: Option<Vec<u8>>) -> Self {
        let boundary = boundary.filter(|boundary| !boundary.is_empty());
        Self { payload, is_over: false, hash: Sha256::new(), boundary, tail: Vec::new() }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, PayloadError>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let next = ready!(pin!(&mut self.payload).poll_next(context));
        match &next {
            Some(Ok(bytes)) => self.count(bytes),
            _ => self.is_over = true,
        }
        Poll::Ready(next)
    }

    fn count(&mut self, bytes: &[u8]) {
        let Some(boundary) = &self.boundary else { return self.hash.update(bytes) };
        self.tail.extend_from_slice(bytes);
        let mut done = 0;
        for found in memmem::find_iter(&self.tail, boundary) {
            self.hash.update(self.tail.get(done..found).unwrap_or_default());
            done = found + boundary.len();
        }
        let whole = self.tail.len().saturating_sub(boundary.len() - 1).max(done);
        self.hash.update(self.tail.get(done..whole).unwrap_or_default());
        self.tail.drain(..whole);
    }
}

/// Reads what the handler left, and gives what all of it hashes to; `None` when the body is broken off.
async fn read_to_end(body: &RefCell<Body>) -> Option<String> {
    while let Some(piece) = poll_fn(|context| body.borrow_mut().poll(context)).await {
        piece.ok()?;
    }
    let Body { hash, tail, .. } = &*body.borrow();
    Some(hex::encode(hash.clone().chain_update(tail).finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(boundary: &str, pieces: &[&str]) -> String {
        let mut body = Body::new(Payload::None, Some(boundary.as_bytes().to_vec()));
        for piece in pieces {
            body.count(piece.as_bytes());
        }
        body.is_over = true;
        futures::executor::block_on(read_to_end(&RefCell::new(body))).unwrap()
    }

    #[test]
    fn a_form_is_the_same_under_any_boundary_and_however_it_is_cut() {
        let one = fingerprint("XYX", &["--XYX\r\na\r\n--XYX--\r\n"]);
        assert_eq!(fingerprint("XYX", &["--X", "Y", "X\r\na\r\n--XY", "X--\r\n"]), one);
        assert_eq!(fingerprint("other", &["--other\r\na\r\n--oth", "er--\r\n"]), one);
        assert_ne!(fingerprint("XYX", &["--XYX\r\nb\r\n--XYX--\r\n"]), one);
        assert_ne!(fingerprint("XYX", &["--XYX\r\na\r\n"]), one);
    }
}
