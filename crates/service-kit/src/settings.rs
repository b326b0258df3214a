use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use dallosh_contracts::PlatformSettings;
use tokio::{
    sync::{Mutex, RwLock},
    time::timeout,
};

use crate::{ClientError, Config, ServiceClient, ServiceName};

/// How long what was read serves on.
const FRESH: Duration = Duration::from_millis(1500);
/// How long admin may take to answer.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long when something is known already: a request may have more to wait for on its way.
const NEWER: Duration = Duration::from_millis(250);

/// Reads the platform's settings from admin when they are needed, and remembers them for a moment.
pub struct SettingsReader {
    admin: ServiceClient,
    known: RwLock<Known>,
    asking: Mutex<()>,
}

/// What was read, and when admin was asked last.
#[derive(Clone, Default)]
struct Known {
    settings: Option<Arc<PlatformSettings>>,
    asked: Option<Instant>,
}

impl Known {
    fn is_fresh(&self) -> bool {
        self.asked.is_some_and(|asked| asked.elapsed() < FRESH)
    }
}

impl SettingsReader {
    /// A reader that has read nothing yet.
    ///
    /// # Errors
    /// When the client can't be made.
    pub fn new(config: &Config) -> Result<Self, ClientError> {
        let admin = ServiceClient::new(config.url_of(ServiceName::Admin))?;
        Ok(Self { admin, known: RwLock::default(), asking: Mutex::new(()) })
    }

    /// The settings, not older than two seconds; the last known ones while admin does not answer, and `None` when it
    /// never did.
    pub async fn current(&self) -> Option<Arc<PlatformSettings>> {
        let known = self.known.read().await.clone();
        if known.is_fresh() {
            return known.settings;
        }
        // One asks; meanwhile the others go by what is known.
        let _asking = match (known.settings, self.asking.try_lock()) {
            (_, Ok(asking)) => asking,
            (Some(settings), Err(_)) => return Some(settings),
            (None, Err(_)) => self.asking.lock().await,
        };
        let known = self.known.read().await.clone();
        if known.is_fresh() {
            return known.settings;
        }
        let asked = Some(Instant::now());
        let patience = if known.settings.is_some() { NEWER } else { PATIENCE };
        let settings = match timeout(patience, self.admin.get("/internal/settings", None)).await {
            Ok(Ok(settings)) => Some(Arc::new(settings)),
            Ok(Err(error)) => {
                tracing::warn!(%error, "the settings can't be read again; the known ones serve on");
                known.settings
            }
            Err(_) => {
                tracing::warn!("the settings can't be read again in time; the known ones serve on");
                known.settings
            }
        };
        *self.known.write().await = Known { settings: settings.clone(), asked };
        settings
    }

    /// Whether only admins are served; not so while nobody knows.
    pub async fn is_maintenance(&self) -> bool {
        self.current().await.is_some_and(|settings| settings.is_maintenance)
    }
}
