use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse,
    body::SizedStream,
    http::{Method, StatusCode, header},
    web,
};
use bytes::Bytes;
use dallosh_contracts::Permission;
use dallosh_primitives::Uid;
use dallosh_service_kit::{
    Caller, ErrorCode, Problem, SessionCookies, SettingsReader, Shutdown, TokenVerifier, client_gone,
};
use futures::{StreamExt as _, stream};
use http_body_util::BodyExt as _;
use hyper::Uri;
use hyper_util::client::legacy;
use ipnet::IpNet;
use tokio::{
    pin, select,
    sync::watch,
    time::{Duration, Instant, sleep, sleep_until},
};

use crate::{
    Limits,
    activity::{Answered, Recorder},
    body::{self, Progress},
    client::{self, Client, Request, Response},
    exchange::Exchange,
    headers,
    rates::{Held, Rates, Streams, Who},
    table,
    upstream::Upstream,
    visitor::{self, Visitor},
};

/// How often an open stream looks whether maintenance began.
const LOOK: Duration = Duration::from_secs(2);

/// What forwarding needs.
pub struct Door {
    pub http: Client,
    /// For streams of events.
    pub events: Client,
    pub limits: Limits,
    /// The largest upload with its form, in bytes.
    pub max_upload: u64,
    /// Whose word about the client is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Whether browsers have cookies for TLS only, however a request came.
    pub secure_cookies: bool,
    /// For what is shown instead of an access token.
    pub exchange: Arc<Exchange>,
    /// How often a caller may ask.
    pub rates: Arc<Rates>,
    /// The streams of events that are open.
    pub streams: Streams,
    /// Whether it is maintenance.
    pub settings: Arc<SettingsReader>,
    /// For the activity log.
    pub recorder: Arc<Recorder>,
}

impl Door {
    /// Whose token this is. One that is exchanged may have been believed for too long, and then it is exchanged again.
    async fn caller(
        &self,
        verifier: &TokenVerifier,
        shown: &str,
        fresh: bool,
        count: impl Fn() -> Result<(), Problem>,
    ) -> Result<Caller, Problem> {
        let access = self.exchange.access(shown, fresh, &count).await?;
        let mut outcome = Caller::of(verifier, access).await;
        if !fresh
            && self.exchange.takes(shown)
            && outcome.as_ref().is_err_and(|problem| problem.code == ErrorCode::Unauthorized)
        {
            outcome = Caller::of(verifier, self.exchange.access(shown, true, &count).await?).await;
        }
        outcome.or_else(|problem| count().and(Err(problem)))
    }
}

/// Sends a request to its service, and the answer back; without one, there is no such path. The activity log hears of it.
pub async fn forward(
    door: web::Data<Door>,
    verifier: web::Data<TokenVerifier>,
    shutdown: web::Data<Shutdown>,
    upstream: Option<Arc<Upstream>>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let (began, _open) = (Instant::now(), door.recorder.open.token());
    let visitor = Visitor::of(&request, &door.trusted_proxies);
    let mut user = None;
    let outcome = match upstream {
        Some(upstream) => pass(&door, &verifier, &shutdown, &upstream, &request, payload, &visitor, &mut user).await,
        None => Err(Problem::new(ErrorCode::NotFound, "there is no such path")),
    };
    let status =
        outcome.as_ref().map_or_else(|problem| problem.code.status_number(), |answer| answer.status().as_u16());
    let took = began.elapsed();
    door.recorder.note(&Answered { request: &request, visitor: &visitor, user, status, took });
    outcome
}

/// Passes a request on, and tells whose it is as soon as that is known.
#[expect(clippy::too_many_arguments, reason = "what actix hands out, and what was found before")]
async fn pass(
    door: &Door,
    verifier: &TokenVerifier,
    shutdown: &Shutdown,
    upstream: &Arc<Upstream>,
    request: &HttpRequest,
    payload: web::Payload,
    visitor: &Visitor,
    user: &mut Option<Uid>,
) -> Result<HttpResponse, Problem> {
    let target = target(&upstream.base, request)?;
    let (method, path) = (request.method().as_str(), request.path());
    let cookies = SessionCookies::new(door.secure_cookies || visitor.is_secure);
    let stranger = visitor.address.map(Who::at);
    let streamed = request.headers().contains_key(header::TRANSFER_ENCODING);
    let length = length(request)?;
    let has_body = streamed || length > 0;
    // Who is refused counts as nobody, so that tokens can't be tried out for ever.
    let count = || stranger.map_or(Ok(()), |who| door.rates.count(who));
    let (mut caller, mut shown) = (None, None);
    if table::is_public(method, path) {
        visitor::check_cookies(request, visitor, cookies)?;
    } else {
        let token = visitor::token(request, visitor, cookies).or_else(|problem| count().and(Err(problem)))?;
        // A body goes on its way once, so that its request can't be sent again with a newer token.
        caller = Some(door.caller(verifier, &token, has_body, count).await?);
        shown = Some(token).filter(|token| !has_body && door.exchange.takes(token));
    }
    *user = caller.as_ref().map(|caller| caller.user);
    if let Some(who) = caller.as_ref().map(|caller| Who::User(caller.user)).or(stranger) {
        door.rates.count(who)?;
    }
    let is_admin = caller.as_ref().is_some_and(|caller| caller.permissions().contains(&Permission::ManageApp));
    if !is_admin && !table::is_always_served(method, path) && door.settings.is_maintenance().await {
        return Err(Problem::maintenance());
    }
    upstream.check()?;
    let most = if table::is_upload(method, path) { door.max_upload } else { door.limits.body };
    if length > most && !streamed {
        return Err(body::Fault::TooLarge.into());
    }
    let method = hyper::Method::from_bytes(method.as_bytes())
        .map_err(|_| Problem::new(ErrorCode::BadRequest, "the method can't be read"))?;
    let onward = |caller: Option<&Caller>| {
        let mut onward = Request::new(client::nothing());
        (*onward.method_mut(), *onward.uri_mut()) = (method.clone(), target.clone());
        *onward.headers_mut() = headers::inward(request, visitor, caller, streamed);
        onward
    };
    let mut first = onward(caller.as_ref());
    let progress = if has_body {
        let (body, progress) = body::pass_on(payload, most, door.limits);
        *first.body_mut() = body;
        progress
    } else {
        watch::channel(Progress::Ended(Instant::now())).1
    };
    let http = if table::has_events(path) { &door.events } else { &door.http };
    let gone = client_gone(request);
    let sent = async {
        let first = answer(http.request(first), progress, door.limits, upstream).await?;
        let Some(shown) = shown.filter(|_| first.status().as_u16() == 401) else { return Ok(first) };
        // The service knows of a change by which the access token is good no more; what was shown for it may still be.
        let renewed = caller.insert(door.caller(verifier, &shown, true, count).await?);
        let progress = watch::channel(Progress::Ended(Instant::now())).1;
        Box::pin(answer(http.request(onward(Some(renewed))), progress, door.limits, upstream)).await
    };
    let answer = select! {
        answer = sent => answer?,
        () = gone.cancelled() => return Err(body::Fault::Incomplete.into()),
    };
    let open = match caller {
        Some(caller) if is_events(&answer) => {
            let settings = (!is_admin).then(|| door.settings.clone());
            Some(Open { held: door.streams.hold(caller.user)?, settings, shutdown: shutdown.clone() })
        }
        _ => None,
    };
    Ok(pass_back(answer, request.method() == Method::HEAD, open))
}

/// A stream of events that counts as open.
struct Open {
    held: Held<Uid>,
    /// Of a caller who is not served during maintenance.
    settings: Option<Arc<SettingsReader>>,
    shutdown: Shutdown,
}

impl Open {
    /// Ends when the stream has to.
    async fn end(settings: Option<Arc<SettingsReader>>, shutdown: Shutdown) {
        let maintenance = async {
            let Some(settings) = settings else { return std::future::pending().await };
            // Looking has its room only while it looks: there are many streams.
            while !Box::pin(settings.is_maintenance()).await {
                sleep(LOOK).await;
            }
        };
        select! {
            () = shutdown.0.cancelled() => {}
            () = maintenance => {}
        }
    }
}

/// Where a request goes. What a client library would read as another path is refused, since the tables above judge the
/// path as it was written.
fn target(base: &str, request: &HttpRequest) -> Result<Uri, Problem> {
    let unreadable = || Problem::new(ErrorCode::BadRequest, "the path can't be read");
    let host = request.headers().get(header::HOST).map(header::HeaderValue::as_bytes);
    if request.uri().authority().is_some_and(|named| Some(named.as_str().as_bytes()) != host) {
        return Err(Problem::new(ErrorCode::BadRequest, "the request names two hosts"));
    }
    let written = request.uri().path_and_query().ok_or_else(unreadable)?;
    let leads_elsewhere = |segment: &str| matches!(&*segment.to_ascii_lowercase().replace("%2e", "."), "." | "..");
    if written.path().contains('\\') || written.path().split('/').any(leads_elsewhere) {
        return Err(unreadable());
    }
    format!("{base}{written}").parse().map_err(|_| unreadable())
}

/// The length that the request says its body has; nought when it says none.
fn length(request: &HttpRequest) -> Result<u64, Problem> {
    let Some(value) = request.headers().get(header::CONTENT_LENGTH) else { return Ok(0) };
    let length = value.to_str().ok().and_then(|text| text.parse().ok());
    length.ok_or_else(|| Problem::new(ErrorCode::BadRequest, "the length can't be read"))
}

/// Waits for the head of the answer: as long as the client sends, and then as long as a service may think, and only
/// while it lives.
async fn answer(
    sent: impl Future<Output = Result<Response, legacy::Error>>,
    mut progress: watch::Receiver<Progress>,
    limits: Limits,
    upstream: &Arc<Upstream>,
) -> Result<Response, Problem> {
    let death = upstream.death();
    pin!(sent);
    pin!(death);
    let too_late = || Problem::new(ErrorCode::GatewayTimeout, "the service did not answer in time");
    let mut moves = true;
    loop {
        let since = match *progress.borrow_and_update() {
            Progress::FromClient => None,
            Progress::ToService(since) | Progress::Ended(since) => Some(since),
            Progress::Failed(fault) => return Err(fault.into()),
        };
        let late = async {
            match since {
                Some(since) => sleep_until(since + limits.answer).await,
                None => std::future::pending().await,
            }
        };
        select! {
            answer = &mut sent => {
                // The body's own fault says more than that the request failed.
                return match (answer, *progress.borrow()) {
                    (Err(_), Progress::Failed(fault)) => Err(fault.into()),
                    (answer, _) => answer.map_err(|error| {
                        if error.is_connect() {
                            upstream.bury();
                        }
                        no_answer(&error)
                    }),
                };
            }
            changed = progress.changed(), if moves => moves = changed.is_ok(),
            () = &mut death => return Err(too_late()),
            () = late => return Err(too_late()),
        }
    }
}

fn no_answer(error: &legacy::Error) -> Problem {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    tracing::warn!(%error, cause, "a service gave no answer");
    Problem::new(ErrorCode::BadGateway, "the service gave no answer")
}

fn is_events(answer: &Response) -> bool {
    let kind = answer.headers().get("content-type").and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("text/event-stream"))
}

/// The answer as the client gets it, piece by piece. A stream of events ends when the process stops or maintenance
/// begins; any other body is whole or broken off.
fn pass_back(answer: Response, to_head: bool, open: Option<Open>) -> HttpResponse {
    let status = StatusCode::from_u16(answer.status().as_u16()).unwrap_or(StatusCode::BAD_GATEWAY);
    let mut response = HttpResponse::build(status);
    headers::outward(answer.headers(), &mut response);
    let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok());
    let length = header("content-length").and_then(|text| text.parse().ok());
    if matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) || (to_head && length.is_none()) {
        return response.body(actix_web::body::None::new());
    }
    match (length, open) {
        (Some(length), _) if to_head => {
            response.body(SizedStream::new(length, stream::empty::<Result<Bytes, hyper::Error>>()))
        }
        (Some(length), _) => response.body(SizedStream::new(length, answer.into_data_stream())),
        (None, Some(Open { held, settings, shutdown })) => {
            let events = answer.into_data_stream().take_until(Box::pin(Open::end(settings, shutdown)));
            response.streaming(events.inspect(move |_| {
                let _ = &held;
            }))
        }
        (None, None) => response.streaming(answer.into_data_stream()),
    }
}
