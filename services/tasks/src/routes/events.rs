use actix_web::{HttpRequest, HttpResponse, get, web};
use dallosh_contracts::{Links, ListOf, Permission, TaskEvent};
use dallosh_jobs::{Engine, EventQuery, JobError};
use dallosh_primitives::{Limit, Uid};
use dallosh_service_kit::{Caller, Problem, Shutdown, TokenVerifier, sort_of};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    error::problem,
    live::{Log, News},
    sse::{self, Stream},
    state::State,
    workflow,
};

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListEvents {
    /// How many, 1 to 200; 50 unless asked. Coerced, never refused.
    #[param(value_type = Option<i64>, example = 50)]
    limit: Option<Limit>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// `seq`, the only order.
    #[param(example = "seq")]
    sort: Option<String>,
}

/// What happened to a task, oldest first; live with `Accept: text/event-stream`
///
/// The stream sends `id: <seq>`, `event: <status>|progress` and the same JSON as the list, begins after
/// `Last-Event-ID`, and ends by itself after a final status.
#[utoipa::path(tag = "tasks", operation_id = "list_task_events",
    params(("task_id" = Uid, Path), ListEvents, ("Last-Event-ID" = Option<i64>, Header, description = "The last `seq` that is known already")),
    responses((status = 200, description = "The events", content(
        (ListOf<TaskEvent> = "application/json"),
        (String = "text/event-stream")))))]
#[get("/v1/tasks/{task_id}/events")]
pub async fn list_task_events(
    state: web::Data<State>,
    caller: Caller,
    verifier: web::Data<TokenVerifier>,
    shutdown: web::Data<Shutdown>,
    request: HttpRequest,
    task_id: web::Path<Uid>,
    query: web::Query<ListEvents>,
) -> Result<HttpResponse, Problem> {
    let scope = caller.require(Permission::ReadTasks)?;
    let uid = workflow::find(&state, scope, task_id.into_inner()).await?.uid;
    if sse::is_wanted(&request) {
        let after = last_event_id(&request)?;
        let log = TaskLog { engine: state.engine.clone(), task: uid };
        return Ok(Stream::new(log, &state.task_logs, after, None).answer(caller, verifier, shutdown));
    }
    sort_of(query.sort.as_deref(), &[("seq", ())])?;
    let after = match &query.cursor {
        None => 0,
        Some(cursor) => {
            cursor.parse().map_err(|_| Problem::field("/cursor", "the cursor was not made by this list"))?
        }
    };
    let limit = query.limit.unwrap_or_default();
    let items = state.engine.events(uid, EventQuery { after, limit }).await.map_err(problem)?;
    let next_cursor = items.last().filter(|_| items.len() >= limit.get()).map(|last| last.seq.to_string());
    let mut links = Links::from([("self".to_owned(), request.uri().to_string())]);
    if let Some(next) = &next_cursor {
        links.insert("next".to_owned(), format!("/v1/tasks/{uid}/events?limit={}&cursor={next}", limit.get()));
    }
    Ok(HttpResponse::Ok().json(ListOf { items, next_cursor, links }))
}

fn last_event_id(request: &HttpRequest) -> Result<i64, Problem> {
    let Some(id) = sse::last_event_id(request) else { return Ok(0) };
    id.parse().map_err(|_| Problem::field("Last-Event-ID", "the number of an event"))
}

/// The log of one task; it ends with the task.
#[derive(Clone)]
pub struct TaskLog {
    engine: Engine,
    task: Uid,
}

impl Log for TaskLog {
    type Key = Uid;
    type Place = i64;

    fn key(&self) -> Uid {
        self.task
    }

    async fn after(&self, seq: i64) -> Result<Option<Vec<News<i64>>>, JobError> {
        // The state before the events: when it is final, the events are all there.
        let Some(job) = self.engine.find(self.task).await? else { return Ok(None) };
        let query = EventQuery { after: seq, limit: Limit::coerce(Some(200)) };
        let events = self.engine.events(self.task, query).await?;
        if events.is_empty() && job.data.control.state.is_final() && job.data.seq <= seq {
            return Ok(None);
        }
        let news = events.iter().map(|event| News { place: event.seq, message: sse::message(event.seq, event) });
        Ok(Some(news.collect()))
    }

    fn is_meant(&self, task: Uid) -> bool {
        task == self.task
    }
}
