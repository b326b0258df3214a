//! The collections that this service alone writes, as documents.

mod api_tokens;

use std::{collections::HashMap, convert::Infallible};

use chrono::{DateTime, TimeDelta, Utc};
use dallosh_contracts::Permission;
use dallosh_primitives::{Limit, Page, Uid};
use dallosh_service_kit::Revocations;
use dallosh_store::{
    Collection, Document, Filter, Index, ListQuery, Modified, Sort, Store, StoreError, StoreErrorKind, Value, Versioned,
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use self::api_tokens::ApiTokenDocument;
use crate::{
    role::Role,
    session::{Session, TokenHash},
    user::{Email, User},
};

/// The shape of the documents that are written now.
const SCHEMA_VERSION: u32 = 1;

/// The orders in which users are listed, by their names in the API.
pub const USER_SORTS: [(&str, Sort); 4] = [
    ("-createdAt", Sort::descending("createdAt")),
    ("createdAt", Sort::ascending("createdAt")),
    ("email", Sort::ascending("email")),
    ("-email", Sort::descending("email")),
];

/// The orders in which roles are listed.
pub const ROLE_SORTS: [(&str, Sort); 4] = [
    ("-createdAt", Sort::descending("createdAt")),
    ("createdAt", Sort::ascending("createdAt")),
    ("name", Sort::ascending("name")),
    ("-name", Sort::descending("name")),
];

/// Which users a list has.
#[derive(Debug, Clone, Default)]
pub struct UserFilter {
    /// Those with this role.
    pub role: Option<Uid>,
    /// Those who may not sign in, or those who may.
    pub disabled: Option<bool>,
    /// Those whose address or name contains this.
    pub text: Option<String>,
}

/// A page of a list: in which order, how many, from where.
#[derive(Debug, Clone)]
pub struct Paging {
    /// The order.
    pub sort: Sort,
    /// How many at most.
    pub limit: Limit,
    /// The `next_cursor` of the page before.
    pub cursor: Option<String>,
}

#[derive(Clone, Serialize, Deserialize)]
struct UserDocument {
    schema_version: u32,
    email: String,
    name: Option<String>,
    role_id: Uid,
    password_hash: String,
    password_changed_at: DateTime<Utc>,
    must_change_password: bool,
    disabled: bool,
    generation: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    leaving_since: Option<DateTime<Utc>>,
    /// For the query of what was revoked lately.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revoked_at: Option<String>,
    #[serde(default, skip_serializing_if = "is_zero")]
    assignment: i64,
}

impl Document for UserDocument {
    const COLLECTION: &'static str = "users";
    const INDEXES: &'static [Index] = &[
        Index { fields: &["email"], unique: true },
        Index { fields: &["role_id"], unique: false },
        Index { fields: &["revoked_at"], unique: false },
    ];
}

#[derive(Clone, Serialize, Deserialize)]
struct RoleDocument {
    schema_version: u32,
    name: String,
    permissions: Vec<Permission>,
}

impl Document for RoleDocument {
    const COLLECTION: &'static str = "roles";
    const INDEXES: &'static [Index] = &[Index { fields: &["name"], unique: true }];
}

#[derive(Clone, Serialize, Deserialize)]
struct SessionDocument {
    schema_version: u32,
    user_id: Uid,
    generation: i64,
    started_at: DateTime<Utc>,
    refreshed_at: DateTime<Utc>,
    /// For the query of what is over; follows from the other times.
    expires_at: String,
    token_hash: String,
    previous_token_hash: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user_agent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    ended_at: Option<DateTime<Utc>>,
}

impl Document for SessionDocument {
    const COLLECTION: &'static str = "sessions";
    const INDEXES: &'static [Index] =
        &[Index { fields: &["user_id"], unique: false }, Index { fields: &["expires_at"], unique: false }];
}

/// That something is gone of which access tokens are out: a user, or an API token. Its id is the id of that.
#[derive(Clone, Serialize, Deserialize)]
struct RevocationDocument {
    schema_version: u32,
    at: String,
}

impl Document for RevocationDocument {
    const COLLECTION: &'static str = "revocations";
    const INDEXES: &'static [Index] = &[Index { fields: &["at"], unique: false }];
}

/// When a user signed in last; its id is the user's.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct SignInDocument {
    schema_version: u32,
    at: DateTime<Utc>,
}

impl Document for SignInDocument {
    const COLLECTION: &'static str = "sign_ins";
}

impl From<User> for UserDocument {
    fn from(user: User) -> Self {
        let User {
            email,
            name,
            role,
            password_hash,
            password_changed_at,
            must_change_password,
            disabled,
            leaving_since,
            revoked_at,
            assignment,
            generation,
        } = user;
        Self {
            schema_version: SCHEMA_VERSION,
            email: email.as_str().to_owned(),
            name,
            role_id: role,
            password_hash: password_hash.expose_secret().to_owned(),
            password_changed_at,
            must_change_password,
            disabled,
            generation,
            leaving_since,
            revoked_at: revoked_at.map(time_text),
            assignment,
        }
    }
}

impl TryFrom<UserDocument> for User {
    type Error = StoreError;

    fn try_from(document: UserDocument) -> Result<Self, StoreError> {
        let UserDocument {
            schema_version: _,
            email,
            name,
            role_id,
            password_hash,
            password_changed_at,
            must_change_password,
            disabled,
            generation,
            leaving_since,
            revoked_at,
            assignment,
        } = document;
        let email = Email::parse(&email).ok_or_else(|| {
            StoreError::new(StoreErrorKind::Corrupt, "decode", UserDocument::COLLECTION)
                .because("the e-mail address is none")
        })?;
        Ok(Self {
            email,
            name,
            role: role_id,
            password_hash: SecretString::from(password_hash),
            password_changed_at,
            must_change_password,
            disabled,
            leaving_since,
            revoked_at: revoked_at.as_deref().and_then(|at| at.parse().ok()),
            assignment,
            generation,
        })
    }
}

impl From<Role> for RoleDocument {
    fn from(role: Role) -> Self {
        let Role { name, permissions } = role;
        Self { schema_version: SCHEMA_VERSION, name, permissions: permissions.into_iter().collect() }
    }
}

impl From<RoleDocument> for Role {
    fn from(document: RoleDocument) -> Self {
        let RoleDocument { schema_version: _, name, permissions } = document;
        Self { name, permissions: permissions.into_iter().collect() }
    }
}

impl From<Session> for SessionDocument {
    fn from(session: Session) -> Self {
        let expires_at = time_text(session.expires_at());
        let Session { user, generation, started_at, refreshed_at, current, previous, user_agent, address, ended_at } =
            session;
        Self {
            schema_version: SCHEMA_VERSION,
            user_id: user,
            generation,
            started_at,
            refreshed_at,
            expires_at,
            token_hash: current.0,
            previous_token_hash: previous.map(|hash| hash.0),
            user_agent,
            address,
            ended_at,
        }
    }
}

impl From<SessionDocument> for Session {
    fn from(document: SessionDocument) -> Self {
        let SessionDocument {
            schema_version: _,
            user_id,
            generation,
            started_at,
            refreshed_at,
            expires_at: _,
            token_hash,
            previous_token_hash,
            user_agent,
            address,
            ended_at,
        } = document;
        Self {
            user: user_id,
            generation,
            started_at,
            refreshed_at,
            current: TokenHash(token_hash),
            previous: previous_token_hash.map(TokenHash),
            user_agent,
            address,
            ended_at,
        }
    }
}

/// The service's collections.
#[derive(Clone)]
pub struct AuthStore {
    users: Collection<UserDocument>,
    roles: Collection<RoleDocument>,
    sessions: Collection<SessionDocument>,
    api_tokens: Collection<ApiTokenDocument>,
    sign_ins: Collection<SignInDocument>,
    revocations: Collection<RevocationDocument>,
}

impl AuthStore {
    /// Makes the collections and their indexes when they are not there.
    pub async fn open(store: &Store) -> Result<Self, StoreError> {
        Ok(Self {
            users: store.collection().await?,
            roles: store.collection().await?,
            sessions: store.collection().await?,
            api_tokens: store.collection().await?,
            sign_ins: store.collection().await?,
            revocations: store.collection().await?,
        })
    }

    /// Finds a user.
    pub async fn user(&self, uid: Uid) -> Result<Option<Versioned<User>>, StoreError> {
        self.users.find(uid).await?.map(user).transpose()
    }

    /// Finds the user with this address.
    pub async fn user_by_email(&self, email: &Email) -> Result<Option<Versioned<User>>, StoreError> {
        let query = ListQuery::newest(Filter::eq("email", email.as_str()));
        self.users.first(&query).await?.map(user).transpose()
    }

    /// Inserts a user; `by` nobody when they made their own account.
    ///
    /// # Errors
    /// `Duplicate` when the address is taken.
    pub async fn insert_user(&self, data: User, by: Option<&str>) -> Result<Versioned<User>, StoreError> {
        let uid = Uid::new();
        let by = by.map_or_else(|| uid.to_string(), str::to_owned);
        self.insert_user_as(uid, data, &by).await
    }

    /// Inserts a user under this id.
    ///
    /// # Errors
    /// `Duplicate` when the id or the address is taken.
    pub async fn insert_user_as(&self, uid: Uid, data: User, by: &str) -> Result<Versioned<User>, StoreError> {
        user(self.users.insert_as(uid, data.into(), by).await?)
    }

    /// Writes a user over the revision that was read.
    ///
    /// # Errors
    /// `Stale` when it is another one by now; `Duplicate` when the address is taken.
    pub async fn replace_user(&self, changed: Versioned<User>, by: &str) -> Result<Versioned<User>, StoreError> {
        user(self.users.replace(turn(changed, UserDocument::from), by).await?)
    }

    /// Lists users.
    pub async fn users(&self, which: &UserFilter, paging: Paging) -> Result<Page<Versioned<User>>, StoreError> {
        let UserFilter { role, disabled, text } = which;
        let parts = [
            role.map(|role| Filter::eq("role_id", role)),
            disabled.map(|disabled| Filter::eq("disabled", disabled)),
            text.as_ref().map(|text| Filter::Text(&["email", "name"], text.clone())),
        ];
        let filter = parts.into_iter().flatten().fold(Filter::All, Filter::and);
        let Page { items, next_cursor } = self.users.list(&listing(filter, paging)).await?;
        Ok(Page { items: items.into_iter().map(user).collect::<Result<_, _>>()?, next_cursor })
    }

    /// Deletes a user, with their sessions and API tokens.
    pub async fn delete_user(&self, uid: Uid) -> Result<(), StoreError> {
        self.sessions.delete_many(&Filter::eq("user_id", uid)).await?;
        self.api_tokens.delete_many(&Filter::eq("user_id", uid)).await?;
        self.sign_ins.delete(uid).await?;
        self.users.delete(uid).await.map(|_| ())
    }

    /// How many users have this role.
    pub async fn count_users_with(&self, role: Uid) -> Result<u64, StoreError> {
        self.users.count(&Filter::eq("role_id", role)).await
    }

    /// The accounts with this role that may sign in.
    pub async fn enabled_users(&self, role: Uid) -> Result<Vec<Versioned<User>>, StoreError> {
        let filter = Filter::eq("role_id", role).and(Filter::eq("disabled", false));
        all(&self.users, filter).await?.into_iter().map(user).collect()
    }

    /// Keeps when a user signed in last.
    pub async fn note_sign_in(&self, user: Uid, at: DateTime<Utc>) -> Result<(), StoreError> {
        let by = user.to_string();
        let later = |document: &mut Versioned<SignInDocument>| {
            document.data.at = at;
            Ok::<_, Infallible>(())
        };
        if self.sign_ins.modify(user, &by, later).await? == Modified::Absent {
            let first = SignInDocument { schema_version: SCHEMA_VERSION, at };
            match self.sign_ins.insert_as(user, first, by).await {
                // Of two first sign-ins at once either will do.
                Err(error) if error.kind != StoreErrorKind::Duplicate => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// When each of the users signed in last; who never did is absent.
    pub async fn last_sign_ins(&self, users: &[Uid]) -> Result<HashMap<Uid, DateTime<Utc>>, StoreError> {
        let found = self.sign_ins.find_many(users).await?;
        Ok(found.into_iter().map(|found| (found.uid, found.data.at)).collect())
    }

    /// Whether a user with this role can sign in.
    pub async fn has_enabled_user(&self, role: Uid) -> Result<bool, StoreError> {
        let filter = Filter::eq("role_id", role).and(Filter::eq("disabled", false));
        Ok(self.users.count(&filter).await? > 0)
    }

    /// Finds an account with this role that may sign in, the oldest first.
    pub async fn enabled_user(&self, role: Uid) -> Result<Option<Versioned<User>>, StoreError> {
        let filter = Filter::eq("role_id", role).and(Filter::eq("disabled", false));
        let query = ListQuery { sort: Sort::ascending("createdAt"), ..ListQuery::newest(filter) };
        self.users.first(&query).await?.map(user).transpose()
    }

    /// Finds a role.
    pub async fn role(&self, uid: Uid) -> Result<Option<Versioned<Role>>, StoreError> {
        Ok(self.roles.find(uid).await?.map(|found| turn(found, Role::from)))
    }

    /// Finds the role with this name.
    pub async fn role_named(&self, name: &str) -> Result<Option<Versioned<Role>>, StoreError> {
        let found = self.roles.first(&ListQuery::newest(Filter::eq("name", name))).await?;
        Ok(found.map(|found| turn(found, Role::from)))
    }

    /// Finds those of the roles that there are.
    pub async fn roles_of(&self, uids: &[Uid]) -> Result<HashMap<Uid, Versioned<Role>>, StoreError> {
        let found = self.roles.find_many(uids).await?;
        Ok(found.into_iter().map(|found| (found.uid, turn(found, Role::from))).collect())
    }

    /// Lists roles, those whose name contains `text`.
    pub async fn roles(&self, text: Option<String>, paging: Paging) -> Result<Page<Versioned<Role>>, StoreError> {
        let filter = text.map_or(Filter::All, |text| Filter::Text(&["name"], text));
        Ok(self.roles.list(&listing(filter, paging)).await?.map(|found| turn(found, Role::from)))
    }

    /// Inserts a role.
    ///
    /// # Errors
    /// `Duplicate` when the name is taken.
    pub async fn insert_role(&self, role: Role, by: &str) -> Result<Versioned<Role>, StoreError> {
        Ok(turn(self.roles.insert(role.into(), by).await?, Role::from))
    }

    /// Deletes a role.
    pub async fn delete_role(&self, uid: Uid) -> Result<(), StoreError> {
        self.roles.delete(uid).await.map(|_| ())
    }

    /// Writes a role over the revision that was read.
    ///
    /// # Errors
    /// `Stale` when it is another one by now; `Duplicate` when the name is taken.
    pub async fn replace_role(&self, changed: Versioned<Role>, by: &str) -> Result<Versioned<Role>, StoreError> {
        Ok(turn(self.roles.replace(turn(changed, RoleDocument::from), by).await?, Role::from))
    }

    /// Finds a session.
    pub async fn session(&self, uid: Uid) -> Result<Option<Session>, StoreError> {
        Ok(self.sessions.find(uid).await?.map(|found| found.data.into()))
    }

    /// Lists the sessions of one generation of a user that go on, the newest first.
    pub async fn sessions_of(
        &self,
        user: &Versioned<User>,
        now: DateTime<Utc>,
        limit: Limit,
        cursor: Option<String>,
    ) -> Result<Page<Versioned<Session>>, StoreError> {
        let filter = Filter::eq("user_id", user.uid)
            .and(Filter::eq("generation", user.data.generation))
            .and(Filter::Range("expires_at", Some((now + TimeDelta::microseconds(1)).into()), None));
        let paging = Paging { sort: Sort::descending("createdAt"), limit, cursor };
        Ok(self.sessions.list(&listing(filter, paging)).await?.map(|found| turn(found, Session::from)))
    }

    /// Inserts a session.
    pub async fn insert_session(&self, uid: Uid, session: Session) -> Result<(), StoreError> {
        let by = session.user.to_string();
        self.sessions.insert_as(uid, session.into(), by).await.map(|_| ())
    }

    /// Reads, changes and writes a session; begins again when another writer came first.
    pub async fn change_session<E>(
        &self,
        uid: Uid,
        by: &str,
        mut change: impl FnMut(&mut Session) -> Result<(), E>,
    ) -> Result<Modified<(), E>, StoreError> {
        let changed = self.sessions.modify(uid, by, |document| {
            let mut session = Session::from(document.data.clone());
            change(&mut session)?;
            document.data = session.into();
            Ok(())
        });
        Ok(match changed.await? {
            Modified::Written(written) => Modified::Written(turn(written, |_| ())),
            Modified::Refused(refusal) => Modified::Refused(refusal),
            Modified::Absent => Modified::Absent,
        })
    }

    /// Has every access token refused that names this user or API token, which is about to be deleted.
    pub async fn revoke(&self, uid: Uid, at: DateTime<Utc>, by: &str) -> Result<(), StoreError> {
        let revocation = RevocationDocument { schema_version: SCHEMA_VERSION, at: time_text(at) };
        match self.revocations.insert_as(uid, revocation, by).await {
            Err(error) if error.kind != StoreErrorKind::Duplicate => Err(error),
            _ => Ok(()),
        }
    }

    /// Deletes the revocations from before `moment`.
    pub async fn delete_revocations_before(&self, moment: DateTime<Utc>) -> Result<u64, StoreError> {
        self.revocations.delete_many(&Filter::Range("at", None, Some(moment.into()))).await
    }

    /// What was revoked since `moment`. All of it follows from the documents themselves, so that it is written with the
    /// change that revokes.
    pub async fn revocations(&self, moment: DateTime<Utc>, now: DateTime<Utc>) -> Result<Revocations, StoreError> {
        let since = |field| Filter::Range(field, Some(moment.into()), None);
        let mut found = Revocations::default();
        for gone in all(&self.revocations, since("at")).await? {
            found.ended.insert(gone.uid);
        }
        let over = Filter::Range("expires_at", Some(moment.into()), Some((now + TimeDelta::microseconds(1)).into()));
        for session in all(&self.sessions, over).await? {
            found.ended.insert(session.uid);
        }
        for user in all(&self.users, since("revoked_at")).await? {
            if user.data.disabled {
                found.ended.insert(user.uid);
            }
            for session in all(&self.sessions, Filter::eq("user_id", user.uid)).await? {
                if session.data.generation != user.data.generation {
                    found.ended.insert(session.uid);
                }
            }
            found.assignments.insert(user.uid, user.data.assignment);
        }
        for role in all(&self.roles, since("updatedAt")).await? {
            found.revisions.insert(role.uid, role.revision);
        }
        Ok(found)
    }

    /// Deletes the sessions that were over before `moment`; says how many.
    pub async fn delete_sessions_over_before(&self, moment: DateTime<Utc>) -> Result<u64, StoreError> {
        self.sessions.delete_many(&Filter::Range("expires_at", None, Some(moment.into()))).await
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// Every document that matches, page by page.
async fn all<T: Document>(documents: &Collection<T>, filter: Filter) -> Result<Vec<Versioned<T>>, StoreError> {
    let limit = Limit::coerce(Some(i64::MAX));
    let mut query = ListQuery { filter, sort: Sort::ascending("uid"), limit, cursor: None };
    let mut found = Vec::new();
    loop {
        let Page { items, next_cursor } = documents.list(&query).await?;
        found.extend(items);
        if next_cursor.is_none() {
            return Ok(found);
        }
        query.cursor = next_cursor;
    }
}

fn listing(filter: Filter, Paging { sort, limit, cursor }: Paging) -> ListQuery {
    ListQuery { filter, sort, limit, cursor }
}

fn user(found: Versioned<UserDocument>) -> Result<Versioned<User>, StoreError> {
    let Versioned { uid, data, created_at, created_by, updated_at, updated_by, revision } = found;
    Ok(Versioned { uid, data: data.try_into()?, created_at, created_by, updated_at, updated_by, revision })
}

/// The same envelope around other data.
fn turn<A, B>(document: Versioned<A>, turn: impl FnOnce(A) -> B) -> Versioned<B> {
    let Versioned { uid, data, created_at, created_by, updated_at, updated_by, revision } = document;
    Versioned { uid, data: turn(data), created_at, created_by, updated_at, updated_by, revision }
}

/// A time as the store's filters write it.
fn time_text(at: DateTime<Utc>) -> String {
    match Value::from(at) {
        Value::Text(text) => text,
        Value::Integer(_) | Value::Boolean(_) | Value::Null => at.to_rfc3339(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use dallosh_primitives::SystemClock;

    use super::*;

    #[tokio::test]
    async fn only_sessions_that_are_over_are_swept() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("test.db").display());
        let store = AuthStore::open(&Store::open(&url, Arc::new(SystemClock)).await.unwrap()).await.unwrap();
        let began = Utc::now();
        let (idle, used, ended) = (Uid::new(), Uid::new(), Uid::new());
        for uid in [idle, used, ended] {
            let session = Session::start(Uid::new(), 1, TokenHash(uid.to_string()), began);
            store.insert_session(uid, session).await.unwrap();
        }
        let later = began + TimeDelta::days(5);
        let rotate = |session: &mut Session| {
            session.rotate(TokenHash("next".to_owned()), later);
            Ok::<_, ()>(())
        };
        store.change_session(used, "test", rotate).await.unwrap();
        let end = |session: &mut Session| {
            session.end(later);
            Ok::<_, ()>(())
        };
        store.change_session(ended, "test", end).await.unwrap();

        assert_eq!(store.delete_sessions_over_before(began + TimeDelta::days(4)).await.unwrap(), 0);
        assert_eq!(store.delete_sessions_over_before(began + TimeDelta::days(6)).await.unwrap(), 1);
        assert_eq!(store.delete_sessions_over_before(began + TimeDelta::days(8)).await.unwrap(), 1);
        assert_eq!(store.session(used).await.unwrap().unwrap().refreshed_at, later);
    }

    #[test]
    fn documents_of_schema_version_1_are_read() {
        let uid = Uid::new();
        let user = serde_json::json!({
            "schema_version": 1, "email": "ann@x.com", "name": null, "role_id": uid, "password_hash": "h",
            "password_changed_at": "2026-01-02T03:04:05.000006Z", "must_change_password": false, "disabled": false,
            "generation": 1,
        });
        let read = User::try_from(serde_json::from_value::<UserDocument>(user.clone()).unwrap()).unwrap();
        assert_eq!(serde_json::to_value(UserDocument::from(read)).unwrap(), user);
        let session = serde_json::json!({
            "schema_version": 1, "user_id": uid, "generation": 1, "started_at": "2026-01-02T03:04:05.000006Z",
            "refreshed_at": "2026-01-02T03:04:05.000006Z", "expires_at": "2026-01-09T03:04:05.000006Z",
            "token_hash": "a", "previous_token_hash": null, "ended_at": null,
        });
        let read = Session::from(serde_json::from_value::<SessionDocument>(session.clone()).unwrap());
        assert_eq!(serde_json::to_value(SessionDocument::from(read)).unwrap(), session);
        let role = serde_json::json!({"schema_version": 1, "name": "r", "permissions": ["manage_app", "read_tasks"]});
        let read = Role::from(serde_json::from_value::<RoleDocument>(role.clone()).unwrap());
        assert_eq!(serde_json::to_value(RoleDocument::from(read)).unwrap(), role);
    }
}
