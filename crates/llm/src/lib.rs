//! Language models behind one interface: what they are asked, what they answer, and the check of that answer.
//!
//! [`Provider`] is one model, [`Route`] an ordered list of them with limits, circuit breakers and a [`Meter`] in front of
//! every call.
//!
//! Not here: paging, checkpoints, the ledger's storage and the cleaning of texts. The caller decides which texts make a
//! page, what to do about a [`RowProblem`] and when to give up; this crate never adds a label that no answer contained.

mod answer;
mod breaker;
mod client;
mod fold;
mod label;
mod limits;
mod meter;
mod price;
mod prompt;
mod provider;
mod providers;
mod route;

pub use answer::{AnswerError, Checked, RowProblem, check};
pub use breaker::{Breaker, BreakerConfig, Entry, Pass};
pub use client::{ClientError, ClientOptions, GuardedClient, InvalidOrigin, UrlPolicy, UrlRefused, check_base_url};
pub use label::{InvalidLabel, Label, Priority, Sentiment};
pub use limits::{Gated, Limiter, LimiterConfig, Permit};
pub use meter::{Meter, OutOfBudget, PlannedCall, Reservation, Unmetered, worst_case};
pub use price::{InvalidPrice, Price};
pub use prompt::{AnswerKeys, PROMPT_VERSION, TOPICS, Text, labelling_request};
pub use provider::{
    Completion, CompletionRequest, Finish, Provider, ProviderError, ProviderErrorKind, RateLimits, Spend, Usage,
};
pub use providers::{Builtin, DEFAULT_CONTEXT_TOKENS, Ollama, OpenAi};
pub use route::{Answered, Question, ROUTE_MAX_WAIT, Refusal, Route, RouteError, RoutedModel};
