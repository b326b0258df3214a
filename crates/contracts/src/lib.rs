//! What crosses a process boundary: permissions, the REST shapes that services share, task events and messages.
//!
//! Deliberately not here: behaviour. Which status may follow which is the jobs engine's, what a route answers is its
//! service's.

mod activity;
mod event;
mod exchange;
pub mod figures;
mod file;
mod message;
mod model;
mod page;
mod permission;
mod resource;
mod settings;
mod task;

pub use activity::{Activity, RecordActivity};
pub use event::TaskEvent;
pub use exchange::{API_TOKEN_PREFIX, ExchangeRequest, ExchangedToken};
pub use file::{Dialect, FileData};
pub use message::{HandleProcess, ProceedTask, ProcessEvent, RetryStep, SCHEMAS};
pub use model::{AiMode, ModelKind, ModelPrice, ModelProvider, ModelSnapshot};
pub use page::{Answer, PageAnswers, key_of, key_text};
pub use permission::Permission;
pub use resource::{Links, ListOf, Resource};
pub use settings::{PlatformSettings, Registration};
pub use task::{
    Budget, Counts, ENRICHMENT, EnrichmentInput, Progress, Spend, TaskAction, TaskData, TaskError, TaskOptions,
    TaskStatus, Waiting,
};
