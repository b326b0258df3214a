use actix_web::{HttpResponse, get, http::header, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{state::State, tokens::PublicKey};

/// A public key (RFC 8037).
#[derive(Serialize, ToSchema)]
pub struct JwkView {
    /// Always `OKP`.
    #[schema(example = "OKP")]
    kty: &'static str,
    /// Always `Ed25519`.
    #[schema(example = "Ed25519")]
    crv: &'static str,
    /// Always `EdDSA`.
    #[schema(example = "EdDSA")]
    alg: &'static str,
    /// Always `sig`.
    #[serde(rename = "use")]
    #[schema(example = "sig")]
    purpose: &'static str,
    /// The name of the key in tokens: its RFC 7638 thumbprint.
    #[schema(example = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")]
    kid: String,
    /// The key.
    #[schema(example = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")]
    x: String,
}

/// The public keys.
#[derive(Serialize, ToSchema)]
pub struct JwksView {
    /// The keys.
    keys: Vec<JwkView>,
}

/// List the public keys
///
/// The keys with which anybody can verify access tokens.
#[utoipa::path(tag = "auth", security(()), responses((status = 200, description = "The keys", body = JwksView)))]
#[get("/.well-known/jwks.json")]
pub async fn list_keys(state: web::Data<State>) -> HttpResponse {
    let view = |PublicKey { id, x }| JwkView { kty: "OKP", crv: "Ed25519", alg: "EdDSA", purpose: "sig", kid: id, x };
    let keys = state.published.iter().cloned().map(view).collect();
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "public, max-age=300")).json(JwksView { keys })
}
