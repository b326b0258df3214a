//! The API's document and the pages that show it. Everything is in the binary; nothing is fetched from elsewhere.

use std::fmt::Write as _;

use actix_web::{
    HttpRequest, HttpResponse, Route, get, guard,
    http::header::{self, HeaderValue},
    web,
};
use bytes::Bytes;
use dallosh_service_kit::{ErrorCode, Problem};
use utoipa::openapi::OpenApi;
use utoipa_actix_web::service_config::ServiceConfig;
use xxhash_rust::xxh3::xxh3_64;

/// What a browser may do with the pages: load what lies beside them, and ask this server.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Something that is the same for everybody until the next release.
struct Asset {
    kind: &'static str,
    content: Bytes,
    is_gzip: bool,
    tag: String,
}

impl Asset {
    fn new(kind: &'static str, content: impl Into<Bytes>) -> Self {
        let content = content.into();
        let tag = format!("\"{:016x}\"", xxh3_64(&content));
        Self { kind, content, is_gzip: false, tag }
    }

    /// Kept packed, and always sent so: every browser unpacks it, and nobody else asks for it.
    fn packed(kind: &'static str, content: &'static [u8]) -> Self {
        Self { is_gzip: true, ..Self::new(kind, content) }
    }

    fn answer(&self, request: &HttpRequest) -> HttpResponse {
        let known = request
            .headers()
            .get_all(header::IF_NONE_MATCH)
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == self.tag);
        let mut response = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
        response.insert_header((header::ETAG, self.tag.as_str())).insert_header((header::CACHE_CONTROL, "no-cache"));
        if self.kind != "application/json" {
            response.insert_header((header::CONTENT_SECURITY_POLICY, PAGE_POLICY));
        }
        if known {
            return response.finish();
        }
        if self.is_gzip {
            response.insert_header((header::CONTENT_ENCODING, HeaderValue::from_static("gzip")));
        }
        response.content_type(self.kind).body(self.content.clone())
    }
}

/// The document and the pages.
pub struct Pages {
    document: Asset,
    reference: Asset,
    errors: Asset,
    beside: [(&'static str, Asset); 4],
}

impl Pages {
    /// Prepares them once.
    ///
    /// # Errors
    /// When the document can't be written as JSON.
    pub fn new(document: &OpenApi) -> Result<Self, serde_json::Error> {
        let bundle = include_bytes!("../assets/docs/swagger-ui-bundle.js.gz");
        let style = include_bytes!("../assets/docs/swagger-ui.css.gz");
        let start: &[u8] = include_bytes!("../assets/docs/start.js");
        let icon: &[u8] = include_bytes!("../assets/docs/favicon.png");
        Ok(Self {
            document: Asset::new("application/json", serde_json::to_vec(document)?),
            reference: Asset::new(HTML, &include_bytes!("../assets/docs/index.html")[..]),
            errors: Asset::new(HTML, describe_errors()),
            beside: [
                ("swagger-ui-bundle.js", Asset::packed(SCRIPT, bundle)),
                ("swagger-ui.css", Asset::packed("text/css; charset=utf-8", style)),
                ("start.js", Asset::new(SCRIPT, start)),
                ("favicon.png", Asset::new("image/png", icon)),
            ],
        })
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

/// Registers the document, the pages and the way to them.
pub fn register(config: &mut ServiceConfig<'_>) {
    config.service(get_openapi).map(|config| {
        config
            .service(web::resource("/").route(read().to(show_start)))
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
async fn get_openapi(request: HttpRequest, pages: web::Data<Pages>) -> HttpResponse {
    pages.document.answer(&request)
}

async fn show_start() -> HttpResponse {
    HttpResponse::TemporaryRedirect().insert_header((header::LOCATION, "/docs")).finish()
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
