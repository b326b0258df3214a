//! The operations, one line each, and what several of them share.

mod change_ai;
mod change_general;
mod create_model;
mod delete_model;
mod export_logs;
mod get_ai;
mod get_general;
mod get_log;
mod get_model;
mod get_public;
mod list_logs;
mod list_models;
mod logs;
mod platform;
mod route;
mod test_model;
mod update_model;

use actix_web::{HttpResponse, http::header};
use dallosh_contracts::{Links, ModelKind, ModelPrice, ModelProvider, Resource};
use dallosh_service_kit::Revision;
use dallosh_store::Versioned;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::{ai::AiSettings, general::GeneralSettings, model::Model};

/// Registers the operations.
pub fn register(config: &mut ServiceConfig) {
    config
        .service(list_logs::list_logs)
        .service(export_logs::export_logs)
        .service(get_log::get_log)
        .service(get_public::get_public_settings)
        .service(get_general::get_general_settings)
        .service(change_general::update_general_settings)
        .service(get_ai::get_ai_settings)
        .service(change_ai::update_ai_settings)
        .service(list_models::list_models)
        .service(create_model::create_model)
        .service(test_model::test_model)
        .service(get_model::get_model)
        .service(update_model::update_model)
        .service(delete_model::delete_model)
        // Not part of the public contract.
        .map(|config| config.service(route::get_ai_route).service(platform::get_platform_settings));
}

/// A language model as the API shows it. Its key is never shown.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ModelView {
    /// Where it runs.
    kind: ModelKind,
    /// Whose protocol it speaks.
    provider: ModelProvider,
    /// Its name at the provider.
    #[schema(example = "gpt-4o-mini")]
    model: String,
    /// Where it is asked; `null` for `builtin`.
    #[schema(example = "https://api.openai.com/v1")]
    base_url: Option<String>,
    /// Whether it has a key.
    #[serde(rename = "has_key")]
    has_key: bool,
    /// The last four characters of the key; `null` when there is none, or one so short that they would tell too much.
    #[schema(example = "0001")]
    last4: Option<String>,
    /// How often a call that failed is tried again.
    #[schema(example = 3)]
    retry_requests: u32,
    /// Rows a page.
    #[schema(example = 500)]
    paginate_rows_limit: u32,
    /// Calls at once.
    #[schema(example = 2)]
    concurrency: u32,
    /// Calls a minute; `null` for what the provider's answers tell.
    #[schema(example = 500)]
    requests_per_minute: Option<u32>,
    /// Tokens a minute, those of the answers included; `null` for what the provider's answers tell.
    #[schema(example = 200_000)]
    tokens_per_minute: Option<u32>,
    /// The most tokens of prompt and answer together; `null` for what its server is known to hold.
    #[schema(example = 128_000)]
    context_tokens: Option<u32>,
    /// What its tokens cost.
    price: ModelPrice,
    /// Smaller ones are asked first, equal ones in the order in which they were added.
    #[schema(example = 1)]
    position: u32,
}

/// The model as the API shows it.
fn view(model: Versioned<Model>) -> Resource<ModelView> {
    let Versioned { uid, data, created_at, created_by, updated_at, updated_by, revision: _ } = model;
    let own = format!("/v1/settings/ai/models/{uid}");
    let links = Links::from([("test".to_owned(), format!("{own}/test")), ("self".to_owned(), own)]);
    let data = ModelView {
        kind: data.kind,
        provider: data.provider,
        model: data.name,
        base_url: data.base_url,
        has_key: data.sealed_key.is_some(),
        last4: data.last4,
        retry_requests: data.retry_requests,
        paginate_rows_limit: data.paginate_rows_limit,
        concurrency: data.concurrency,
        requests_per_minute: data.requests_per_minute,
        tokens_per_minute: data.tokens_per_minute,
        context_tokens: data.context_tokens,
        price: data.price,
        position: data.position,
    };
    Resource { uid, data, created_at, created_by, updated_at, updated_by, links }
}

/// The settings as the API shows them.
fn view_ai(settings: Versioned<AiSettings>) -> Resource<AiSettings> {
    let Versioned { uid, data, created_at, created_by, updated_at, updated_by, revision: _ } = settings;
    let at = |relation: &str, path: &str| (relation.to_owned(), format!("/v1/settings/ai{path}"));
    let links = Links::from([at("self", ""), at("models", "/models"), at("route", "/route")]);
    Resource { uid, data, created_at, created_by, updated_at, updated_by, links }
}

/// The general settings as the API shows them.
fn view_general(settings: Versioned<GeneralSettings>) -> Resource<GeneralSettings> {
    let Versioned { uid, data, created_at, created_by, updated_at, updated_by, revision: _ } = settings;
    let links = Links::from([("self".to_owned(), "/v1/settings/general".to_owned())]);
    Resource { uid, data, created_at, created_by, updated_at, updated_by, links }
}

/// What was changed, as it is now.
fn changed(revision: i64, body: &impl Serialize) -> HttpResponse {
    HttpResponse::Ok().insert_header((header::ETAG, Revision(revision).etag())).json(body)
}
