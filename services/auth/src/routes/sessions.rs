use actix_web::{HttpRequest, HttpResponse, delete, get, web};
use chrono::{DateTime, Utc};
use dallosh_contracts::{Links, ListOf, Resource};
use dallosh_primitives::{Limit, Page, Uid};
use dallosh_service_kit::{Problem, page_links, sort_of};
use dallosh_store::Versioned;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{cookies::cookies_for, person::Person};
use crate::{session::Session, state::State, workflow::sessions};

/// Which sessions.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListSessions {
    /// How many, 1 to 200; 50 unless asked. Coerced, never refused.
    #[param(value_type = Option<i64>, example = 50)]
    limit: Option<Limit>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// `-createdAt`, the only order.
    #[param(example = "-createdAt")]
    sort: Option<String>,
}

impl ListSessions {
    /// Which page.
    pub fn page(self) -> Result<(Option<Limit>, Option<String>), Problem> {
        let Self { limit, cursor, sort } = self;
        sort_of(sort.as_deref(), &[("-createdAt", ())])?;
        Ok((limit, cursor))
    }
}

/// One sign-in that goes on.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionData {
    /// Whether the request belongs to it.
    current: bool,
    /// When it began.
    started_at: DateTime<Utc>,
    /// When it was used last, to within ten minutes: its tokens were given then.
    last_used_at: DateTime<Utc>,
    /// When it ends unless it is used.
    expires_at: DateTime<Utc>,
    /// What the client called itself at the sign-in.
    #[schema(example = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")]
    user_agent: Option<String>,
    /// The address from which the sign-in came.
    #[schema(example = "203.0.113.7")]
    address: Option<String>,
}

/// List the own sessions, newest first
///
/// Every sign-in of the caller that goes on; the request's own is marked.
#[utoipa::path(tag = "auth", operation_id = "list_sessions", params(ListSessions), responses(
    (status = 200, description = "One page", body = ListOf<Resource<SessionData>>),
))]
#[get("/v1/auth/sessions")]
pub async fn list_sessions(
    state: web::Data<State>,
    Person(caller): Person,
    params: web::Query<ListSessions>,
) -> Result<web::Json<ListOf<Resource<SessionData>>>, Problem> {
    let (limit, cursor) = params.into_inner().page()?;
    let page = sessions::list(&state, &caller, limit.unwrap_or_default(), cursor.clone()).await?;
    Ok(web::Json(view(page, "/v1/auth/sessions", Some(caller.session), limit, cursor.as_deref())))
}

/// End an own session
///
/// Its tokens are refused from now on. A browser that ends the session it uses loses its cookies.
#[utoipa::path(tag = "auth", operation_id = "delete_session", params(
    ("id" = Uid, Path, description = "The session"),
), responses((status = 204, description = "It is over")))]
#[delete("/v1/auth/sessions/{id}")]
pub async fn delete_session(
    state: web::Data<State>,
    Person(caller): Person,
    id: web::Path<Uid>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    sessions::end_own(&state, &caller, *id).await?;
    let mut response = HttpResponse::NoContent();
    if *id == caller.session {
        for cookie in cookies_for(&state, &request).clear() {
            response.cookie(cookie);
        }
    }
    Ok(response.finish())
}

/// A page of sessions as the API shows it.
pub fn view(
    page: Page<Versioned<Session>>,
    path: &str,
    current: Option<Uid>,
    limit: Option<Limit>,
    cursor: Option<&str>,
) -> ListOf<Resource<SessionData>> {
    let Page { items, next_cursor } = page.map(|session| {
        let Versioned { uid, data, created_at, created_by, updated_at, updated_by, revision: _ } = session;
        let expires_at = data.expires_at();
        let Session { started_at, refreshed_at, user_agent, address, .. } = data;
        let data = SessionData {
            current: current == Some(uid),
            started_at,
            last_used_at: refreshed_at,
            expires_at,
            user_agent,
            address,
        };
        // A session is ended by its owner; it has no page of its own.
        Resource { uid, data, created_at, created_by, updated_at, updated_by, links: Links::new() }
    });
    let query = [("limit", limit.map(|limit| limit.get().to_string()))];
    let links = page_links(path, &query, cursor, next_cursor.as_deref());
    ListOf { items, next_cursor, links }
}
