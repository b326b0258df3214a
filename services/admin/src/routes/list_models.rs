use actix_web::{get, web};
use dallosh_contracts::{Links, ListOf, Permission, Resource};
use dallosh_primitives::{Limit, Page};
use dallosh_service_kit::{Caller, Problem, sort_of};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{ModelView, view};
use crate::{
    error,
    state::{State, in_order},
};

const PATH: &str = "/v1/settings/ai/models";

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListParams {
    /// How many, 1 to 200; 50 unless asked. Coerced, never refused.
    #[param(value_type = Option<i64>, example = 50)]
    limit: Option<Limit>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// `position`, the only order.
    #[param(example = "position")]
    sort: Option<String>,
}

/// List the language models
///
/// By their positions, which is the order in which they stand in for each other. Needs `manage_app`.
#[utoipa::path(
    tag = "settings",
    operation_id = "list_models",
    params(ListParams),
    responses((status = 200, description = "One page", body = ListOf<Resource<ModelView>>))
)]
#[get("/v1/settings/ai/models")]
pub async fn list_models(
    state: web::Data<State>,
    caller: Caller,
    params: web::Query<ListParams>,
) -> Result<web::Json<ListOf<Resource<ModelView>>>, Problem> {
    caller.require(Permission::ManageApp)?;
    let ListParams { limit, cursor, sort } = params.into_inner();
    sort_of(sort.as_deref(), &[("position", ())])?;
    let limit = limit.unwrap_or_default();
    let page = state.models.list(&in_order(limit, cursor.clone())).await.map_err(error::problem)?;
    let Page { items, next_cursor } = page.map(view);
    // A cursor is hexadecimal: it needs no escaping.
    let at = |cursor: &str| format!("{PATH}?limit={}&cursor={cursor}", limit.get());
    let own = cursor.as_deref().map_or_else(|| format!("{PATH}?limit={}", limit.get()), at);
    let mut links = Links::from([("self".to_owned(), own)]);
    if let Some(next) = &next_cursor {
        links.insert("next".to_owned(), at(next));
    }
    Ok(web::Json(ListOf { items, next_cursor, links }))
}
