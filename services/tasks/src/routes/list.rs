use actix_web::{HttpRequest, get, web};
use dallosh_contracts::{Links, ListOf, Permission, Resource, TaskData, TaskStatus};
use dallosh_jobs::JobFilter;
use dallosh_primitives::{Limit, Uid};
use dallosh_service_kit::{Caller, Problem, Scope};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{error::problem, state::State, task};

/// Which tasks.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListTasks {
    /// Only those with this status.
    status: Option<TaskStatus>,
    /// Only those of this dataset.
    file_id: Option<Uid>,
    /// Items a page: 1 to 200, 50 unless asked.
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// List tasks, newest first
#[utoipa::path(tag = "tasks", operation_id = "list_tasks", params(ListTasks), responses(
    (status = 200, description = "One page of the tasks that the caller may see", body = ListOf<Resource<TaskData>>)))]
#[get("/v1/tasks")]
pub async fn list_tasks(
    state: web::Data<State>,
    caller: Caller,
    request: HttpRequest,
    query: web::Query<ListTasks>,
) -> Result<web::Json<ListOf<Resource<TaskData>>>, Problem> {
    let scope = caller.require(Permission::ReadTasks)?;
    let ListTasks { status, file_id, limit, cursor } = query.into_inner();
    let (states, step) = status.map(task::states_of).unwrap_or_default();
    let owner = match scope {
        Scope::All => None,
        Scope::Owner(user) => Some(user),
    };
    let filter = JobFilter { owner, subject: file_id, states, step };
    let page = state.engine.list(&filter, Limit::coerce(limit), cursor).await.map_err(problem)?;
    let mut links = Links::from([("self".to_owned(), request.uri().to_string())]);
    if let Some(next) = &page.next_cursor {
        links.insert("next".to_owned(), format!("/v1/tasks?cursor={next}"));
    }
    let next_cursor = page.next_cursor;
    let items = page.items.into_iter().map(|job| task::view(&state.engine, job)).collect::<Result<_, _>>()?;
    Ok(web::Json(ListOf { items, next_cursor, links }))
}
