use dallosh_jobs::Engine;
use dallosh_service_kit::ServiceClient;

use crate::live::Live;

/// What the handlers share.
pub struct State {
    pub engine: Engine,
    pub files: ServiceClient,
    pub settings: ServiceClient,
    pub live: Live,
}
