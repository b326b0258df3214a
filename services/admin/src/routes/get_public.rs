use actix_web::{get, web};
use dallosh_service_kit::Problem;

use crate::{general::PublicSettings, state::State};

/// Show what everybody may know of the settings
///
/// For the pages that are there before anybody signs in; needs no token.
#[utoipa::path(
    tag = "settings",
    operation_id = "get_public_settings",
    security(()),
    responses((status = 200, description = "The settings", body = PublicSettings))
)]
#[get("/v1/settings/public")]
pub async fn get_public_settings(state: web::Data<State>) -> Result<web::Json<PublicSettings>, Problem> {
    Ok(web::Json(state.general().await?.data.public()))
}
