use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use dallosh_primitives::Uid;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where a client can go from here: relation to path.
pub type Links = BTreeMap<String, String>;

/// A stored thing as the API shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Resource<T> {
    /// Its id.
    pub uid: Uid,
    /// What it says.
    pub data: T,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Who made it.
    pub created_by: String,
    /// When it was changed last.
    pub updated_at: DateTime<Utc>,
    /// Who changed it last.
    pub updated_by: String,
    /// Where a client can go from here.
    #[serde(rename = "_links")]
    pub links: Links,
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ListOf<T> {
    /// The items, in the asked order.
    pub items: Vec<T>,
    /// Opaque; send it back as `cursor` for the next page. `null` on the last one.
    pub next_cursor: Option<String>,
    /// `self` and, when there is one, `next`.
    #[serde(rename = "_links", default)]
    pub links: Links,
}
