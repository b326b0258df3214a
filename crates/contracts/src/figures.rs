//! The names of the platform's own figures at `/metrics`, so that whoever counts and whoever reads mean the same. None has
//! a label with an id: names of models, states and reasons are few.

/// Tasks by `state`, as a worker counted them last.
pub const TASKS: &str = "dallosh_tasks";
/// Rows that got labels.
pub const ROWS_LABELLED: &str = "dallosh_rows_labelled_total";
/// Rows for which there was no usable answer.
pub const ROWS_FAILED: &str = "dallosh_rows_failed_total";
/// Calls of a `model` that were made again after a failure.
pub const MODEL_RETRIES: &str = "dallosh_model_retries_total";
/// Requests that another `model` answered than the one that was asked first.
pub const MODEL_FALLBACKS: &str = "dallosh_model_fallbacks_total";
/// Tokens by `model` and `kind`: `prompt` and `completion` in the provider's own figures, `unconfirmed` at most.
pub const MODEL_TOKENS: &str = "dallosh_model_tokens_total";
/// Millionths of a US dollar by `model`, those of unconfirmed calls too; rounded down a call: the ledger is the bill.
pub const MODEL_COST: &str = "dallosh_model_cost_microdollars_total";
/// Answers that nobody had to be asked for again.
pub const CACHE_HITS: &str = "dallosh_answer_cache_hits_total";
/// How often a running task began to wait, by `reason`.
pub const WAITS: &str = "dallosh_task_waits_total";
/// Requests that the activity log should have, and has not: more came than could be passed on to it.
pub const ACTIVITY_LOST: &str = "dallosh_activity_lost_total";
/// Pages that were asked once more than they count, after a crash or by two workers.
pub const PAGES_REDONE: &str = "dallosh_pages_redone_total";
/// Passwords that were hashed or compared with a hash.
pub const PASSWORD_HASHES: &str = "dallosh_password_hashes_total";
/// Connections that were refused: too many were open, from their address or in all.
pub const CONNECTIONS_REFUSED: &str = "dallosh_connections_refused_total";
