//! Language models behind one interface: what they are asked, what they answer, and the check of that answer.
//!
//! Not here: paging, retries, checkpoints and the cleaning of texts. The caller decides which texts make a page,
//! what to do about a [`RowProblem`] and when to give up; this crate never adds a label that no answer contained.

mod answer;
mod fold;
mod label;
mod prompt;
mod provider;
mod providers;

pub use answer::{AnswerError, Checked, RowProblem, check};
pub use label::{InvalidLabel, Label, Priority, Sentiment};
pub use prompt::{PROMPT_VERSION, TOPICS, Text, labelling_request};
pub use provider::{Completion, CompletionRequest, Finish, Provider, ProviderError, ProviderErrorKind, Usage};
pub use providers::Builtin;
