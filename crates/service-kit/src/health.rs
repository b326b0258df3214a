use std::{collections::BTreeMap, sync::Arc, time::Duration};

use actix_web::{HttpResponse, Responder, get, web};
use futures::{FutureExt, future::BoxFuture, future::join_all};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{ErrorCode, Problem, problem::ProblemBody};

/// How long a dependency may take to show a sign of life.
const PATIENCE: Duration = Duration::from_secs(3);

/// A dependency that must answer before a service is ready.
#[derive(Clone)]
pub struct Check {
    name: &'static str,
    probe: Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>,
}

impl Check {
    /// A dependency by name; `probe` fails with words for an operator, without secrets.
    pub fn new<F, E>(name: &'static str, probe: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: std::error::Error,
    {
        let probe = move || probe().map(|outcome| outcome.map_err(|error| error.to_string())).boxed();
        Self { name, probe: Arc::new(probe) }
    }

    async fn outcome(&self) -> (&'static str, String) {
        let outcome = match tokio::time::timeout(PATIENCE, (self.probe)()).await {
            Ok(Ok(())) => "ok".to_owned(),
            Ok(Err(error)) => error,
            Err(_) => "no answer".to_owned(),
        };
        (self.name, outcome)
    }
}

/// Which dependencies are there.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Readiness {
    /// `ready`.
    #[schema(example = "ready")]
    status: &'static str,
    /// Each dependency by name: `ok`, or what is wrong.
    checks: BTreeMap<&'static str, String>,
}

/// The problem of a service that misses something, with the same `checks`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NotReady {
    #[serde(flatten)]
    problem: ProblemBody,
    /// Each dependency by name: `ok`, or what is wrong.
    checks: BTreeMap<&'static str, String>,
}

pub(crate) struct Checks(pub Vec<Check>);

/// Whether the service lives
#[utoipa::path(tag = "service", operation_id = "get_health", security(()), responses((status = 200, description = "It lives")))]
#[get("/healthz")]
pub(crate) async fn healthz() -> impl Responder {
    HttpResponse::Ok().json(serde_json::json!({ "status": "alive" }))
}

/// Whether the service can work: each dependency by name
#[utoipa::path(tag = "service", operation_id = "get_readiness", security(()), responses(
    (status = 200, description = "Every dependency answers", body = Readiness),
    (status = 503, description = "One does not", body = NotReady, content_type = "application/problem+json")))]
#[get("/readyz")]
pub(crate) async fn readyz(checks: web::Data<Checks>) -> impl Responder {
    let checks: BTreeMap<_, _> = join_all(checks.0.iter().map(Check::outcome)).await.into_iter().collect();
    let missing: Vec<_> = checks.iter().filter(|(_, outcome)| *outcome != "ok").map(|(name, _)| *name).collect();
    if missing.is_empty() {
        return HttpResponse::Ok().json(Readiness { status: "ready", checks });
    }
    let problem = Problem::new(ErrorCode::Unavailable, format!("not ready: {}", missing.join(", ")));
    problem.respond_with(&NotReady { problem: problem.body(), checks })
}

/// Figures in Prometheus' text format
#[utoipa::path(tag = "service", operation_id = "get_metrics", security(()), responses((status = 200, description = "Figures", body = String, content_type = "text/plain")))]
#[get("/metrics")]
pub(crate) async fn metrics(handle: web::Data<metrics_exporter_prometheus::PrometheusHandle>) -> impl Responder {
    HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(handle.render())
}
