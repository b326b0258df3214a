use std::{sync::Arc, time::Duration};

use dallosh_contracts::PlatformSettings;

use crate::{ClientError, Config, Patience, Published, ServiceClient, ServiceName, published::Ages};

/// What was read serves on for as long as admin is away.
const AGES: Ages = Ages { fresh: Duration::from_millis(1500), meanwhile: Duration::MAX, last: Duration::MAX };

/// Reads the platform's settings from admin when they are needed, and remembers them for a moment.
pub struct SettingsReader {
    admin: ServiceClient,
    settings: Published<PlatformSettings>,
}

impl SettingsReader {
    /// A reader that has read nothing yet.
    ///
    /// # Errors
    /// When the client can't be made.
    pub fn new(config: &Config) -> Result<Self, ClientError> {
        let admin = ServiceClient::new(config.url_of(ServiceName::Admin))?;
        Ok(Self { admin, settings: Published::new("the admin service", AGES, Patience::INSIDE) })
    }

    /// The settings, not older than two seconds; the last known ones while admin does not answer, and `None` when it
    /// never did.
    pub async fn current(&self) -> Option<Arc<PlatformSettings>> {
        self.settings.get(|| self.admin.get("/internal/settings", None)).await.ok()
    }

    /// Whether only admins are served; not so while nobody knows.
    pub async fn is_maintenance(&self) -> bool {
        self.current().await.is_some_and(|settings| settings.is_maintenance)
    }
}
