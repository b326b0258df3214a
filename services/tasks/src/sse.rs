//! Streams of events to browsers.

use std::{convert::Infallible, fmt::Display, time::Duration};

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use bytes::Bytes;
use dallosh_contracts::TaskEvent;
use dallosh_service_kit::{Caller, TokenVerifier};
use futures::stream;

/// How soon a stream looks at the log when no hint came.
pub const LOOK: Duration = Duration::from_secs(1);
/// How often a silent stream shows that it lives.
pub const HEARTBEAT: Duration = Duration::from_secs(10);
/// What shows it; no event for the client.
pub const ALIVE: &str = ": alive\n\n";

/// Where a stream gets what it sends.
pub trait Source {
    /// The next text to send; `Some(None)` when there was nothing for at most a second, `None` at the end.
    async fn step(&mut self) -> Option<Option<String>>;
}

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

/// The stream. It ends when its caller may not see it any more; whoever may then opens another one.
pub fn answer(source: impl Source + 'static, caller: Caller, verifier: web::Data<TokenVerifier>) -> HttpResponse {
    let texts = stream::unfold((source, caller, verifier), async |(mut source, caller, verifier)| {
        loop {
            caller.check_again(&verifier).await.ok()?;
            if let Some(text) = source.step().await? {
                return Some((Ok::<_, Infallible>(Bytes::from(text)), (source, caller, verifier)));
            }
        }
    });
    HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(texts)
}

/// An event as a message.
pub fn message(id: impl Display, event: &TaskEvent) -> String {
    let data = serde_json::to_string(event).unwrap_or_default();
    format!("id: {id}\nevent: {}\ndata: {data}\n\n", event.event)
}
