use actix_web::{HttpRequest, get, web};
use dallosh_contracts::{Links, ListOf, Permission};
use dallosh_primitives::{Limit, Uid};
use dallosh_service_kit::{Caller, Problem, sort_of};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    rows::{self, RowPage, RowStatus, TaskRow},
    state::State,
    workflow,
};

/// Which rows.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListRows {
    /// Only those of which this became.
    enrichment_status: Option<RowStatus>,
    /// How many, 1 to 200; 50 unless asked. Coerced, never refused.
    #[param(value_type = Option<i64>, example = 50)]
    limit: Option<Limit>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// `row`, the only order.
    #[param(example = "row")]
    sort: Option<String>,
}

/// List a task's rows with what became of each
///
/// In the order of the file, whatever the task's state: while it runs, the rows show the answers that are stored by
/// now. Before cleaning is complete the list is empty. A page may be shorter than asked when few rows of a large file
/// match; the list ends where `next_cursor` is `null`.
#[utoipa::path(tag = "tasks", operation_id = "list_task_rows", params(("task_id" = Uid, Path), ListRows),
    responses((status = 200, description = "One page of the rows", body = ListOf<TaskRow>)))]
#[get("/v1/tasks/{task_id}/rows")]
pub async fn list_task_rows(
    state: web::Data<State>,
    caller: Caller,
    request: HttpRequest,
    task_id: web::Path<Uid>,
    query: web::Query<ListRows>,
) -> Result<web::Json<ListOf<TaskRow>>, Problem> {
    let scope = caller.require(Permission::ReadTasks)?;
    let job = workflow::find(&state, scope, task_id.into_inner()).await?;
    let ListRows { enrichment_status, limit, cursor, sort } = query.into_inner();
    sort_of(sort.as_deref(), &[("row", ())])?;
    let limit = limit.unwrap_or_default();
    let RowPage { items, next_cursor } = rows::list(&state, &job, enrichment_status, cursor.as_deref(), limit).await?;
    let mut links = Links::from([("self".to_owned(), request.uri().to_string())]);
    if let Some(next) = &next_cursor {
        let filter = enrichment_status.map(|status| format!("&enrichment_status={}", status.as_str()));
        let path = format!("/v1/tasks/{}/rows?limit={}", job.uid, limit.get());
        links.insert("next".to_owned(), format!("{path}{}&cursor={next}", filter.unwrap_or_default()));
    }
    Ok(web::Json(ListOf { items, next_cursor, links }))
}
