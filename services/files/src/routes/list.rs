use actix_web::{HttpResponse, get, http::header::ContentType, web};
use dallosh_contracts::{FileData, ListOf, Permission, Resource};
use dallosh_primitives::Limit;
use dallosh_service_kit::{Caller, Problem, page_links, sort_of};
use serde::Deserialize;
use utoipa::IntoParams;

use super::view;
use crate::{error::Error, state::State, store::SORTS};

/// Which files, in which order.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListParams {
    /// How many, 1 to 200; 50 unless asked. Coerced, never refused.
    #[param(value_type = Option<i64>, example = 50)]
    limit: Option<Limit>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// One of `-createdAt` (the default), `createdAt`, `filename`, `-filename`, `size`, `-size`.
    #[param(example = "-createdAt")]
    sort: Option<String>,
    /// Only files whose name contains this, in any case.
    #[param(example = "posts")]
    q: Option<String>,
}

/// List datasets
///
/// The caller's own; everybody's with `manage_app`. Needs `read_datasets`.
#[utoipa::path(
    tag = "files",
    operation_id = "list_files",
    params(ListParams),
    responses((status = 200, description = "One page", body = ListOf<Resource<FileData>>))
)]
#[get("/v1/files")]
pub async fn list_files(
    state: web::Data<State>,
    caller: Caller,
    params: web::Query<ListParams>,
) -> Result<HttpResponse, Problem> {
    let scope = caller.require(Permission::ReadDatasets)?;
    let ListParams { limit, cursor, sort, q } = params.into_inner();
    let order = sort_of(sort.as_deref(), &SORTS)?;
    let page = state.files.list(scope, q.clone(), order, limit.unwrap_or_default(), cursor.clone()).await;
    let page = page.map_err(Error::from)?;
    let query = [("limit", limit.map(|limit| limit.get().to_string())), ("sort", sort), ("q", q)];
    let links = page_links("/v1/files", &query, cursor.as_deref(), page.next_cursor.as_deref());
    let list = state.shown.list(page, links, view)?;
    Ok(HttpResponse::Ok().content_type(ContentType::json()).body(list))
}
