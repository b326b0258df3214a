use actix_web::{get, web};
use dallosh_contracts::{Links, ListOf, Permission};
use dallosh_service_kit::Caller;
use serde::Serialize;
use utoipa::ToSchema;

/// What a role can allow.
#[derive(Serialize, ToSchema)]
pub struct PermissionView {
    /// Its name in roles and tokens.
    name: Permission,
    /// What it allows, in English.
    #[schema(example = "Read datasets.")]
    description: &'static str,
}

/// List the permissions
///
/// All there are, in no pages. For everybody who is signed in.
#[utoipa::path(tag = "users", operation_id = "list_permissions", responses(
    (status = 200, description = "The permissions", body = ListOf<PermissionView>),
))]
#[get("/v1/permissions")]
pub async fn list_permissions(_: Caller) -> web::Json<ListOf<PermissionView>> {
    let view = |permission: Permission| PermissionView { name: permission, description: permission.description() };
    let links = Links::from([("self".to_owned(), "/v1/permissions".to_owned())]);
    web::Json(ListOf { items: Permission::ALL.map(view).into(), next_cursor: None, links })
}
