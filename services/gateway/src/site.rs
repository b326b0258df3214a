//! The frontend: a static export that was there when the gateway was built, answered from memory.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::Path,
};

use actix_web::{
    HttpRequest, HttpResponse, Route,
    http::{
        Method, StatusCode,
        header::{self, AcceptEncoding, Encoding, Header as _, HeaderValue},
    },
    web,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use dallosh_service_kit::{ErrorCode, Page, Problem};
use percent_encoding::percent_decode_str;
use sha2::{Digest as _, Sha256};

use crate::asset::{ASK_AGAIN, Asset};

/// What the build found in `frontend/out`.
const EMBEDDED: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/frontend.rs"));
/// Where the export lists the inline scripts of its pages, each as `sha256-…`.
const HASHES: &str = "csp.json";
/// The page for what is not there.
const NOT_FOUND: &str = "404.html";
/// Files below this have their content in their names.
const IMMUTABLE: &str = "_next/static/";

/// The frontend can't be shown.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// The list of inline scripts is not readable.
    #[error("csp.json of the frontend can't be read")]
    Hashes(#[from] serde_json::Error),
    /// A script's hash, or a file's media type, is none.
    #[error("{0} of the frontend makes no sense in a header")]
    Header(String),
}

/// The files of a static export.
#[derive(Default)]
pub struct Site(HashMap<String, File>);

/// A file as it is, and as it was packed when the site was built.
struct File {
    plain: Asset,
    gzip: Option<Asset>,
    brotli: Option<Asset>,
}

impl Site {
    /// What was built with this binary; empty when there was nothing.
    ///
    /// # Errors
    /// When the export is not one.
    pub fn embedded() -> Result<Self, SiteError> {
        Self::new(EMBEDDED.iter().map(|(name, content)| (*name, Bytes::from_static(content))))
    }

    /// An export: the paths of its files and what is in them. Beside `x` may lie `x.br` and `x.gz`.
    ///
    /// # Errors
    /// When `csp.json` can't be read.
    pub fn new(files: impl IntoIterator<Item = (&'static str, Bytes)>) -> Result<Self, SiteError> {
        let mut raw: BTreeMap<_, _> = files.into_iter().collect();
        let hashes: BTreeSet<String> =
            raw.remove(HASHES).map(|text| serde_json::from_slice(&text)).transpose()?.unwrap_or_default();
        let names: Vec<_> = raw.keys().copied().collect();
        let mut site = HashMap::new();
        for name in names {
            let of_another = ["br", "gz"].iter().any(|packed| {
                let plain = name.strip_suffix(packed).and_then(|stem| stem.strip_suffix('.'));
                plain.is_some_and(|plain| raw.contains_key(plain))
            });
            let Some(content) = raw.get(name).filter(|_| !of_another) else { continue };
            let policy = if is_page(name) { Some(policy(name, content, &hashes)?) } else { None };
            let kind = media_type(name)?;
            let asset = |content: &Bytes| {
                let caching =
                    if name.starts_with(IMMUTABLE) { "public, max-age=31536000, immutable" } else { ASK_AGAIN };
                let asset = Asset::new(kind.clone(), content.clone()).cached(caching);
                match &policy {
                    Some(policy) => asset.with_policy(policy.clone()),
                    None => asset,
                }
            };
            let packed = |end: &str| raw.get(format!("{name}.{end}").as_str()).map(&asset);
            let file = File {
                plain: asset(content),
                gzip: packed("gz").map(|asset| asset.encoded("gzip")),
                brotli: packed("br").map(|asset| asset.encoded("br")),
            };
            site.insert(name.to_owned(), file);
        }
        Ok(Self(site))
    }

    /// Whether there is nothing to show.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The file for a path: that of this name, or the page of this name. Nothing is looked up in a folder, so that no
    /// path leads out of one.
    fn find(&self, path: &str) -> Option<&File> {
        let name = percent_decode_str(path.strip_prefix('/')?).decode_utf8().ok()?;
        match &*name {
            "" => self.0.get("index.html"),
            "404" | NOT_FOUND => None,
            name => self.0.get(name).or_else(|| self.0.get(&format!("{name}.html"))),
        }
    }

    fn answer(&self, request: &HttpRequest) -> HttpResponse {
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        match (self.find(request.path()), is_read) {
            (Some(file), true) => {
                let mut response = file.choose(request, true).answer(request);
                response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept-encoding"));
                response
            }
            (Some(_), false) => {
                let detail = "a page is only read";
                let mut response = Problem::new(ErrorCode::MethodNotAllowed, detail).respond();
                response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
                response
            }
            (None, is_read) => match self.0.get(NOT_FOUND).filter(|_| is_read && !is_api(request.path())) {
                Some(page) => {
                    let mut response = page.choose(request, false).whole(StatusCode::NOT_FOUND);
                    response.extensions_mut().insert(Page);
                    response
                }
                None => Problem::new(ErrorCode::NotFound, "there is no such path").respond(),
            },
        }
    }
}

impl File {
    /// The variant that the client takes with the fewest bytes. Ranges are of the file as it is.
    fn choose(&self, request: &HttpRequest, may_be_part: bool) -> &Asset {
        if may_be_part && request.headers().contains_key(header::RANGE) {
            return &self.plain;
        }
        let accepted = AcceptEncoding::parse(request).ok();
        let takes = |encoding: Encoding| {
            let chosen =
                accepted.as_ref().and_then(|all| all.negotiate([encoding.clone(), Encoding::identity()].iter()));
            chosen == Some(encoding)
        };
        let brotli = self.brotli.as_ref().filter(|_| takes(Encoding::brotli()));
        brotli.or_else(|| self.gzip.as_ref().filter(|_| takes(Encoding::gzip()))).unwrap_or(&self.plain)
    }
}

/// Whether a path belongs to the API, whose refusals are problems.
fn is_api(path: &str) -> bool {
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    let version =
        first.strip_prefix('v').is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()));
    version || first == ".well-known"
}

/// What a browser may do with a page: run its own scripts and those inline ones that it was built with, load what lies
/// beside it, and ask this server. Charts and virtual tables place things with inline styles. A page names its own
/// scripts only, since all of all pages would be more than some proxies take for a header.
fn policy(page: &str, content: &Bytes, hashes: &BTreeSet<String>) -> Result<HeaderValue, SiteError> {
    let text = String::from_utf8_lossy(content);
    let scripts: BTreeSet<String> =
        inline_scripts(&text).map(|script| format!("sha256-{}", STANDARD.encode(Sha256::digest(script)))).collect();
    let listed: Vec<_> = scripts.intersection(hashes).map(|hash| format!(" '{hash}'")).collect();
    let listed = listed.concat();
    let policy = format!(
        "default-src 'none'; script-src 'self'{listed}; style-src 'self' 'unsafe-inline'; \
         img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; \
         base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).map_err(|_| SiteError::Header(format!("{HASHES} for {page}")))
}

/// What stands between `<script>` and `</script>`.
fn inline_scripts(page: &str) -> impl Iterator<Item = &str> {
    let tags = page.split("<script").skip(1);
    tags.filter_map(|tag| Some(tag.split_once('>')?.1.split_once("</script>")?.0)).filter(|script| !script.is_empty())
}

fn is_page(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|end| end == "html")
}

fn media_type(name: &str) -> Result<HeaderValue, SiteError> {
    let kind = mime_guess::from_path(name).first_or_octet_stream();
    let text = match (kind.type_().as_str(), kind.subtype().as_str()) {
        ("text", _) | ("application", "javascript" | "manifest+json") => format!("{kind}; charset=utf-8"),
        _ => kind.to_string(),
    };
    HeaderValue::from_str(&text).map_err(|_| SiteError::Header(name.to_owned()))
}

/// The route for whatever no other route takes.
pub fn route() -> Route {
    web::route().to(async |request: HttpRequest, site: web::Data<Site>| site.answer(&request))
}
