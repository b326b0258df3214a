//! The operations, one line each.

mod api_tokens;
mod cookies;
mod exchange;
mod jwks;
mod login;
mod logout;
mod me;
mod permissions;
mod person;
mod refresh;
mod register;
mod revocations;
mod roles;
mod sessions;
mod users;
mod view;

use actix_web::http::header::{CACHE_CONTROL, HeaderName};
use dallosh_service_kit::{ErrorCode, Problem, RatePolicy};
use dallosh_store::StoreErrorKind;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::{
    attempts::Blocked,
    error::{Error, WrongField},
};

/// Answers with tokens or personal data are kept nowhere on their way.
const NO_STORE: (HeaderName, &str) = (CACHE_CONTROL, "no-store");

/// Registers the routes.
pub fn register(config: &mut ServiceConfig) {
    config
        .service(register::register_user)
        .service(login::login_user)
        .service(refresh::refresh_session)
        .service(logout::logout_user)
        .service(me::get_me)
        .service(me::update_me)
        .service(me::delete_me)
        .service(sessions::list_sessions)
        .service(sessions::delete_session)
        .service(users::list_users)
        .service(users::create_user)
        .service(users::get_user)
        .service(users::update_user)
        .service(users::delete_user)
        .service(users::list_user_sessions)
        .service(users::delete_user_sessions)
        .service(roles::list_roles)
        .service(roles::create_role)
        .service(roles::get_role)
        .service(roles::update_role)
        .service(roles::delete_role)
        .service(permissions::list_permissions)
        .service(api_tokens::list_api_tokens)
        .service(api_tokens::create_api_token)
        .service(api_tokens::delete_api_token)
        .service(jwks::list_keys)
        // Not part of the public contract.
        .map(|config| config.service(exchange::exchange_token).service(revocations::list_revocations));
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let code = error.code();
        match error {
            Error::Invalid(fields) => wrong_fields(&fields),
            Error::WeakPassword(reason) => {
                Self::new(code, format!("the password {reason}")).with_error("/password", reason.to_string())
            }
            Error::EmailTaken => Self::new(code, error.to_string()).with_error("/email", "is taken"),
            Error::NameTaken => Self::new(code, error.to_string()).with_error("/name", "is taken"),
            Error::Precondition(problem) => problem,
            Error::Store(error) if error.kind == StoreErrorKind::BadCursor => {
                Self::field("/cursor", "the cursor was not made by this list")
            }
            Error::SignedOut => Self::unauthorized(),
            Error::Blocked(Blocked { limit, .. }, wait) => {
                let window = limit.window.to_std().unwrap_or_default();
                let policy = RatePolicy { name: limit.name, quota: limit.most, window };
                Self::rate_limited(policy, wait.to_std().unwrap_or_default(), error.to_string())
            }
            _ if code == ErrorCode::Internal => Self::internal(error),
            Error::Issuer(problem) => problem,
            Error::Store(error) if code == ErrorCode::Unavailable => Self::unavailable("the database", error),
            Error::Store(error) if code == ErrorCode::StorageFull => {
                tracing::error!(%error, "no room left");
                Self::new(code, "there is no room left for data")
            }
            other => Self::new(code, other.to_string()),
        }
    }
}

/// One problem that names every wrong field.
fn wrong_fields(fields: &[WrongField]) -> Problem {
    fields.iter().fold(Problem::new(ErrorCode::Validation, "a value is not allowed"), |problem, (pointer, detail)| {
        problem.with_error(*pointer, *detail)
    })
}

/// Reads a field that may be left out, but not be null.
fn given<'de, D: serde::Deserializer<'de>, T: serde::Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
