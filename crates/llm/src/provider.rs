//! The port that every model sits behind.

use std::error::Error;
use std::fmt;
use std::ops::{Add, AddAssign};
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// What a provider is asked: one chat completion constrained by a JSON schema.
#[derive(Debug, Clone, PartialEq)]
pub struct CompletionRequest {
    /// The instructions.
    pub system: String,
    /// The data the instructions are about.
    pub user: String,
    /// The shape of the wanted answer. A hint: the answer is checked all the same.
    pub schema: serde_json::Value,
    /// The most tokens the answer may take.
    pub max_output_tokens: u32,
}

/// What a provider answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// The answer as it came, unchecked.
    pub text: String,
    /// What the call used.
    pub usage: Usage,
    /// Why the answer ends where it does.
    pub finish: Finish,
}

/// Tokens of one call or of many, in the provider's own figures: what it bills, not what we count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens sent.
    pub prompt_tokens: u64,
    /// Tokens received, those of hidden reasoning included.
    pub completion_tokens: u64,
}

/// What a provider's answers say about its limits; each figure as the provider last told it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RateLimits {
    /// Requests allowed in a window, which most providers make a minute.
    pub limit_requests: Option<u64>,
    /// Requests left in the current window.
    pub remaining_requests: Option<u64>,
    /// Tokens allowed in a window.
    pub limit_tokens: Option<u64>,
    /// Tokens left in the current window.
    pub remaining_tokens: Option<u64>,
}

/// What a call cost, as far as can be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spend {
    /// The provider refused the call or never got it.
    Nothing,
    /// The provider's own figures.
    Exactly(Usage),
    /// The call may have been billed and no figures came: its worst case counts.
    Unknown,
}

/// Why an answer ends where it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Finish {
    /// The model had no more to say.
    Stop,
    /// The limit of output tokens cut it off.
    Length,
    /// The model or a content filter declined.
    Refused,
}

/// A model that completes chats.
///
/// One call is one request to the model: an implementation neither retries nor falls back, so that its caller knows
/// what was spent. (A request that the server refused for the name of a parameter, at no cost, may be put in other words
/// once.) It bounds the time and the size of the answer itself.
#[async_trait]
pub trait Provider: Send + Sync {
    /// Returns the name that rows, logs and bills show, such as `builtin`.
    fn name(&self) -> &str;

    /// Asks the model once.
    ///
    /// # Errors
    /// Any [`ProviderErrorKind`]. An answer that came whole but says nonsense is no error here: see
    /// [`check`](crate::check).
    ///
    /// # Cancel safety
    /// Dropping the future abandons the call; the provider may still bill it.
    async fn complete(&self, request: &CompletionRequest) -> Result<Completion, ProviderError>;

    /// Returns the limits that the provider's latest answer told, refusals included.
    fn limits(&self) -> Option<RateLimits> {
        None
    }

    /// Returns the most tokens of prompt and answer together, as far as it is known: a page that takes more is refused.
    fn context_tokens(&self) -> Option<u64> {
        None
    }

    /// Says whether calls use up tokens that somebody counts. If so, an answer without figures is taken for its worst
    /// case.
    fn is_metered(&self) -> bool {
        true
    }
}

/// A call that brought no completion.
#[derive(Debug)]
pub struct ProviderError {
    /// What the caller decides by.
    pub kind: ProviderErrorKind,
    retry_after: Option<Duration>,
    spend: Spend,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// What went wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProviderErrorKind {
    /// Too many requests or tokens; the provider may say how long to wait.
    #[error("rate limited by the model's provider")]
    RateLimited {
        /// The wait that the provider asked for.
        retry_after: Option<Duration>,
    },
    /// Refused connection, reset, or a fault on the provider's side.
    #[error("model unavailable")]
    Unavailable,
    /// No complete answer in time.
    #[error("model timed out")]
    Timeout,
    /// The key is missing, wrong or not allowed to use the model, or its account has no credit.
    #[error("model refused the credentials")]
    Unauthorized,
    /// No such model or no such address.
    #[error("model not found")]
    NotFound,
    /// The provider does not accept this request, whoever sends it.
    #[error("model refused the request")]
    BadRequest,
    /// The request does not fit the model's context; a smaller one may.
    #[error("request too long for the model")]
    ContextTooLong,
    /// A response that is not the provider's protocol, or an error inside a successful response.
    #[error("unreadable response from the model")]
    BadAnswer,
}

impl ProviderErrorKind {
    /// Says whether the same request may succeed later on the same model.
    pub fn is_transient(self) -> bool {
        match self {
            Self::RateLimited { .. } | Self::Unavailable | Self::Timeout | Self::BadAnswer => true,
            Self::Unauthorized | Self::NotFound | Self::BadRequest | Self::ContextTooLong => false,
        }
    }
}

impl ProviderError {
    /// Makes an error that has no other behind it.
    pub fn new(kind: ProviderErrorKind) -> Self {
        let spend = match kind {
            ProviderErrorKind::Unavailable | ProviderErrorKind::Timeout | ProviderErrorKind::BadAnswer => {
                Spend::Unknown
            }
            ProviderErrorKind::RateLimited { .. }
            | ProviderErrorKind::Unauthorized
            | ProviderErrorKind::NotFound
            | ProviderErrorKind::BadRequest
            | ProviderErrorKind::ContextTooLong => Spend::Nothing,
        };
        Self { kind, retry_after: None, spend, source: None }
    }

    /// Makes an error caused by `source`, which must hold no key.
    pub fn with_source(kind: ProviderErrorKind, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { source: Some(source.into()), ..Self::new(kind) }
    }

    /// Adds the wait that the provider asked for.
    pub fn after(mut self, retry_after: Option<Duration>) -> Self {
        self.retry_after = retry_after;
        self
    }

    /// Says what the call cost, where the kind alone says too little.
    pub fn spending(mut self, spend: Spend) -> Self {
        self.spend = spend;
        self
    }

    /// Returns the wait that the provider asked for, with whatever kind of error it did so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self.kind {
            ProviderErrorKind::RateLimited { retry_after: Some(wait) } => Some(wait),
            _ => self.retry_after,
        }
    }

    /// Returns what the failed call cost.
    pub fn spend(&self) -> Spend {
        self.spend
    }
}

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl Error for ProviderError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

impl From<ProviderErrorKind> for ProviderError {
    fn from(kind: ProviderErrorKind) -> Self {
        Self::new(kind)
    }
}

impl Add for Usage {
    type Output = Self;

    /// Adds both figures; they stay at the maximum rather than wrap.
    fn add(self, other: Self) -> Self {
        Self {
            prompt_tokens: self.prompt_tokens.saturating_add(other.prompt_tokens),
            completion_tokens: self.completion_tokens.saturating_add(other.completion_tokens),
        }
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl std::iter::Sum for Usage {
    fn sum<I: Iterator<Item = Self>>(usages: I) -> Self {
        usages.fold(Self::default(), Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_adds_up_and_never_wraps() {
        let one = Usage { prompt_tokens: 3, completion_tokens: u64::MAX };
        let sum: Usage = [one, Usage { prompt_tokens: 4, completion_tokens: 1 }].into_iter().sum();
        assert_eq!(sum, Usage { prompt_tokens: 7, completion_tokens: u64::MAX });
    }

    #[test]
    fn an_error_keeps_its_source_out_of_its_own_words() {
        let error = ProviderError::with_source(ProviderErrorKind::Timeout, "after 120 s");
        assert_eq!(error.to_string(), "model timed out");
        assert_eq!(error.source().unwrap().to_string(), "after 120 s");
    }

    #[test]
    fn a_call_that_may_have_been_billed_is_never_taken_for_free() {
        use ProviderErrorKind::{BadAnswer, RateLimited, Timeout, Unauthorized, Unavailable};
        for kind in [Unavailable, Timeout, BadAnswer] {
            assert_eq!(ProviderError::new(kind).spend(), Spend::Unknown);
        }
        for kind in [RateLimited { retry_after: None }, Unauthorized] {
            assert_eq!(ProviderError::new(kind).spend(), Spend::Nothing);
        }
    }

    #[test]
    fn a_refused_key_is_not_worth_a_retry() {
        assert!(!ProviderErrorKind::Unauthorized.is_transient());
        assert!(ProviderErrorKind::RateLimited { retry_after: None }.is_transient());
    }
}
