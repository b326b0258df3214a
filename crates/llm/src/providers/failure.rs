//! What an answer that is no completion means.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde_json::Value;

use crate::client::Received;
use crate::{ProviderError, ProviderErrorKind, RateLimits, Spend};

/// Waits beyond this are told as this.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

const NO_CREDIT: [&str; 4] =
    ["insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "insufficient balance"];
const BAD_KEY: [&str; 3] = ["invalid_api_key", "api_key_invalid", "api key not valid"];
const TOO_LONG: [&str; 8] = [
    "context_length_exceeded",
    "exceed_context_size",
    "maximum context",
    "context length",
    "context window",
    "context size",
    "prompt is too long",
    "input is too long",
];
/// What stands in front of the context's figure.
const CONTEXT_FIGURE: [&str; 3] = ["maximum context length is", "available context size", "context window of"];
/// Some gateways throttle with 400 and these words.
const THROTTLED: [&str; 1] = ["too many tokens, please wait"];
const FILTERED: [&str; 2] = ["content_filter", "content_policy_violation"];

/// Classifies an answer whose status is not 2xx. Its words decide and go no further.
pub fn refusal(received: &Received) -> ProviderError {
    refusal_at(received, Utc::now())
}

fn refusal_at(received: &Received, now: DateTime<Utc>) -> ProviderError {
    use ProviderErrorKind::{BadRequest, ContextTooLong, NotFound, RateLimited, Timeout, Unauthorized, Unavailable};
    let words = error_words(&received.body);
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| words.contains(phrase));
    let retry_after = retry_after(&received.headers, now);
    let status = received.status;
    let kind = match status {
        401..=403 => Unauthorized,
        // Where a redirect leads to is not asked.
        300..=399 | 404 | 405 | 410 => NotFound,
        429 if says(&NO_CREDIT) => Unauthorized,
        429 => RateLimited { retry_after },
        408 => Timeout,
        413 => ContextTooLong,
        400..=499 if says(&THROTTLED) => RateLimited { retry_after },
        400..=500 if says(&TOO_LONG) => ContextTooLong,
        400..=499 if says(&BAD_KEY) || says(&NO_CREDIT) => Unauthorized,
        400..=499 => BadRequest,
        _ => Unavailable,
    };
    let spend = match status {
        // Whoever stands in between gave up; the model behind may have gone on.
        408 | 502 | 504 | 520..=527 => Spend::Unknown,
        _ => Spend::Nothing,
    };
    let source = format!("the provider answered with status {status}");
    ProviderError::with_source(kind, source).after(retry_after).spending(spend)
}

/// Says whether a filter in front of the model declined the texts, which some providers tell as a client error.
pub fn is_content_filter(received: &Received) -> bool {
    let words = error_words(&received.body);
    received.status == 400 && FILTERED.iter().any(|phrase| words.contains(phrase))
}

/// A parameter that a server may refuse, whatever else is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parameter {
    MaxTokens,
    Temperature,
}

/// The parameter that a server does not take from anybody who asks this model.
pub fn refused_parameter(received: &Received) -> Option<Parameter> {
    if received.status != 400 {
        return None;
    }
    let body: Value = serde_json::from_slice(&received.body).ok()?;
    let error = body.get("error").unwrap_or(&body);
    let field = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
    // A limit that is only too large names the parameter too, with another code.
    let is_unsupported = field("code").starts_with("unsupported_");
    match field("param") {
        "max_tokens" if is_unsupported => Some(Parameter::MaxTokens),
        "temperature" if is_unsupported => Some(Parameter::Temperature),
        _ => field("message").contains("'max_completion_tokens'").then_some(Parameter::MaxTokens),
    }
}

/// The context that the refusal of a request tells, in tokens.
pub fn context_tokens(received: &Received) -> Option<u64> {
    if refusal(received).kind != ProviderErrorKind::ContextTooLong {
        return None;
    }
    let body: Value = serde_json::from_slice(&received.body).ok()?;
    let told = body.pointer("/error/n_ctx").and_then(Value::as_u64);
    let words = error_words(&received.body);
    let after = |phrase: &str| {
        let (_, rest) = words.split_once(phrase)?;
        rest.split(|c: char| !c.is_ascii_digit()).find(|digits| !digits.is_empty())?.parse().ok()
    };
    told.or_else(|| CONTEXT_FIGURE.iter().find_map(|phrase| after(phrase))).filter(|tokens| *tokens > 0)
}

/// The code, type and message of an error body in lower case; empty when there is none.
fn error_words(body: &[u8]) -> String {
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return String::new() };
    let error = body.get("error").unwrap_or(&body);
    let fields = ["code", "type", "status", "message"].into_iter().filter_map(|name| error.get(name));
    let words: Vec<&str> = fields.chain([error]).filter_map(Value::as_str).collect();
    words.join("\n").to_lowercase()
}

/// Reads `Retry-After`: seconds or a date, of which one in the past means now.
fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse::<f64>() {
        Ok(seconds) if seconds.is_finite() => Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(MAX_RETRY_AFTER),
        Ok(_) => return None,
        Err(_) => {
            let date = DateTime::parse_from_rfc2822(text).ok()?;
            (date.to_utc() - now).to_std().unwrap_or_default()
        }
    };
    Some(wait.min(MAX_RETRY_AFTER))
}

/// Reads the `x-ratelimit-` headers; `None` when there are none.
pub fn rate_limits(headers: &HeaderMap) -> Option<RateLimits> {
    let figure = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse().ok();
    let limits = RateLimits {
        limit_requests: figure("x-ratelimit-limit-requests"),
        remaining_requests: figure("x-ratelimit-remaining-requests"),
        limit_tokens: figure("x-ratelimit-limit-tokens"),
        remaining_tokens: figure("x-ratelimit-remaining-tokens"),
    };
    (limits != RateLimits::default()).then_some(limits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(status: u16, body: &str, headers: &[(&'static str, &str)]) -> Received {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        Received { status, headers, body: body.as_bytes().to_vec() }
    }

    fn kind(status: u16, body: &str) -> ProviderErrorKind {
        refusal(&received(status, body, &[])).kind
    }

    #[test]
    fn every_status_has_its_kind() {
        use ProviderErrorKind::{
            BadRequest, ContextTooLong, NotFound, RateLimited, Timeout, Unauthorized, Unavailable,
        };
        let cases = [
            (301, NotFound),
            (302, NotFound),
            (400, BadRequest),
            (401, Unauthorized),
            (402, Unauthorized),
            (403, Unauthorized),
            (404, NotFound),
            (408, Timeout),
            (413, ContextTooLong),
            (422, BadRequest),
            (429, RateLimited { retry_after: None }),
            (500, Unavailable),
            (502, Unavailable),
            (503, Unavailable),
            (504, Unavailable),
            (529, Unavailable),
        ];
        for (status, expected) in cases {
            assert_eq!(kind(status, "<html>sorry</html>"), expected, "{status}");
        }
    }

    #[test]
    fn the_words_of_an_error_say_what_the_status_does_not() {
        use ProviderErrorKind::{BadRequest, ContextTooLong, RateLimited, Unauthorized, Unavailable};
        let openai = |code: &str| format!(r#"{{"error": {{"message": "m", "type": "t", "code": "{code}"}}}}"#);
        let cases = [
            (429, openai("insufficient_quota"), Unauthorized),
            (429, openai("rate_limit_exceeded"), RateLimited { retry_after: None }),
            (400, openai("context_length_exceeded"), ContextTooLong),
            (
                400,
                r#"{"error":{"code":400,"message":"request (18003 tokens) exceeds the available context size (4096 tokens), try increasing it","type":"exceed_context_size_error","n_prompt_tokens":18003,"n_ctx":4096}}"#.into(),
                ContextTooLong,
            ),
            (
                400,
                r#"{"error":{"message":"This model's maximum context length is 8192 tokens"}}"#.into(),
                ContextTooLong,
            ),
            (500, r#"{"error":"the input is longer than the context size"}"#.into(), ContextTooLong),
            (
                400,
                r#"{"message":"Too many tokens, please wait before trying again."}"#.into(),
                RateLimited { retry_after: None },
            ),
            (
                400,
                r#"{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT"}}"#.into(),
                Unauthorized,
            ),
            (400, openai("unsupported_parameter"), BadRequest),
            (503, openai("maximum context"), Unavailable),
            (400, "[]".into(), BadRequest),
        ];
        for (status, body, expected) in cases {
            assert_eq!(kind(status, &body), expected, "{status} {body}");
        }
    }

    #[test]
    fn the_context_is_read_from_a_refusal_that_tells_it() {
        let told = |status: u16, body: &str| context_tokens(&received(status, body, &[]));
        let llama = r#"{"error":{"message":"request (5020 tokens) exceeds the available context size (2048 tokens), try increasing it","type":"exceed_context_size_error","n_prompt_tokens":5020,"n_ctx":2048}}"#;
        let openai = r#"{"error":{"message":"This model's maximum context length is 8192 tokens. However, you requested 9001 tokens","code":"context_length_exceeded"}}"#;
        assert_eq!((told(400, llama), told(400, openai)), (Some(2048), Some(8192)));
        assert_eq!(told(400, &llama.replace(r#","n_ctx":2048"#, "")), Some(2048));
        let untold = r#"{"error":{"message":"prompt is too long","code":"context_length_exceeded"}}"#;
        assert_eq!((told(400, untold), told(413, ""), told(500, "{}")), (None, None, None));
        assert_eq!(told(429, openai), None, "no refusal for its length");
    }

    #[test]
    fn a_parameter_counts_as_refused_only_when_no_value_of_it_would_do() {
        let refused = |status: u16, error: &str| {
            refused_parameter(&received(status, &format!(r#"{{"error":{{{error}}}}}"#), &[]))
        };
        let limit = r#""param":"max_tokens","code":"unsupported_parameter","message":"m""#;
        assert_eq!(refused(400, limit), Some(Parameter::MaxTokens));
        let words = r#""message":"'max_tokens' is not supported, use 'max_completion_tokens' instead""#;
        assert_eq!(refused(400, words), Some(Parameter::MaxTokens));
        let temperature = r#""param":"temperature","code":"unsupported_value""#;
        assert_eq!(refused(400, temperature), Some(Parameter::Temperature));
        let too_large = r#""param":"max_tokens","code":"invalid_value","message":"max_tokens is too large: 50000""#;
        assert_eq!((refused(400, too_large), refused(500, limit), refused(400, "")), (None, None, None));
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date() {
        let now = DateTime::parse_from_rfc3339("2026-01-02T03:04:05Z").unwrap().to_utc();
        let wait = |text: &str| refusal_at(&received(429, "", &[("retry-after", text)]), now).retry_after();
        assert_eq!(wait("7"), Some(Duration::from_secs(7)));
        assert_eq!(wait("0.5"), Some(Duration::from_millis(500)));
        assert_eq!(wait("-1"), Some(Duration::ZERO));
        assert_eq!(wait("Fri, 02 Jan 2026 03:04:15 GMT"), Some(Duration::from_secs(10)));
        assert_eq!(wait("Fri, 02 Jan 2026 03:04:00 GMT"), Some(Duration::ZERO));
        assert_eq!(wait("99999999999999999999999"), Some(MAX_RETRY_AFTER));
        for nonsense in ["soon", "NaN", "inf", ""] {
            assert_eq!(wait(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn an_overloaded_provider_keeps_the_wait_it_asked_for() {
        let error = refusal(&received(503, "", &[("retry-after", "3")]));
        assert_eq!((error.kind, error.retry_after()), (ProviderErrorKind::Unavailable, Some(Duration::from_secs(3))));
    }

    #[test]
    fn only_a_gateway_that_gave_up_leaves_it_open_whether_the_call_was_billed() {
        for (status, spend) in
            [(500, Spend::Nothing), (503, Spend::Nothing), (502, Spend::Unknown), (504, Spend::Unknown)]
        {
            assert_eq!(refusal(&received(status, "", &[])).spend(), spend, "{status}");
        }
    }

    #[test]
    fn an_error_says_nothing_of_what_the_provider_wrote() {
        use std::error::Error as _;
        let error = refusal(&received(401, r#"{"error":{"message":"wrong key: sk-canary"}}"#, &[]));
        assert!(!format!("{error} {error:?} {}", error.source().unwrap()).contains("canary"));
    }

    #[test]
    fn limits_are_read_from_headers_and_missing_ones_are_none() {
        let headers =
            received(200, "", &[("x-ratelimit-limit-tokens", "90000"), ("x-ratelimit-remaining-requests", "x")]);
        let limits = RateLimits { limit_tokens: Some(90_000), ..RateLimits::default() };
        assert_eq!(rate_limits(&headers.headers), Some(limits));
        assert_eq!(rate_limits(&HeaderMap::new()), None);
    }
}
