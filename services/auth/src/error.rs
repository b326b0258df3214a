use chrono::TimeDelta;
use dallosh_contracts::Permission;
use dallosh_service_kit::{ErrorCode, Problem};
use dallosh_store::{StoreError, StoreErrorKind};

use crate::{attempts::Blocked, hashing::HashError, issuers::Refused, password::WeakPassword, tokens::TokenError};

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
    /// The issuer gives its user no role that there is here.
    #[error("your sign-in gives you no role here; ask an administrator")]
    NoRole,
    /// The keys of an issuer can't be had.
    #[error("the keys of the issuer can't be had")]
    Issuer(#[source] Problem),
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
    /// There is no such user, role or session for the caller.
    #[error("there is no such thing")]
    NotFound,
    /// The caller lacks a permission.
    #[error("this needs the permission `{}`", .0.as_str())]
    Forbidden(Permission),
    /// The caller would decide over permissions that they don't have.
    #[error("nobody decides over permissions that they don't have: this needs {}", names(.0))]
    Beyond(Vec<Permission>),
    /// The caller would do to themselves what administrators do to others.
    #[error("nobody does this to their own account here; `/v1/auth/me` is for that")]
    OwnAccount,
    /// Nobody would be left who may do everything.
    #[error("this is the last administrator who can sign in; make somebody else one first")]
    LastAdmin,
    /// The role comes with the product.
    #[error("the role `{0}` {1}")]
    FixedRole(&'static str, &'static str),
    /// Users have the role.
    #[error("{0} users have this role; give them another one first")]
    RoleInUse(u64),
    /// Another role has the name.
    #[error("another role has this name")]
    NameTaken,
    /// The client does not say which revision it changes, or another one than there is.
    #[error(transparent)]
    Precondition(#[from] Problem),
    /// It was changed since the client read it.
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
    /// The list of passwords that leaked can't be read.
    #[error("the list of breached passwords can't be read")]
    Breached(#[source] std::io::Error),
    /// The database failed.
    #[error("the database failed")]
    Store(#[from] StoreError),
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Invalid => Self::SignedOut,
            Refused::Keys(error) => Self::Issuer(error),
        }
    }
}

impl Error {
    /// The code of the problem that a client sees.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::InvalidCredentials => ErrorCode::InvalidCredentials,
            Self::RegistrationClosed => ErrorCode::RegistrationClosed,
            Self::SignedOut => ErrorCode::Unauthorized,
            Self::Blocked(..) => ErrorCode::RateLimited,
            Self::WeakPassword(_) => ErrorCode::WeakPassword,
            Self::Invalid(_) => ErrorCode::Validation,
            Self::NotFound | Self::NoApiToken => ErrorCode::NotFound,
            Self::Forbidden(_) | Self::Beyond(_) | Self::NotForApiTokens | Self::NoRole => ErrorCode::Forbidden,
            Self::OwnAccount => ErrorCode::OwnAccount,
            Self::LastAdmin => ErrorCode::LastAdmin,
            Self::FixedRole(..) => ErrorCode::FixedRole,
            Self::RoleInUse(_) => ErrorCode::InUse,
            Self::EmailTaken | Self::NameTaken => ErrorCode::Conflict,
            Self::Precondition(problem) => problem.code,
            Self::Changed => ErrorCode::PreconditionFailed,
            Self::Busy | Self::RegistrationUnknown | Self::Issuer(_) | Self::Breached(_) => ErrorCode::Unavailable,
            Self::Hash(_) | Self::Token(_) => ErrorCode::Internal,
            Self::Store(error) => match error.kind {
                StoreErrorKind::Unavailable | StoreErrorKind::Stale => ErrorCode::Unavailable,
                StoreErrorKind::Full => ErrorCode::StorageFull,
                StoreErrorKind::BadCursor => ErrorCode::Validation,
                _ => ErrorCode::Internal,
            },
        }
    }
}

fn names(permissions: &[Permission]) -> String {
    permissions.iter().map(|permission| format!("`{}`", permission.as_str())).collect::<Vec<_>>().join(", ")
}
