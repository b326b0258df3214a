use chrono::TimeDelta;
use dallosh_service_kit::ErrorCode;
use dallosh_store::{StoreError, StoreErrorKind};

use crate::{attempts::Blocked, hashing::HashError, password::WeakPassword, tokens::TokenError};

/// A field of a request, and what is wrong with it.
pub type WrongField = (&'static str, &'static str);

/// What a workflow refuses, or fails by.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The e-mail or the password is wrong, or the account is disabled: not told which.
    #[error("the e-mail or the password is wrong")]
    InvalidCredentials,
    /// Too many passwords were wrong here.
    #[error("too many passwords were wrong; try again later")]
    Blocked(Blocked, TimeDelta),
    /// Nobody may register.
    #[error("registration is closed; ask an admin for an account")]
    RegistrationClosed,
    /// It is not known whether anybody may register.
    #[error("whether registration is open can't be known at the moment")]
    RegistrationUnknown,
    /// The session has ended or expired, or its user may not sign in any more.
    #[error("the session has ended")]
    SignedOut,
    /// An API token was shown for something that only its user may do.
    #[error("an API token can't do this; sign in for it")]
    NotForApiTokens,
    /// The new password is refused.
    #[error("the password {0}")]
    WeakPassword(#[from] WeakPassword),
    /// These fields have values that they can't have.
    #[error("a value is not allowed")]
    Invalid(Vec<WrongField>),
    /// Another account has the e-mail address.
    #[error("another account has this e-mail address")]
    EmailTaken,
    /// The caller has no such API token.
    #[error("there is no such API token")]
    NoApiToken,
    /// The user was changed since the client read it.
    #[error("it was changed since it was read; read it again")]
    Changed,
    /// More passwords wait to be checked than is sensible.
    #[error("too many passwords are being checked at once")]
    Busy,
    /// A stored password hash can't be used, or hashing failed.
    #[error("hashing failed")]
    Hash(#[from] HashError),
    /// A token can't be made.
    #[error("a token can't be made")]
    Token(#[from] TokenError),
    /// A user's role is gone.
    #[error("the user's role does not exist")]
    RoleMissing,
    /// The database failed.
    #[error("the database failed")]
    Store(#[from] StoreError),
}

impl Error {
    /// The code of the problem that a client sees.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::InvalidCredentials => ErrorCode::InvalidCredentials,
            Self::RegistrationClosed => ErrorCode::RegistrationClosed,
            Self::SignedOut => ErrorCode::Unauthorized,
            Self::NotForApiTokens => ErrorCode::Forbidden,
            Self::Blocked(..) => ErrorCode::RateLimited,
            Self::WeakPassword(_) => ErrorCode::WeakPassword,
            Self::Invalid(_) => ErrorCode::Validation,
            Self::EmailTaken => ErrorCode::Conflict,
            Self::NoApiToken => ErrorCode::NotFound,
            Self::Changed => ErrorCode::PreconditionFailed,
            Self::Busy | Self::RegistrationUnknown => ErrorCode::Unavailable,
            Self::Hash(_) | Self::Token(_) | Self::RoleMissing => ErrorCode::Internal,
            Self::Store(error) => match error.kind {
                StoreErrorKind::Unavailable | StoreErrorKind::Stale => ErrorCode::Unavailable,
                StoreErrorKind::Full => ErrorCode::StorageFull,
                _ => ErrorCode::Internal,
            },
        }
    }
}
