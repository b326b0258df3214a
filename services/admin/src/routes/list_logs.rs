use actix_web::{HttpRequest, get, web};
use dallosh_contracts::{Links, ListOf, Permission, Resource};
use dallosh_primitives::{Limit, Page};
use dallosh_service_kit::{Caller, Problem, sort_of};
use dallosh_store::{ListQuery, Sort};
use serde::Deserialize;
use utoipa::IntoParams;

use super::logs::{LogEntry, LogParams, view_entry};
use crate::{error, state::State};

/// The orders; entries are numbered as they came.
const SORTS: [(&str, Sort); 2] = [("-at", Sort::descending("seq")), ("at", Sort::ascending("seq"))];

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct PageParams {
    /// How many, 1 to 200; 50 unless asked. Coerced, never refused.
    #[param(value_type = Option<i64>, example = 50)]
    limit: Option<Limit>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// One of `-at` (the default), `at`.
    #[param(example = "-at")]
    sort: Option<String>,
}

/// List the activity log
///
/// Requests that changed something or were refused, newest first unless asked otherwise. Needs `manage_app`.
#[utoipa::path(
    tag = "logs",
    operation_id = "list_logs",
    params(LogParams, PageParams),
    responses((status = 200, description = "One page", body = ListOf<Resource<LogEntry>>))
)]
#[get("/v1/logs")]
pub async fn list_logs(
    state: web::Data<State>,
    caller: Caller,
    request: HttpRequest,
    filters: web::Query<LogParams>,
    page: web::Query<PageParams>,
) -> Result<web::Json<ListOf<Resource<LogEntry>>>, Problem> {
    caller.require(Permission::ManageApp)?;
    let PageParams { limit, cursor, sort } = page.into_inner();
    let sort = sort_of(sort.as_deref(), &SORTS)?;
    let limit = limit.unwrap_or_default();
    let filter = filters.into_inner().filter()?;
    let query = ListQuery { filter, sort, limit, cursor };
    let Page { items, next_cursor } = state.log.page(query).await.map_err(error::problem)?.map(view_entry);
    let asked: Vec<_> = request.query_string().split('&').filter(|one| !one.is_empty()).collect();
    let at = |query: &[&str]| format!("/v1/logs?{}", query.join("&")).trim_end_matches('?').to_owned();
    let mut links = Links::from([("self".to_owned(), at(&asked))]);
    if let Some(next) = &next_cursor {
        let cursor = format!("cursor={next}");
        let kept = asked.iter().copied().filter(|one| !one.starts_with("cursor="));
        links.insert("next".to_owned(), at(&kept.chain([&*cursor]).collect::<Vec<_>>()));
    }
    Ok(web::Json(ListOf { items, next_cursor, links }))
}
