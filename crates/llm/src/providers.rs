//! The models there are: one file each.

mod builtin;
mod failure;
mod ollama;
mod openai;

pub use builtin::Builtin;
pub use ollama::{DEFAULT_CONTEXT_TOKENS, Ollama};
pub use openai::OpenAi;
