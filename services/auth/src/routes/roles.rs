use std::collections::BTreeSet;

use actix_web::{HttpRequest, HttpResponse, delete, get, http::header, patch, post, web};
use dallosh_contracts::{Links, ListOf, Permission, Resource};
use dallosh_primitives::{Limit, Page, Uid};
use dallosh_service_kit::{Body, Caller, Problem, Revision, page_links, sort_of};
use dallosh_store::Versioned;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{given, person::Person};
use crate::{
    role::{Role, role_name},
    state::State,
    store::{Paging, ROLE_SORTS},
    workflow::roles::{self, RoleChange},
};

/// Which roles, in which order.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListRoles {
    /// Only those whose name contains this, in any case.
    #[param(example = "ana")]
    q: Option<String>,
    /// One of `-createdAt` (the default), `createdAt`, `name`, `-name`.
    #[param(example = "name")]
    sort: Option<String>,
    /// How many, 1 to 200; 50 unless asked. Coerced, never refused.
    #[param(value_type = Option<i64>, example = 50)]
    limit: Option<Limit>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// What a role says.
#[derive(Debug, Serialize, ToSchema)]
pub struct RoleData {
    /// Its name; no two roles share one.
    #[schema(example = "reader")]
    name: String,
    /// What it allows.
    #[schema(example = json!(["read_datasets", "read_tasks"]))]
    permissions: BTreeSet<Permission>,
}

/// A new role.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateRoleRequest {
    /// Its name.
    #[schema(example = "reader", min_length = 1, max_length = 50)]
    name: String,
    /// What it allows; nothing that the caller may not.
    #[schema(example = json!(["read_datasets", "read_tasks"]))]
    permissions: BTreeSet<Permission>,
}

/// What to change; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateRoleRequest {
    /// Another name.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String, required = false, example = "reader", min_length = 1, max_length = 50)]
    name: Option<String>,
    /// What it allows from now on.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = BTreeSet<Permission>, required = false, example = json!(["read_datasets"]))]
    permissions: Option<BTreeSet<Permission>>,
}

/// List roles
///
/// Needs `read_users`.
#[utoipa::path(tag = "users", operation_id = "list_roles", params(ListRoles), responses(
    (status = 200, description = "One page", body = ListOf<Resource<RoleData>>),
))]
#[get("/v1/roles")]
pub async fn list_roles(
    state: web::Data<State>,
    caller: Caller,
    params: web::Query<ListRoles>,
) -> Result<web::Json<ListOf<Resource<RoleData>>>, Problem> {
    let ListRoles { q, sort: order, limit, cursor } = params.into_inner();
    let paging = Paging {
        sort: sort_of(order.as_deref(), &ROLE_SORTS)?,
        limit: limit.unwrap_or_default(),
        cursor: cursor.clone(),
    };
    let query = [("q", q.clone()), ("sort", order), ("limit", limit.map(|limit| limit.get().to_string()))];
    let Page { items, next_cursor } = roles::list(&state, &caller, q, paging).await?.map(view);
    let links = page_links("/v1/roles", &query, cursor.as_deref(), next_cursor.as_deref());
    Ok(web::Json(ListOf { items, next_cursor, links }))
}

/// Make a role
///
/// Nobody makes a role that allows what they may not themselves. Needs `manage_users`.
#[utoipa::path(tag = "users", operation_id = "create_role", request_body = CreateRoleRequest, responses(
    (status = 201, description = "The role", body = Resource<RoleData>,
        headers(("ETag" = String, description = "Its revision"), ("Location" = String, description = "Where it is"))),
))]
#[post("/v1/roles")]
pub async fn create_role(
    state: web::Data<State>,
    Person(caller): Person,
    request: Body<CreateRoleRequest>,
) -> Result<HttpResponse, Problem> {
    caller.require(Permission::ManageUsers)?;
    let CreateRoleRequest { name, permissions } = request.into_inner();
    let role = Role { name: read_name(&name)?, permissions };
    let role = roles::create(&state, &caller, role).await?;
    let etag = (header::ETAG, Revision(role.revision).etag());
    let location = (header::LOCATION, format!("/v1/roles/{}", role.uid));
    Ok(HttpResponse::Created().insert_header(etag).insert_header(location).json(view(role)))
}

/// Show a role
///
/// Needs `read_users`.
#[utoipa::path(tag = "users", operation_id = "get_role", params(
    ("id" = Uid, Path, description = "The role"),
    ("If-None-Match" = Option<String>, Header, description = "The revision that the client has"),
), responses(
    (status = 200, description = "The role", body = Resource<RoleData>, headers(("ETag" = String, description = "The revision"))),
    (status = 304, description = "The client has this revision"),
))]
#[get("/v1/roles/{id}")]
pub async fn get_role(
    state: web::Data<State>,
    caller: Caller,
    id: web::Path<Uid>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let role = roles::get(&state, &caller, *id).await?;
    Ok(Revision(role.revision).respond(&request, &view(role)))
}

/// Change a role
///
/// Its users have the new permissions within seconds, everywhere. The role `admin` stays as it is (`fixed_role`). Nobody
/// changes a role that allows, or would allow, what they may not themselves. Needs `manage_users`.
#[utoipa::path(tag = "users", operation_id = "update_role", params(
    ("id" = Uid, Path, description = "The role"),
    ("If-Match" = String, Header, description = "The revision that the client changes"),
), request_body = UpdateRoleRequest, responses(
    (status = 200, description = "The role after the change", body = Resource<RoleData>, headers(("ETag" = String, description = "The revision"))),
))]
#[patch("/v1/roles/{id}")]
pub async fn update_role(
    state: web::Data<State>,
    Person(caller): Person,
    id: web::Path<Uid>,
    http: HttpRequest,
    request: Body<UpdateRoleRequest>,
) -> Result<HttpResponse, Problem> {
    caller.require(Permission::ManageUsers)?;
    let UpdateRoleRequest { name, permissions } = request.into_inner();
    let name = name.map(|name| read_name(&name)).transpose()?;
    let change = RoleChange { name, permissions };
    let role = roles::change(&state, &caller, *id, change, |revision| revision.require(&http)).await?;
    let etag = (header::ETAG, Revision(role.revision).etag());
    Ok(HttpResponse::Ok().insert_header(etag).json(view(role)))
}

/// Delete a role
///
/// One that users have is refused with `in_use`; `admin` and `analyst` with `fixed_role`. Needs `manage_users`.
#[utoipa::path(tag = "users", operation_id = "delete_role", params(
    ("id" = Uid, Path, description = "The role"),
    ("If-Match" = String, Header, description = "The revision that the client deletes"),
), responses((status = 204, description = "It is gone")))]
#[delete("/v1/roles/{id}")]
pub async fn delete_role(
    state: web::Data<State>,
    Person(caller): Person,
    id: web::Path<Uid>,
    http: HttpRequest,
) -> Result<HttpResponse, Problem> {
    roles::delete(&state, &caller, *id, |revision| revision.require(&http)).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn read_name(text: &str) -> Result<String, Problem> {
    role_name(text)
        .ok_or_else(|| Problem::field("/name", "must have 1 to 50 characters, none of them control characters"))
}

fn view(role: Versioned<Role>) -> Resource<RoleData> {
    let Versioned { uid, data, created_at, created_by, updated_at, updated_by, revision: _ } = role;
    let Role { name, permissions } = data;
    let links = Links::from([
        ("users".to_owned(), format!("/v1/users?role_id={uid}")),
        ("self".to_owned(), format!("/v1/roles/{uid}")),
    ]);
    let data = RoleData { name, permissions };
    Resource { uid, data, created_at, created_by, updated_at, updated_by, links }
}
