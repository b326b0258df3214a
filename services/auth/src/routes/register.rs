use actix_web::{HttpResponse, post, web};
use dallosh_service_kit::{Body, Problem};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{NO_STORE, given, wrong_fields};
use crate::{
    state::State,
    user::{Email, display_name},
    workflow::{self, Registration},
};

/// A new account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisterRequest {
    /// The address to sign in with; its case does not matter.
    #[schema(example = "ann@example.com", format = "email", max_length = 254)]
    email: String,
    /// At least 8 characters, at most 1024 bytes, none of the most common ones.
    #[schema(value_type = String, example = "correct horse battery", min_length = 8, max_length = 1024, format = "password")]
    password: SecretString,
    /// What to call the user.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String, required = false, example = "Ann Lee", min_length = 1, max_length = 100)]
    name: Option<String>,
}

/// What was taken down. The same for an address that has an account already.
#[derive(Serialize, ToSchema)]
pub struct RegisteredView {
    /// The address to sign in with.
    #[schema(example = "ann@example.com", format = "email")]
    email: String,
    /// What to call the user.
    #[schema(example = "Ann Lee")]
    name: Option<String>,
}

/// Register
///
/// Makes an account with the role `analyst`. The answer does not tell whether the address had one already; such an
/// account is left as it is. `weak_password` says why a password is refused. Refused with `registration_closed` where the
/// settings say so.
#[utoipa::path(tag = "auth", security(()), request_body = RegisterRequest, responses(
    (status = 201, description = "The account exists", body = RegisteredView),
))]
#[post("/v1/auth/register")]
pub async fn register_user(state: web::Data<State>, request: Body<RegisterRequest>) -> Result<HttpResponse, Problem> {
    let RegisterRequest { email, password, name } = request.into_inner();
    let address = Email::parse(&email);
    let shown = name.as_deref().map(display_name);
    let mut wrong = Vec::new();
    if address.is_none() {
        wrong.push(("/email", "is no e-mail address"));
    }
    if shown == Some(None) {
        wrong.push(("/name", "must have 1 to 100 characters, none of them control characters"));
    }
    let Some(email) = address.filter(|_| wrong.is_empty()) else {
        return Err(wrong_fields(&wrong));
    };
    let view = RegisteredView { email: email.as_str().to_owned(), name: shown.flatten() };
    workflow::register(&state, Registration { email, password, name: view.name.clone() }).await?;
    Ok(HttpResponse::Created().insert_header(NO_STORE).json(view))
}
