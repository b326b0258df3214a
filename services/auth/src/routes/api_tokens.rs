use std::collections::BTreeSet;

use actix_web::{HttpResponse, delete, get, post, web};
use chrono::{DateTime, Utc};
use dallosh_contracts::{Links, ListOf, Permission, Resource};
use dallosh_primitives::Uid;
use dallosh_service_kit::{Body, Problem};
use dallosh_store::Versioned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{NO_STORE, given, person::Person, wrong_fields};
use crate::{
    api_token::ApiToken,
    state::State,
    user::display_name,
    workflow::{self, NewApiToken},
};

const PATH: &str = "/v1/auth/tokens";

/// A new API token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateApiTokenRequest {
    /// What it is for.
    #[schema(example = "nightly upload", min_length = 1, max_length = 100)]
    name: String,
    /// What it allows: some of what the caller may do.
    #[schema(value_type = Vec<Permission>, example = json!(["manage_datasets", "read_datasets"]), min_items = 1)]
    permissions: BTreeSet<Permission>,
    /// When it ends; without it, when it is deleted.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String, required = false, example = "2027-01-01T00:00:00Z", format = DateTime)]
    expires_at: Option<DateTime<Utc>>,
}

/// An API token, without its secret.
#[derive(Serialize, ToSchema)]
pub struct ApiTokenData {
    /// What it is for.
    #[schema(example = "nightly upload")]
    name: String,
    /// What it allows, as far as the user's role does.
    #[schema(example = json!(["manage_datasets", "read_datasets"]))]
    permissions: BTreeSet<Permission>,
    /// The last characters of its secret.
    #[schema(example = "wxyz")]
    last4: String,
    /// When it ends; `null` for never.
    expires_at: Option<DateTime<Utc>>,
    /// When it was used last, within a minute; `null` for never.
    last_used_at: Option<DateTime<Utc>>,
}

/// A new API token with its secret.
#[derive(Serialize, ToSchema)]
pub struct CreatedApiTokenView {
    #[serde(flatten)]
    resource: Resource<ApiTokenData>,
    /// For the `Authorization` header, as `Bearer`. Shown this once.
    #[schema(example = "dls_q0mXyVYJ8Qd3hS5kPr1nZc7bTgW2uLfE9aDxVwMiJoI")]
    token: String,
}

fn view(token: Versioned<ApiToken>) -> Resource<ApiTokenData> {
    let Versioned { uid, data, created_at, created_by, updated_at, updated_by, revision: _ } = token;
    let ApiToken { user: _, name, permissions, hash: _, last4, expires_at, last_used_at } = data;
    let data = ApiTokenData { name, permissions, last4, expires_at, last_used_at };
    let links = Links::from([("self".to_owned(), format!("{PATH}/{uid}"))]);
    Resource { uid, data, created_at, created_by, updated_at, updated_by, links }
}

/// Make an API token
///
/// A program shows it as `Authorization: Bearer dls_…`, at this same address, until it is deleted. It may do what it
/// allows and its user may do at that moment, but never make tokens or change accounts and sessions. Its secret is in
/// this answer and nowhere else, but for a day in that to a repeat with the same `Idempotency-Key`.
#[utoipa::path(tag = "auth", request_body = CreateApiTokenRequest, responses(
    (status = 201, description = "The token and its secret", body = CreatedApiTokenView),
))]
#[post("/v1/auth/tokens")]
pub async fn create_api_token(
    state: web::Data<State>,
    Person(caller): Person,
    request: Body<CreateApiTokenRequest>,
) -> Result<HttpResponse, Problem> {
    let CreateApiTokenRequest { name, permissions, expires_at } = request.into_inner();
    let Some(name) = display_name(&name) else {
        return Err(wrong_fields(&[("/name", "must have 1 to 100 characters, none of them control characters")]));
    };
    let new = NewApiToken { name, permissions, expires_at };
    let (token, secret) = workflow::create_api_token(&state, &caller, new).await?;
    tracing::info!(by = %caller.user, token.id = %token.uid, "an API token was made");
    let view = CreatedApiTokenView { resource: view(token), token: secret.text().to_owned() };
    Ok(HttpResponse::Created().insert_header(NO_STORE).json(view))
}

/// List the own API tokens
///
/// All of them, the newest first, without their secrets. A user has at most 50.
#[utoipa::path(tag = "auth", responses(
    (status = 200, description = "The tokens", body = ListOf<Resource<ApiTokenData>>),
))]
#[get("/v1/auth/tokens")]
pub async fn list_api_tokens(state: web::Data<State>, Person(caller): Person) -> Result<HttpResponse, Problem> {
    let tokens = workflow::list_api_tokens(&state, &caller).await?;
    let links = Links::from([("self".to_owned(), PATH.to_owned())]);
    let page = ListOf { items: tokens.into_iter().map(view).collect(), next_cursor: None, links };
    Ok(HttpResponse::Ok().insert_header(NO_STORE).json(page))
}

/// Delete an API token
///
/// It opens nothing any more, five seconds later at the latest.
#[utoipa::path(tag = "auth", params(("id" = Uid, Path, description = "The token")), responses(
    (status = 204, description = "It is gone"),
))]
#[delete("/v1/auth/tokens/{id}")]
pub async fn delete_api_token(
    state: web::Data<State>,
    Person(caller): Person,
    id: web::Path<Uid>,
) -> Result<HttpResponse, Problem> {
    workflow::delete_api_token(&state, &caller, *id).await?;
    tracing::info!(by = %caller.user, token.id = %*id, "an API token was deleted");
    Ok(HttpResponse::NoContent().finish())
}
