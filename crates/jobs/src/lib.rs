//! The durable job engine: steps, leases, checkpoints, control, and a log of events in order.
//!
//! The document is the order, a message only a hint: every change is one compare-and-set on one document, with its
//! events in the same write. So a job survives any process, and any broker. The engine knows steps and units of work,
//! and nothing of what they are about: no CSV, no labels, no models.

mod context;
mod control;
mod document;
mod engine;
mod error;
mod ledger;
mod log;
mod memo;
mod relay;
mod worker;

pub use context::{Interruption, JobContext, StepError, StepOutcome};
pub use control::{Change, Command, Control, Desired, IllegalTransition, Kind, Lease, State};
pub use document::{Job, JobDocument, NewJob};
pub use engine::{Engine, EventQuery, JobFilter, Order, Ordered, change_inputs};
pub use error::JobError;
pub use ledger::{CallDocument, Hold, PlannedCall, Settled};
pub use log::{InvalidPosition, LogPosition};
pub use memo::Memo;
pub use worker::{Pipeline, Worker, WorkerConfig};
