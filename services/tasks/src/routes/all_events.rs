use actix_web::{HttpRequest, HttpResponse, get, web};
use bytes::Bytes;
use dallosh_contracts::{Links, ListOf, Permission, TaskEvent};
use dallosh_jobs::{Engine, JobError, LogPosition};
use dallosh_primitives::{Limit, Uid};
use dallosh_service_kit::{Caller, Problem, Scope, Shutdown, TokenVerifier, sort_of};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    error::problem,
    live::{Log, News},
    sse::{self, Stream},
    state::State,
};

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListAllEvents {
    /// How many, 1 to 200; 50 unless asked. Coerced, never refused.
    #[param(value_type = Option<i64>, example = 50)]
    limit: Option<Limit>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// `-at`, the only order.
    #[param(example = "-at")]
    sort: Option<String>,
}

/// What happened to all tasks that the caller may see, newest first; live with `Accept: text/event-stream`
///
/// The stream begins with now, or after `Last-Event-ID`, and sends each event once, in the order in which they came into
/// the log, about a second after. Its ids are places in that order; they are opaque. One comes before any event, so that
/// whoever reconnects misses nothing. It goes on until the client leaves.
#[utoipa::path(tag = "tasks", operation_id = "list_events",
    params(ListAllEvents, ("Last-Event-ID" = Option<String>, Header, description = "The id of the last message")),
    responses((status = 200, description = "The events", content(
        (ListOf<TaskEvent> = "application/json"),
        (String = "text/event-stream")))))]
#[get("/v1/events")]
pub async fn list_events(
    state: web::Data<State>,
    caller: Caller,
    verifier: web::Data<TokenVerifier>,
    shutdown: web::Data<Shutdown>,
    request: HttpRequest,
    query: web::Query<ListAllEvents>,
) -> Result<HttpResponse, Problem> {
    let owner = match caller.require(Permission::ReadTasks)? {
        Scope::All => None,
        Scope::Owner(user) => Some(user),
    };
    if sse::is_wanted(&request) {
        let after = match sse::last_event_id(&request) {
            Some(id) => id.parse().map_err(|_| Problem::field("Last-Event-ID", "an id of this stream"))?,
            None => state.engine.log_end(),
        };
        let log = AllLog { engine: state.engine.clone(), owner };
        let opening = Bytes::from(format!("id: {after}\n\n"));
        return Ok(Stream::new(log, &state.all_logs, after, Some(opening)).answer(caller, verifier, shutdown));
    }
    let ListAllEvents { limit, cursor, sort } = query.into_inner();
    sort_of(sort.as_deref(), &[("-at", ())])?;
    let limit = limit.unwrap_or_default();
    let page = state.engine.log_newest(owner, limit, cursor).await.map_err(problem)?;
    let mut links = Links::from([("self".to_owned(), request.uri().to_string())]);
    if let Some(next) = &page.next_cursor {
        links.insert("next".to_owned(), format!("/v1/events?limit={}&cursor={next}", limit.get()));
    }
    Ok(HttpResponse::Ok().json(ListOf { items: page.items, next_cursor: page.next_cursor, links }))
}

/// The log of all tasks, or of one user's; it never ends.
#[derive(Clone)]
pub struct AllLog {
    engine: Engine,
    owner: Option<Uid>,
}

impl Log for AllLog {
    type Key = Option<Uid>;
    type Place = LogPosition;

    fn key(&self) -> Option<Uid> {
        self.owner
    }

    async fn after(&self, place: LogPosition) -> Result<Option<Vec<News<LogPosition>>>, JobError> {
        let found = self.engine.log_after(self.owner, place, Limit::coerce(Some(200))).await?;
        let news = found.iter().map(|(place, event)| News { place: *place, message: sse::message(place, event) });
        Ok(Some(news.collect()))
    }

    /// What is hinted at is told a second later.
    fn is_meant(&self, _: Uid) -> bool {
        false
    }
}
