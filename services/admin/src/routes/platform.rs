use actix_web::{get, web};
use dallosh_contracts::PlatformSettings;
use dallosh_service_kit::Problem;

use crate::state::State;

/// The settings that the other services go by. No secret is among them, and a service that asks has no caller to ask
/// for. For services alone: the door leads nobody here.
#[get("/internal/settings")]
pub async fn get_platform_settings(state: web::Data<State>) -> Result<web::Json<PlatformSettings>, Problem> {
    Ok(web::Json(state.general().await?.data.platform()))
}
