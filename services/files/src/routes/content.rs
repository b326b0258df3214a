use actix_web::{
    HttpRequest, HttpResponse,
    body::SizedStream,
    get, head,
    http::{
        StatusCode,
        header::{self, HeaderName, HeaderValue, Range},
    },
    web,
};
use bytes::Bytes;
use dallosh_contracts::Permission;
use dallosh_primitives::Uid;
use dallosh_service_kit::{Caller, ErrorCode, Problem, has_tag};
use dallosh_storage::{Key, ObjectInfo};
use dallosh_store::Versioned;
use futures::stream;
use serde::Deserialize;
use tokio_util::io::ReaderStream;
use utoipa::IntoParams;

use super::FileStage;
use crate::{
    error::Error,
    file::{File, FileName},
    state::State,
};

/// Bytes that are sent at once.
const CHUNK: usize = 256 << 10;

/// What to download.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ContentParams {
    /// Of which stage; the original unless asked.
    #[param(inline)]
    stage: Option<FileStage>,
    /// `csv`.
    #[param(example = "csv")]
    format: Option<String>,
}

/// Download a dataset
///
/// The original byte for byte as it was uploaded, or what the pipeline made of it. Takes `Range` with one range,
/// `If-Range` and `If-None-Match`. Needs `read_datasets`.
#[utoipa::path(
    tag = "files",
    operation_id = "get_file_content",
    params(("id" = Uid, Path, description = "The file"), ContentParams, ("Range" = Option<String>, Header, description = "One range of bytes", example = "bytes=0-1023")),
    responses(
        (status = 200, description = "The whole content", body = String, content_type = "text/csv", headers(("ETag" = String, description = "Changes with the content"), ("Content-Disposition" = String, description = "The name to save it under"))),
        (status = 206, description = "The asked range", body = String, content_type = "text/csv", headers(("Content-Range" = String, description = "Which bytes of how many"))),
        (status = 304, description = "The client has this content")
    )
)]
#[get("/v1/files/{id}/content")]
pub async fn get_file_content(
    state: web::Data<State>,
    caller: Caller,
    id: web::Path<Uid>,
    params: web::Query<ContentParams>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let content = Content::find(&state, &caller, *id, params.into_inner()).await?;
    if content.client_has_it(&request) {
        return Ok(content.not_modified());
    }
    let (status, from, to) = match content.asked_range(&request) {
        Asked::Whole => (StatusCode::OK, 0, content.info.size),
        Asked::Part(from, to) => (StatusCode::PARTIAL_CONTENT, from, to),
        Asked::Outside => return Ok(content.outside()),
    };
    if from == to {
        return Ok(content.answer(
            status,
            from,
            to,
            SizedStream::new(0, stream::empty::<Result<Bytes, std::io::Error>>()),
        ));
    }
    let reader = state.storage.reader(&content.key, Some(from..to)).await.map_err(Error::from)?;
    let body = SizedStream::new(to - from, ReaderStream::with_capacity(reader, CHUNK));
    Ok(content.answer(status, from, to, body))
}

/// Ask for a download's size and tag
///
/// The headers of the download without its content. Needs `read_datasets`.
#[utoipa::path(
    tag = "files",
    operation_id = "head_file_content",
    params(("id" = Uid, Path, description = "The file"), ContentParams),
    responses(
        (status = 200, description = "The headers of the whole content"),
        (status = 304, description = "The client has this content")
    )
)]
#[head("/v1/files/{id}/content")]
pub async fn head_file_content(
    state: web::Data<State>,
    caller: Caller,
    id: web::Path<Uid>,
    params: web::Query<ContentParams>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let content = Content::find(&state, &caller, *id, params.into_inner()).await?;
    if content.client_has_it(&request) {
        return Ok(content.not_modified());
    }
    let size = content.info.size;
    let nothing = SizedStream::new(size, stream::empty::<Result<Bytes, std::io::Error>>());
    Ok(content.answer(StatusCode::OK, 0, size, nothing))
}

/// The object behind a download.
struct Content {
    key: Key,
    info: ObjectInfo,
    etag: String,
    disposition: String,
}

/// What a request asks of the bytes.
enum Asked {
    Whole,
    /// From the first to behind the last.
    Part(u64, u64),
    Outside,
}

impl Content {
    async fn find(state: &State, caller: &Caller, id: Uid, params: ContentParams) -> Result<Self, Problem> {
        let scope = caller.require(Permission::ReadDatasets)?;
        let ContentParams { stage: of, format } = params;
        if format.is_some_and(|format| format != "csv") {
            return Err(Problem::field("/format", "`csv`"));
        }
        let of = of.unwrap_or_default();
        let Versioned { uid, data: File { filename, sha256, .. }, .. } = state.files.get(scope, id).await?;
        let key = Key::dataset(uid, of.stage());
        let info = state.storage.head(&key).await.map_err(Error::from)?;
        let info = info.ok_or(Error::NoContent(of.as_str()))?;
        let (tag, name) = match of {
            FileStage::Original => (&sha256, filename.as_str().to_owned()),
            FileStage::Cleaned | FileStage::Analysed => (&info.etag, stage_name(&filename, of)),
        };
        Ok(Self { key, etag: format!("\"{tag}\""), disposition: disposition(&name), info })
    }

    fn client_has_it(&self, request: &HttpRequest) -> bool {
        has_tag(request, &self.etag)
    }

    /// One range that lies in the content. What can't be read as one, several, or a range of another version
    /// (`If-Range`) is answered with the whole.
    fn asked_range(&self, request: &HttpRequest) -> Asked {
        let text = |name: HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
        if text(header::IF_RANGE).is_some_and(|tag| tag != self.etag) {
            return Asked::Whole;
        }
        let Some(Range::Bytes(ranges)) = text(header::RANGE).and_then(|range| range.parse().ok()) else {
            return Asked::Whole;
        };
        match ranges.as_slice() {
            [one] => match one.to_satisfiable_range(self.info.size) {
                Some((first, last)) => Asked::Part(first, last + 1),
                None => Asked::Outside,
            },
            _ => Asked::Whole,
        }
    }

    fn answer<S>(self, status: StatusCode, from: u64, to: u64, body: SizedStream<S>) -> HttpResponse
    where
        S: stream::Stream<Item = Result<Bytes, std::io::Error>> + 'static,
    {
        let mut response = HttpResponse::build(status);
        response
            .insert_header((header::CONTENT_TYPE, "text/csv; charset=utf-8"))
            .insert_header((header::CONTENT_DISPOSITION, self.disposition))
            .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
            .insert_header((header::CACHE_CONTROL, "private, no-cache"))
            .insert_header((header::ACCEPT_RANGES, "bytes"))
            .insert_header((header::ETAG, self.etag));
        if status == StatusCode::PARTIAL_CONTENT {
            let range = format!("bytes {from}-{}/{}", to.saturating_sub(1), self.info.size);
            response.insert_header((header::CONTENT_RANGE, range));
        }
        response.body(body)
    }

    fn not_modified(self) -> HttpResponse {
        HttpResponse::NotModified().insert_header((header::ETAG, self.etag)).finish()
    }

    fn outside(self) -> HttpResponse {
        let detail = format!("the content has {} bytes", self.info.size);
        let mut response = Problem::new(ErrorCode::RangeNotSatisfiable, detail).respond();
        if let Ok(value) = HeaderValue::from_str(&format!("bytes */{}", self.info.size)) {
            response.headers_mut().insert(header::CONTENT_RANGE, value);
        }
        response
    }
}

fn stage_name(filename: &FileName, stage: FileStage) -> String {
    format!("{}-{}.csv", filename.stem(), stage.as_str())
}

/// `attachment` with the name twice (RFC 6266): in ASCII for old clients, whole for all others. Nothing in it reads as
/// a way up.
fn disposition(name: &str) -> String {
    let name = name.replace("..", "_");
    let plain = |one: char| one.is_ascii_alphanumeric() || matches!(one, ' ' | '.' | '-' | '_' | '(' | ')');
    let ascii: String = name.chars().map(|one| if plain(one) { one } else { '_' }).collect();
    let whole: String = name.bytes().map(escaped).collect();
    format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{whole}")
}

fn escaped(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_') {
        char::from(byte).to_string()
    } else {
        format!("%{byte:02X}")
    }
}
