//! The API's document and the pages that show it. Everything is in the binary; nothing is fetched from elsewhere.

use std::{fmt::Write as _, sync::OnceLock};

use actix_web::{
    HttpRequest, HttpResponse, Route, get, guard,
    http::header::{self, HeaderValue},
    web,
};
use bytes::Bytes;
use dallosh_service_kit::{ErrorCode, Problem};
use utoipa::openapi::OpenApi;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::asset::Asset;

/// What a browser may do with the pages: load what lies beside them, and ask this server.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const SCRIPT: HeaderValue = HeaderValue::from_static("text/javascript; charset=utf-8");
const STYLE: HeaderValue = HeaderValue::from_static("text/css; charset=utf-8");

/// The document and the pages.
pub struct Pages {
    describe: fn() -> OpenApi,
    document: OnceLock<Asset>,
    reference: Asset,
    errors: Asset,
    beside: [(&'static str, Asset); 4],
}

impl Pages {
    /// Prepares the pages; the document is made when it is first asked for.
    pub fn new(describe: fn() -> OpenApi) -> Self {
        let page = |kind, content: Bytes| Asset::new(kind, content).with_policy(HeaderValue::from_static(PAGE_POLICY));
        // Kept packed, and always sent so: every browser unpacks it, and nobody else asks for it.
        let packed = |kind, content: &'static [u8]| page(kind, Bytes::from_static(content)).encoded("gzip");
        let bundle: &[u8] = include_bytes!("../assets/docs/swagger-ui-bundle.js.gz");
        let style: &[u8] = include_bytes!("../assets/docs/swagger-ui.css.gz");
        let index: &[u8] = include_bytes!("../assets/docs/index.html");
        let start: &[u8] = include_bytes!("../assets/docs/start.js");
        let icon: &[u8] = include_bytes!("../assets/docs/favicon.png");
        Self {
            describe,
            document: OnceLock::new(),
            reference: page(HTML, Bytes::from_static(index)),
            errors: page(HTML, describe_errors().into()),
            beside: [
                ("swagger-ui-bundle.js", packed(SCRIPT, bundle)),
                ("swagger-ui.css", packed(STYLE, style)),
                ("start.js", page(SCRIPT, Bytes::from_static(start))),
                ("favicon.png", page(HeaderValue::from_static("image/png"), Bytes::from_static(icon))),
            ],
        }
    }

    fn document(&self) -> serde_json::Result<&Asset> {
        if let Some(document) = self.document.get() {
            return Ok(document);
        }
        let content = serde_json::to_vec(&(self.describe)())?;
        Ok(self.document.get_or_init(|| Asset::new(HeaderValue::from_static("application/json"), content)))
    }
}

/// The error table as a page; `type` of every problem leads to a row of it.
fn describe_errors() -> String {
    let mut page = String::from(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Error codes</title></head><body>\
         <h1>Error codes</h1><p>Every 4xx and 5xx answer is a problem (RFC 9457) with one of these codes. \
         <em>Again</em> says whether the same request may succeed later.</p>\
         <table><thead><tr><th>Code<th>Status<th>Again<th>Meaning</tr></thead><tbody>",
    );
    for code in ErrorCode::ALL {
        let again = if code.is_retryable() { "yes" } else { "no" };
        let _ = write!(
            page,
            "<tr id=\"{0}\"><td><code>{0}</code><td>{1}<td>{again}<td>{2}</tr>",
            code.as_str(),
            code.status_number(),
            html_escape::encode_text(code.meaning().trim())
        );
    }
    page + "</tbody></table></body></html>"
}

/// Registers the document and the pages.
pub fn register(config: &mut ServiceConfig<'_>) {
    config.service(get_openapi).map(|config| {
        config
            .service(web::resource(["/docs", "/docs/"]).route(read().to(show_reference)))
            .service(web::resource("/docs/errors").route(read().to(show_errors)))
            .service(web::resource("/docs/{name}").route(read().to(show_asset)))
    });
}

/// A route of GET and HEAD; the server leaves the content of an answer to HEAD away.
fn read() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

/// The description of this API
#[utoipa::path(tag = "service", operation_id = "get_openapi", security(()),
    responses((status = 200, description = "The `OpenAPI` document", content_type = "application/json")))]
#[get("/openapi.json")]
async fn get_openapi(request: HttpRequest, pages: web::Data<Pages>) -> Result<HttpResponse, Problem> {
    Ok(pages.document().map_err(Problem::internal)?.answer(&request))
}

/// To the reference, for a gateway that was built without the frontend.
pub fn start() -> Route {
    read().to(async || HttpResponse::TemporaryRedirect().insert_header((header::LOCATION, "/docs")).finish())
}

async fn show_reference(request: HttpRequest, pages: web::Data<Pages>) -> HttpResponse {
    pages.reference.answer(&request)
}

async fn show_errors(request: HttpRequest, pages: web::Data<Pages>) -> HttpResponse {
    pages.errors.answer(&request)
}

async fn show_asset(
    request: HttpRequest,
    name: web::Path<String>,
    pages: web::Data<Pages>,
) -> Result<HttpResponse, Problem> {
    let found = pages.beside.iter().find(|(one, _)| *one == name.as_str());
    let (_, asset) = found.ok_or_else(|| Problem::new(ErrorCode::NotFound, "there is no such page"))?;
    Ok(asset.answer(&request))
}
