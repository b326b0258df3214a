use actix_web::{HttpRequest, HttpResponse, delete, get, http::header, patch, web};
use dallosh_service_kit::{Body, Problem, Revision};
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{NO_STORE, cookies::cookies_for, given, person::Person, view::MeView, wrong_fields};
use crate::{
    state::State,
    user::{Email, display_name},
    workflow::{self, Change},
};

/// What to change; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateMeRequest {
    /// What to call the user.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String, required = false, example = "Ann Lee", min_length = 1, max_length = 100)]
    name: Option<String>,
    /// Another address to sign in with.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String, required = false, example = "ann@example.com", format = "email", max_length = 254)]
    email: Option<String>,
    /// Another password.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String, required = false, example = "a new horse battery", format = "password", min_length = 8, max_length = 1024)]
    password: Option<SecretString>,
    /// The present password; needed for another address or password.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String, required = false, example = "correct horse battery", format = "password")]
    current_password: Option<SecretString>,
}

/// Read the own account
///
/// The user, the role and what it allows at the moment.
#[utoipa::path(tag = "auth", params(
    ("If-None-Match" = Option<String>, Header, description = "The revision that the client has"),
), responses(
    (status = 200, description = "The caller", body = MeView, headers(("ETag" = String, description = "The revision"))),
    (status = 304, description = "The client has this revision"),
))]
#[get("/v1/auth/me")]
pub async fn get_me(
    state: web::Data<State>,
    Person(caller): Person,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let member = workflow::me(&state, &caller).await?;
    Ok(member.revision().respond(&request, &MeView::from(member)))
}

/// Change the own account
///
/// Another address or password needs the present password. Another password signs out every other session.
#[utoipa::path(tag = "auth", params(
    ("If-Match" = Option<String>, Header, description = "The revision that the client changes; another one is `precondition_failed`"),
), request_body = UpdateMeRequest, responses(
    (status = 200, description = "The caller after the change", body = MeView, headers(("ETag" = String, description = "The revision"))),
))]
#[patch("/v1/auth/me")]
pub async fn update_me(
    state: web::Data<State>,
    Person(caller): Person,
    http: HttpRequest,
    request: Body<UpdateMeRequest>,
) -> Result<HttpResponse, Problem> {
    let change = change_of(request.into_inner())?;
    let knows = |revision: Revision| revision.check(&http).is_ok();
    let member = workflow::change_me(&state, &caller, change, knows).await?;
    let etag = (header::ETAG, member.revision().etag());
    Ok(HttpResponse::Ok().insert_header(NO_STORE).insert_header(etag).json(MeView::from(member)))
}

/// Proof that the owner asks.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteMeRequest {
    /// The present password.
    #[schema(value_type = String, example = "correct horse battery", format = "password")]
    current_password: SecretString,
}

/// Delete the own account
///
/// Ends all its sessions. Its datasets and tasks stay, and from then on only administrators see them. The last
/// administrator stays (`last_admin`).
#[utoipa::path(tag = "auth", request_body = DeleteMeRequest, responses((status = 204, description = "It is gone")))]
#[delete("/v1/auth/me")]
pub async fn delete_me(
    state: web::Data<State>,
    Person(caller): Person,
    http: HttpRequest,
    request: Body<Option<DeleteMeRequest>>,
) -> Result<HttpResponse, Problem> {
    let Some(DeleteMeRequest { current_password }) = request.into_inner() else {
        return Err(Problem::field("/current_password", "is needed to delete the account"));
    };
    workflow::delete_me(&state, &caller, &current_password).await?;
    let [access, refresh] = cookies_for(&state, &http).clear();
    Ok(HttpResponse::NoContent().cookie(access).cookie(refresh).finish())
}

fn change_of(request: UpdateMeRequest) -> Result<Change, Problem> {
    let UpdateMeRequest { name, email, password, current_password } = request;
    let mut wrong = Vec::new();
    let name = name.map(|text| display_name(&text));
    if name == Some(None) {
        wrong.push(("/name", "must have 1 to 100 characters, none of them control characters"));
    }
    let email = email.map(|text| Email::parse(&text));
    if email == Some(None) {
        wrong.push(("/email", "is no e-mail address"));
    }
    if wrong.is_empty() {
        Ok(Change { name: name.flatten(), email: email.flatten(), password, current_password })
    } else {
        Err(wrong_fields(&wrong))
    }
}
