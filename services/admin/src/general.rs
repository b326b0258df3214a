use dallosh_analysis::Zone;
use dallosh_contracts::{PlatformSettings, Registration};
use dallosh_primitives::Uid;
use dallosh_service_kit::Problem;
use dallosh_store::Document;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::input::{Wrong, json, sent};

/// The longest name of the platform, in characters.
const LONGEST_NAME: usize = 60;
/// The longest description, in characters.
const LONGEST_DESCRIPTION: usize = 500;
/// The longest time that the activity log is kept, in days.
const LONGEST_RETENTION: u32 = 3650;

/// What holds for the whole platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GeneralSettings {
    /// What the platform is called.
    #[schema(example = "Dallosh Analysis")]
    pub app_name: String,
    /// What it is for.
    #[schema(example = "What customers of our network complain about")]
    pub app_description: String,
    /// The zone of days and hours where none is asked for; a name of the IANA database.
    #[schema(example = "Europe/Paris")]
    pub time_zone: String,
    /// Whether only those with `manage_app` are served, and no task is begun.
    pub is_maintenance: bool,
    /// Whether people can make accounts for themselves.
    pub registration: Registration,
    /// For how many days the activity log is kept.
    #[schema(example = 365)]
    pub log_retention_days: u32,
}

impl Default for GeneralSettings {
    fn default() -> Self {
        Self {
            app_name: "Dallosh Analysis".to_owned(),
            app_description: "Turns piles of customer posts into decisions".to_owned(),
            time_zone: "UTC".to_owned(),
            is_maintenance: false,
            registration: Registration::Open,
            log_retention_days: 365,
        }
    }
}

impl Document for GeneralSettings {
    const COLLECTION: &'static str = "settings";
}

impl GeneralSettings {
    /// The id of the one document.
    pub fn uid() -> Uid {
        Uid::only("settings/general")
    }

    /// What everybody may know, signed in or not.
    pub fn public(self) -> PublicSettings {
        let Self { app_name, app_description, is_maintenance, registration, .. } = self;
        PublicSettings { app_name, app_description, is_maintenance, registration }
    }

    /// What the other services go by.
    pub fn platform(self) -> PlatformSettings {
        let Self { time_zone, is_maintenance, registration, .. } = self;
        PlatformSettings { time_zone, is_maintenance, registration }
    }
}

/// What the landing and the sign-in page show.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PublicSettings {
    /// What the platform is called.
    #[schema(example = "Dallosh Analysis")]
    app_name: String,
    /// What it is for.
    #[schema(example = "What customers of our network complain about")]
    app_description: String,
    /// Whether only those with `manage_app` are served.
    is_maintenance: bool,
    /// Whether people can make accounts for themselves.
    registration: Registration,
}

/// What is to be different in the general settings; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct GeneralChange {
    /// What the platform is called.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 60)]
    app_name: Option<Value>,
    /// What it is for.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<String>, max_length = 500)]
    app_description: Option<Value>,
    /// The zone of days and hours where none is asked for; a name of the IANA database.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<String>, example = "Europe/Paris")]
    time_zone: Option<Value>,
    /// Whether only those with `manage_app` are served, and no task is begun.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<bool>)]
    is_maintenance: Option<Value>,
    /// Whether people can make accounts for themselves.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<Registration>)]
    registration: Option<Value>,
    /// For how many days the activity log is kept.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 3650)]
    log_retention_days: Option<Value>,
}

impl GeneralChange {
    /// The settings as they are to be.
    ///
    /// # Errors
    /// `validation`, naming every wrong field.
    pub fn check(self, before: &GeneralSettings) -> Result<GeneralSettings, Problem> {
        let mut wrong = Wrong::default();
        let app_name = wrong.take(
            "/appName",
            self.app_name,
            Some(before.app_name.clone()),
            "1 to 60 characters without control characters",
            |value| text(value, LONGEST_NAME).filter(|name| !name.is_empty()),
        );
        let app_description = wrong.take(
            "/appDescription",
            self.app_description,
            Some(before.app_description.clone()),
            "at most 500 characters without control characters",
            |value| text(value, LONGEST_DESCRIPTION),
        );
        let time_zone = wrong.take(
            "/timeZone",
            self.time_zone,
            Some(before.time_zone.clone()),
            "a time zone of the IANA database, such as Europe/Paris",
            |value| Zone::named(value.as_str()?).map(|zone| zone.name().to_owned()),
        );
        let is_maintenance = wrong.take(
            "/isMaintenance",
            self.is_maintenance,
            Some(before.is_maintenance),
            "true or false",
            Value::as_bool,
        );
        let registration =
            wrong.take("/registration", self.registration, Some(before.registration), "`open` or `closed`", json);
        let log_retention_days =
            wrong.number("/logRetentionDays", self.log_retention_days, 1, LONGEST_RETENTION, || {
                before.log_retention_days
            });
        wrong.judge()?;
        let unchanged = before.clone();
        Ok(GeneralSettings {
            app_name: app_name.unwrap_or(unchanged.app_name),
            app_description: app_description.unwrap_or(unchanged.app_description),
            time_zone: time_zone.unwrap_or(unchanged.time_zone),
            is_maintenance: is_maintenance.unwrap_or(unchanged.is_maintenance),
            registration: registration.unwrap_or(unchanged.registration),
            log_retention_days,
        })
    }
}

fn text(value: &Value, longest: usize) -> Option<String> {
    let text = value.as_str()?.trim();
    let fits = text.chars().count() <= longest && !text.contains(char::is_control);
    fits.then(|| text.to_owned())
}
