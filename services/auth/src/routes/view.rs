use std::collections::BTreeSet;

use dallosh_contracts::{Links, Permission, Resource};
use dallosh_primitives::Uid;
use dallosh_store::Versioned;
use secrecy::ExposeSecret;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    tokens::ACCESS_LIFETIME,
    user::User,
    workflow::{Grant, Member},
};

/// What a user says to others.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserData {
    /// The address by which the user signs in, in lower case.
    #[schema(example = "ann@example.com", format = "email")]
    pub email: String,
    /// What to call the user.
    #[schema(example = "Ann Lee")]
    pub name: Option<String>,
    /// The role.
    pub role_id: Uid,
    /// Whether the user is kept from signing in.
    pub disabled: bool,
}

/// The role of a user, in short.
#[derive(Debug, Serialize, ToSchema)]
pub struct RoleName {
    /// Its id.
    pub uid: Uid,
    /// Its name.
    #[schema(example = "analyst")]
    pub name: String,
}

/// The caller.
#[derive(Debug, Serialize, ToSchema)]
pub struct MeView {
    /// The account.
    pub user: Resource<UserData>,
    /// The role.
    pub role: RoleName,
    /// What the role allows now.
    #[schema(example = json!(["read_datasets", "read_tasks"]))]
    pub permissions: BTreeSet<Permission>,
    /// The password is known to others: ask for a new one.
    pub must_change_password: bool,
}

/// A session's tokens.
#[derive(Serialize, ToSchema)]
pub struct TokensView {
    /// For the `Authorization` header; valid for `expires_in`.
    #[schema(example = "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFZERTQSIsImtpZCI6…")]
    pub access_token: String,
    /// Always `Bearer`.
    #[schema(example = "Bearer")]
    pub token_type: &'static str,
    /// Seconds for which the access token is valid.
    #[schema(example = 600)]
    pub expires_in: i64,
    /// For the next refresh, once. Unused for 7 days, or 30 days after the sign-in, it ends.
    #[schema(example = "0197f0a4-5f5e-7cc0-8a55-6f9d3b1c2e01.q0mXyVYJ8Qd3…")]
    pub refresh_token: String,
    /// The password is known to others: ask for a new one. A warning, not a lock.
    pub must_change_password: bool,
    /// The account.
    pub user: Resource<UserData>,
}

impl From<Versioned<User>> for UserResource {
    fn from(user: Versioned<User>) -> Self {
        let Versioned { uid, data, created_at, created_by, updated_at, updated_by, revision: _ } = user;
        let User {
            email,
            name,
            role,
            password_hash: _,
            password_changed_at: _,
            must_change_password: _,
            disabled,
            leaving_since: _,
            revoked_at: _,
            assignment: _,
            generation: _,
        } = data;
        let data = UserData { email: email.as_str().to_owned(), name, role_id: role, disabled };
        let links = Links::from([("self".to_owned(), "/v1/auth/me".to_owned())]);
        Self(Resource { uid, data, created_at, created_by, updated_at, updated_by, links })
    }
}

/// The envelope is another crate's, so the conversion needs a name here.
struct UserResource(Resource<UserData>);

impl From<Member> for MeView {
    fn from(member: Member) -> Self {
        let Member { user, role } = member;
        let must_change_password = user.data.must_change_password;
        Self {
            user: UserResource::from(user).0,
            role: RoleName { uid: role.uid, name: role.data.name },
            permissions: role.data.permissions,
            must_change_password,
        }
    }
}

impl From<Grant> for TokensView {
    fn from(grant: Grant) -> Self {
        let Grant { access, refresh, member } = grant;
        Self {
            access_token: access.expose_secret().to_owned(),
            token_type: "Bearer",
            expires_in: ACCESS_LIFETIME.num_seconds(),
            refresh_token: refresh.to_text().expose_secret().to_owned(),
            must_change_password: member.user.data.must_change_password,
            user: UserResource::from(member.user).0,
        }
    }
}
