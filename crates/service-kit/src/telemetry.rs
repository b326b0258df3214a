use std::io::IsTerminal;

use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{EnvFilter, filter::ParseError, fmt, prelude::*, util::TryInitError};

/// Telemetry can't be started.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// `RUST_LOG` does not parse.
    #[error("RUST_LOG is not understood")]
    Filter(#[from] ParseError),
    /// It was started already.
    #[error("logging was started already")]
    Started(#[from] TryInitError),
    /// Figures can't be gathered.
    #[error("metrics can't be started")]
    Metrics(#[from] BuildError),
}

/// Starts logging on standard error, human on a terminal and JSON otherwise, and the gathering of figures. `filter` is
/// `RUST_LOG`'s language.
///
/// # Errors
/// When it was started before, or the filter is not understood.
pub fn start_telemetry(filter: &str) -> Result<PrometheusHandle, TelemetryError> {
    let filter = EnvFilter::try_new(filter)?;
    let registry = tracing_subscriber::registry().with(filter);
    if std::io::stderr().is_terminal() {
        registry.with(fmt::layer().with_writer(std::io::stderr)).try_init()?;
    } else {
        registry.with(fmt::layer().json().flatten_event(true).with_writer(std::io::stderr)).try_init()?;
    }
    let buckets = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
    Ok(PrometheusBuilder::new().set_buckets(&buckets)?.install_recorder()?)
}
