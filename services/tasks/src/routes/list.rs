use actix_web::{get, web};
use dallosh_contracts::{ListOf, Permission, Resource, TaskData, TaskStatus};
use dallosh_jobs::JobFilter;
use dallosh_primitives::{Limit, Uid};
use dallosh_service_kit::{Caller, Problem, Scope, page_links, sort_of};
use dallosh_store::Sort;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{error::problem, state::State, task};

/// The orders in which tasks are listed.
const SORTS: [(&str, Sort); 2] =
    [("-createdAt", Sort::descending("createdAt")), ("createdAt", Sort::ascending("createdAt"))];

/// Which tasks, in which order.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListTasks {
    /// Only those with this status.
    status: Option<TaskStatus>,
    /// Only those of this dataset.
    file_id: Option<Uid>,
    /// One of `-createdAt` (the default), `createdAt`.
    #[param(example = "-createdAt")]
    sort: Option<String>,
    /// How many, 1 to 200; 50 unless asked. Coerced, never refused.
    #[param(value_type = Option<i64>, example = 50)]
    limit: Option<Limit>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// List tasks, newest first unless asked otherwise
#[utoipa::path(tag = "tasks", operation_id = "list_tasks", params(ListTasks), responses(
    (status = 200, description = "One page of the tasks that the caller may see", body = ListOf<Resource<TaskData>>)))]
#[get("/v1/tasks")]
pub async fn list_tasks(
    state: web::Data<State>,
    caller: Caller,
    query: web::Query<ListTasks>,
) -> Result<web::Json<ListOf<Resource<TaskData>>>, Problem> {
    let scope = caller.require(Permission::ReadTasks)?;
    let ListTasks { status, file_id, sort, limit, cursor } = query.into_inner();
    let (states, step) = status.map(task::states_of).unwrap_or_default();
    let owner = match scope {
        Scope::All => None,
        Scope::Owner(user) => Some(user),
    };
    let filter = JobFilter { owner, subject: file_id, states, step };
    let order = sort_of(sort.as_deref(), &SORTS)?;
    let page = state.engine.list(&filter, order, limit.unwrap_or_default(), cursor.clone()).await.map_err(problem)?;
    let query = [
        ("status", status.map(|status| status.as_str().to_owned())),
        ("file_id", file_id.map(|uid| uid.to_string())),
        ("sort", sort),
        ("limit", limit.map(|limit| limit.get().to_string())),
    ];
    let next_cursor = page.next_cursor;
    let links = page_links("/v1/tasks", &query, cursor.as_deref(), next_cursor.as_deref());
    let items = page.items.into_iter().map(|job| task::view(&state.engine, job)).collect::<Result<_, _>>()?;
    Ok(web::Json(ListOf { items, next_cursor, links }))
}
