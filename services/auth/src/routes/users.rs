use actix_web::{HttpRequest, HttpResponse, delete, get, http::header, patch, post, web};
use chrono::{DateTime, Utc};
use dallosh_contracts::{Links, ListOf, Permission, Resource};
use dallosh_primitives::{Limit, Page, Uid};
use dallosh_service_kit::{Body, Caller, Problem, Revision, page_links, sort_of};
use dallosh_store::Versioned;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    NO_STORE, given,
    person::Person,
    sessions::{ListSessions, SessionData, view as session_view},
    wrong_fields,
};
use crate::{
    error::WrongField,
    state::State,
    store::{Paging, USER_SORTS, UserFilter},
    user::{Email, User, display_name},
    workflow::{
        Member,
        users::{self, Account, NewUser, UserChange},
    },
};

/// Which accounts, in which order.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListUsers {
    /// Only those with this role.
    role_id: Option<Uid>,
    /// Only those who may not sign in, or only those who may.
    disabled: Option<bool>,
    /// Only those whose address or name contains this, in any case.
    #[param(example = "ann")]
    q: Option<String>,
    /// One of `-createdAt` (the default), `createdAt`, `email`, `-email`.
    #[param(example = "email")]
    sort: Option<String>,
    /// How many, 1 to 200; 50 unless asked. Coerced, never refused.
    #[param(value_type = Option<i64>, example = 50)]
    limit: Option<Limit>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// An account, as administrators see it.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccountData {
    /// The address by which the user signs in, in lower case.
    #[schema(example = "ann@example.com", format = "email")]
    email: String,
    /// What to call the user.
    #[schema(example = "Ann Lee")]
    name: Option<String>,
    /// The role.
    role_id: Uid,
    /// The role's name.
    #[schema(example = "analyst")]
    role: String,
    /// Whether the user is kept from signing in.
    disabled: bool,
    /// The password is known to somebody else; the user is asked for a new one.
    must_change_password: bool,
    /// When the user signed in last; `null` for never. No part of the revision that `ETag` names.
    last_sign_in_at: Option<DateTime<Utc>>,
}

/// A new account, and the password that was made for it.
#[derive(Serialize, ToSchema)]
pub struct CreatedAccount {
    /// The account.
    #[serde(flatten)]
    account: Resource<AccountData>,
    /// The password to hand over, shown this once; `null` when the request brought one.
    #[schema(example = "k3m9p-x7q2v-hd4tn-w8rjc")]
    initial_password: Option<String>,
}

/// A new account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateUserRequest {
    /// The address to sign in with; its case does not matter.
    #[schema(example = "ann@example.com", format = "email", max_length = 254)]
    email: String,
    /// What to call the user.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String, required = false, example = "Ann Lee", min_length = 1, max_length = 100)]
    name: Option<String>,
    /// The role; it allows nothing that the caller may not.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Uid, required = true)]
    role_id: Option<Uid>,
    /// Whether the account begins disabled.
    #[serde(default)]
    disabled: bool,
    /// The first password; one is made when it is left out. The user is asked for another one.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String, required = false, example = "correct horse battery", min_length = 8, max_length = 1024, format = "password")]
    password: Option<SecretString>,
}

/// What to change; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateUserRequest {
    /// Another address to sign in with.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String, required = false, example = "ann@example.com", format = "email", max_length = 254)]
    email: Option<String>,
    /// What to call the user.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String, required = false, example = "Ann Lee", min_length = 1, max_length = 100)]
    name: Option<String>,
    /// Another role; it allows nothing that the caller may not.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Uid, required = false)]
    role_id: Option<Uid>,
    /// Whether the user is kept from signing in; `true` ends every session.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = bool, required = false)]
    disabled: Option<bool>,
    /// Another password, which the user is asked to change; ends every session.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String, required = false, example = "a new horse battery", min_length = 8, max_length = 1024, format = "password")]
    password: Option<SecretString>,
}

/// List users
///
/// Needs `read_users`.
#[utoipa::path(tag = "users", operation_id = "list_users", params(ListUsers), responses(
    (status = 200, description = "One page", body = ListOf<Resource<AccountData>>),
))]
#[get("/v1/users")]
pub async fn list_users(
    state: web::Data<State>,
    caller: Caller,
    params: web::Query<ListUsers>,
) -> Result<web::Json<ListOf<Resource<AccountData>>>, Problem> {
    let ListUsers { role_id, disabled, q, sort: order, limit, cursor } = params.into_inner();
    let query = [
        ("role_id", role_id.map(|uid| uid.to_string())),
        ("disabled", disabled.map(|disabled| disabled.to_string())),
        ("q", q.clone()),
        ("sort", order.clone()),
        ("limit", limit.map(|limit| limit.get().to_string())),
    ];
    let which = UserFilter { role: role_id, disabled, text: q };
    let paging = Paging {
        sort: sort_of(order.as_deref(), &USER_SORTS)?,
        limit: limit.unwrap_or_default(),
        cursor: cursor.clone(),
    };
    let Page { items, next_cursor } =
        users::list(&state, &caller, &which, paging).await?.map(|account| view(account).0);
    let links = page_links("/v1/users", &query, cursor.as_deref(), next_cursor.as_deref());
    Ok(web::Json(ListOf { items, next_cursor, links }))
}

/// Make an account
///
/// Without a password one is made, and shown in this answer alone (`initial_password`), and for a day in that to a repeat
/// with the same `Idempotency-Key`; either way the user is asked for another one. Nobody gives a role that allows what they may not themselves. Needs `manage_users`.
#[utoipa::path(tag = "users", operation_id = "create_user", request_body = CreateUserRequest, responses(
    (status = 201, description = "The account", body = CreatedAccount,
        headers(("ETag" = String, description = "Its revision"), ("Location" = String, description = "Where it is"))),
))]
#[post("/v1/users")]
pub async fn create_user(
    state: web::Data<State>,
    Person(caller): Person,
    request: Body<CreateUserRequest>,
) -> Result<HttpResponse, Problem> {
    caller.require(Permission::ManageUsers)?;
    let CreateUserRequest { email, name, role_id, disabled, password } = request.into_inner();
    let mut wrong = Vec::new();
    let address = read_email(Some(email), &mut wrong);
    let name = read_name(name, &mut wrong);
    if role_id.is_none() {
        wrong.push(("/role_id", "is needed"));
    }
    let (Some(email), Some(role), true) = (address, role_id, wrong.is_empty()) else {
        return Err(wrong_fields(&wrong));
    };
    let new = NewUser { email, name, role, disabled, password };
    let (account, made) = users::create(&state, &caller, new).await?;
    let (account, revision) = view(account);
    let location = format!("/v1/users/{}", account.uid);
    let initial_password = made.map(|password| password.expose_secret().to_owned());
    Ok(HttpResponse::Created()
        .insert_header(NO_STORE)
        .insert_header((header::LOCATION, location))
        .insert_header((header::ETAG, revision.etag()))
        .json(CreatedAccount { account, initial_password }))
}

/// Show an account
///
/// Needs `read_users`.
#[utoipa::path(tag = "users", operation_id = "get_user", params(
    ("id" = Uid, Path, description = "The user"),
    ("If-None-Match" = Option<String>, Header, description = "The revision that the client has"),
), responses(
    (status = 200, description = "The account", body = Resource<AccountData>, headers(("ETag" = String, description = "The revision"))),
    (status = 304, description = "The client has this revision"),
))]
#[get("/v1/users/{id}")]
pub async fn get_user(
    state: web::Data<State>,
    caller: Caller,
    id: web::Path<Uid>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let (account, revision) = view(users::get(&state, &caller, *id).await?);
    Ok(revision.respond(&request, &account))
}

/// Change an account
///
/// Another role holds within seconds, everywhere. Another password, which the user is asked to change, and disabling end
/// every session. Nobody changes an account that may do more than they may themselves, and of the own one only the name
/// (`own_account`); the last administrator stays (`last_admin`). Needs `manage_users`.
#[utoipa::path(tag = "users", operation_id = "update_user", params(
    ("id" = Uid, Path, description = "The user"),
    ("If-Match" = Option<String>, Header, description = "The revision that the client changes; another one is `precondition_failed`"),
), request_body = UpdateUserRequest, responses(
    (status = 200, description = "The account after the change", body = Resource<AccountData>, headers(("ETag" = String, description = "The revision"))),
))]
#[patch("/v1/users/{id}")]
pub async fn update_user(
    state: web::Data<State>,
    Person(caller): Person,
    id: web::Path<Uid>,
    http: HttpRequest,
    request: Body<UpdateUserRequest>,
) -> Result<HttpResponse, Problem> {
    caller.require(Permission::ManageUsers)?;
    let UpdateUserRequest { email, name, role_id, disabled, password } = request.into_inner();
    let mut wrong = Vec::new();
    let change = UserChange {
        email: read_email(email, &mut wrong),
        name: read_name(name, &mut wrong),
        role: role_id,
        disabled,
        password,
    };
    if !wrong.is_empty() {
        return Err(wrong_fields(&wrong));
    }
    let knows = |revision: Revision| revision.check(&http);
    let (account, revision) = view(users::change(&state, &caller, *id, &change, knows).await?);
    Ok(HttpResponse::Ok().insert_header(NO_STORE).insert_header((header::ETAG, revision.etag())).json(account))
}

/// Delete an account
///
/// With its sessions. Its datasets and tasks stay; from then on only administrators see them. Nobody deletes an account
/// that may do more than they may themselves, or the own one here; the last administrator stays. Needs `manage_users`.
#[utoipa::path(tag = "users", operation_id = "delete_user", params(
    ("id" = Uid, Path, description = "The user"),
    ("If-Match" = Option<String>, Header, description = "The revision that the client deletes; another one is `precondition_failed`"),
), responses((status = 204, description = "It is gone")))]
#[delete("/v1/users/{id}")]
pub async fn delete_user(
    state: web::Data<State>,
    Person(caller): Person,
    id: web::Path<Uid>,
    http: HttpRequest,
) -> Result<HttpResponse, Problem> {
    users::delete(&state, &caller, *id, |revision| revision.check(&http)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// List a user's sessions, newest first
///
/// Needs `read_users`.
#[utoipa::path(tag = "users", operation_id = "list_user_sessions", params(
    ("id" = Uid, Path, description = "The user"), ListSessions,
), responses((status = 200, description = "One page", body = ListOf<Resource<SessionData>>)))]
#[get("/v1/users/{id}/sessions")]
pub async fn list_user_sessions(
    state: web::Data<State>,
    caller: Caller,
    id: web::Path<Uid>,
    params: web::Query<ListSessions>,
) -> Result<web::Json<ListOf<Resource<SessionData>>>, Problem> {
    let (limit, cursor) = params.into_inner().page()?;
    let page = users::sessions(&state, &caller, *id, limit.unwrap_or_default(), cursor.clone()).await?;
    Ok(web::Json(session_view(page, &format!("/v1/users/{id}/sessions"), None, limit, cursor.as_deref())))
}

/// Sign a user out everywhere
///
/// Ends all sessions of the user; the account can sign in again. Needs `manage_users`.
#[utoipa::path(tag = "users", operation_id = "delete_user_sessions", params(
    ("id" = Uid, Path, description = "The user"),
), responses((status = 204, description = "They are over")))]
#[delete("/v1/users/{id}/sessions")]
pub async fn delete_user_sessions(
    state: web::Data<State>,
    Person(caller): Person,
    id: web::Path<Uid>,
) -> Result<HttpResponse, Problem> {
    users::end_sessions(&state, &caller, *id).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn read_email(given: Option<String>, wrong: &mut Vec<WrongField>) -> Option<Email> {
    let email = given.map(|text| Email::parse(&text));
    if email == Some(None) {
        wrong.push(("/email", "is no e-mail address"));
    }
    email.flatten()
}

fn read_name(given: Option<String>, wrong: &mut Vec<WrongField>) -> Option<String> {
    let name = given.map(|text| display_name(&text));
    if name == Some(None) {
        wrong.push(("/name", "must have 1 to 100 characters, none of them control characters"));
    }
    name.flatten()
}

/// The account as the API shows it, and its revision.
fn view(account: Account) -> (Resource<AccountData>, Revision) {
    let Account { member, last_sign_in_at } = account;
    let revision = member.revision();
    let Member { user, role } = member;
    let Versioned { uid, data, created_at, created_by, updated_at, updated_by, revision: _ } = user;
    let User { email, name, must_change_password, disabled, .. } = data;
    let own = format!("/v1/users/{uid}");
    let links = Links::from([
        ("sessions".to_owned(), format!("{own}/sessions")),
        ("role".to_owned(), format!("/v1/roles/{}", role.uid)),
        ("self".to_owned(), own),
    ]);
    let data = AccountData {
        email: email.as_str().to_owned(),
        name,
        role_id: role.uid,
        role: role.data.name,
        disabled,
        must_change_password,
        last_sign_in_at,
    };
    (Resource { uid, data, created_at, created_by, updated_at, updated_by, links }, revision)
}
