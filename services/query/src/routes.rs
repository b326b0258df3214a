//! The operations, one line each.

pub mod analysis;
mod overview;
mod posts;

use utoipa_actix_web::service_config::ServiceConfig;

/// Registers the operations.
pub fn register(config: &mut ServiceConfig) {
    config.service(posts::list_analysis_posts).service(analysis::get_analysis).service(overview::get_overview);
}
