//! What every service has: configuration, telemetry, problems, callers, health, and the one runner.
//!
//! Deliberately not here: anything of one service's subject.

mod body;
mod caller;
mod chunked;
mod client;
mod config;
mod connection;
mod cookies;
mod etag;
mod health;
mod idempotency;
mod issuer;
mod manners;
mod openapi;
mod paging;
mod problem;
mod published;
mod revocations;
mod run;
mod settings;
mod telemetry;
mod wire;

pub use body::Body;
pub use caller::{AUDIENCE, Caller, Claims, Credential, ISSUER, Scope, TOKEN_TYPE, TokenVerifier, bearer_token};
pub use client::{ClientError, ServiceClient};
pub use config::{Config, ConfigErrors, Origin, Profile, ServiceName, Sources, TlsFiles};
pub use connection::{Admission, Admit};
pub use cookies::SessionCookies;
pub use etag::{Revision, has_tag};
pub use health::Check;
pub use idempotency::Idempotency;
pub use issuer::{Issuer, claimed_issuer, keys_url};
pub use manners::{Page, RequestContext, client_gone, current_request, traced};
pub use openapi::{document, merge, to_yaml};
pub use paging::{page_links, sort_of};
pub use problem::{ErrorCode, FieldProblem, Problem, RatePolicy, describe_errors};
pub use published::{Patience, Published};
pub use revocations::{Revocations, Standing};
pub use run::{Routes, RunError, Service, Shutdown, Worker, run};
pub use settings::SettingsReader;
pub use telemetry::{TelemetryError, start_telemetry};
