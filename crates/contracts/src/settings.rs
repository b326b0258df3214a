use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Whether people can make accounts for themselves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Registration {
    /// Everybody can.
    #[default]
    Open,
    /// Nobody can; an admin makes them.
    Closed,
}

/// The general settings as far as other services go by them: what admin answers at `/internal/settings`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlatformSettings {
    /// The zone of days and hours where none is asked for; a name of the IANA database.
    pub time_zone: String,
    /// Whether only admins are served, and no task is begun.
    pub is_maintenance: bool,
    /// Whether people can make accounts for themselves.
    pub registration: Registration,
}
