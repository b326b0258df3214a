use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
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
use dallosh_dataset::{Dialect, ExportFormat, ExportSource};
use dallosh_primitives::Uid;
use dallosh_service_kit::{Caller, ErrorCode, Problem, has_tag};
use dallosh_storage::{Key, ObjectInfo};
use dallosh_store::Versioned;
use futures::{StreamExt as _, stream};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio_util::io::ReaderStream;
use utoipa::{IntoParams, ToSchema};

use super::FileStage;
use crate::{
    error::Error,
    exports,
    file::{File, FileName},
    state::State,
    workflow,
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
    /// `csv` unless asked.
    #[param(inline, value_type = Option<FileFormat>)]
    format: Option<String>,
    /// For `csv` and `xlsx`: puts a `'` in front of every cell that a spreadsheet might take for a formula (it begins
    /// with `=`, `+`, `-`, `@`, their full-width forms, a tab or a carriage return, and is no plain number).
    spreadsheet_safe: Option<bool>,
}

/// A format of a download.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum FileFormat {
    /// The stage as it is stored.
    Csv,
    /// An object a line, column to cell.
    Jsonl,
    /// Apache Parquet, compressed with zstd.
    Parquet,
    /// One sheet of a workbook.
    Xlsx,
}

impl FileFormat {
    const ALL: [Self; 4] = [Self::Csv, Self::Jsonl, Self::Parquet, Self::Xlsx];

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.extension() == word)
    }

    /// Its word, and the extension of a file of it.
    fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
            Self::Parquet => "parquet",
            Self::Xlsx => "xlsx",
        }
    }

    fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Jsonl => "application/jsonl",
            Self::Parquet => "application/vnd.apache.parquet",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        }
    }
}

/// Download a dataset
///
/// The original byte for byte as it was uploaded, or what the pipeline made of it. Takes `Range` with one range,
/// `If-Range` and `If-None-Match`. Needs `read_datasets`.
///
/// Another format, and `spreadsheet_safe`, is made while it is sent, of unknown length and without ranges; a connection
/// that breaks off before the end of the body left something out. It holds the rows that can be read, each cell as the
/// text that it is; only the `priority` that a task added is an integer (null, or an empty cell, where there is none).
/// In a workbook a cell has 32,767 characters at most; a longer one is cut and ends with `…`. What has more rows than
/// the 1,048,576 of a sheet is refused.
#[utoipa::path(
    tag = "files",
    operation_id = "get_file_content",
    params(("id" = Uid, Path, description = "The file"), ContentParams, ("Range" = Option<String>, Header, description = "One range of bytes", example = "bytes=0-1023")),
    responses(
        (status = 200, description = "The whole content", content(
            (String = "text/csv"), (String = "application/jsonl"), (Vec<u8> = "application/vnd.apache.parquet"),
            (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
        ), headers(("ETag" = String, description = "Changes with the content"), ("Content-Disposition" = String, description = "The name to save it under"))),
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
    let mut content = Content::find(&state, &caller, *id, params.into_inner()).await?;
    if content.client_has_it(&request) {
        return Ok(content.not_modified());
    }
    if let Some((source, format)) = content.export.take() {
        return content.exported(&state, source, format).await;
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
    if content.export.is_some() {
        return Ok(content.headers(StatusCode::OK).streaming(stream::empty::<Result<Bytes, Error>>()));
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
    media_type: &'static str,
    /// How it is made when it is not the object itself.
    export: Option<(ExportSource, ExportFormat)>,
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
        let ContentParams { stage: of, format, spreadsheet_safe } = params;
        let format = match format {
            Some(word) => FileFormat::parse(&word),
            None => Some(FileFormat::Csv),
        };
        let format = format.ok_or_else(|| Problem::field("/format", "`csv`, `jsonl`, `parquet` or `xlsx`"))?;
        let is_safe = spreadsheet_safe.unwrap_or_default();
        if is_safe && !matches!(format, FileFormat::Csv | FileFormat::Xlsx) {
            return Err(Problem::field("/spreadsheet_safe", "for `csv` and `xlsx`, which spreadsheets open"));
        }
        let of = of.unwrap_or_default();
        let Versioned { uid, data: File { filename, sha256, dialect, .. }, .. } = state.files.get(scope, id).await?;
        let key = Key::dataset(uid, of.stage());
        let info = state.storage.head(&key).await.map_err(Error::from)?;
        let info = info.ok_or(Error::NoContent(of.as_str()))?;
        let tag = if of == FileStage::Original { &sha256 } else { &info.etag };
        let export = match format {
            FileFormat::Csv => is_safe.then_some(ExportFormat::SafeCsv),
            FileFormat::Jsonl => Some(ExportFormat::Jsonl),
            FileFormat::Parquet => Some(ExportFormat::Parquet),
            FileFormat::Xlsx => Some(ExportFormat::Xlsx { is_safe, scratch: state.scratch.clone() }),
        };
        let (etag, name) = match &export {
            None if of == FileStage::Original => (format!("\"{tag}\""), filename.as_str().to_owned()),
            None => (format!("\"{tag}\""), stage_name(&filename, of, format)),
            Some(_) => (made_tag(tag, &dialect, format, is_safe), stage_name(&filename, of, format)),
        };
        let source = match of {
            FileStage::Original => ExportSource::Original { dialect, limits: state.limits.clone() },
            FileStage::Cleaned => ExportSource::Cleaned,
            FileStage::Analysed => ExportSource::Analysed,
        };
        Ok(Self {
            key,
            info,
            etag,
            disposition: disposition(&name),
            media_type: format.media_type(),
            export: export.map(|export| (source, export)),
        })
    }

    fn client_has_it(&self, request: &HttpRequest) -> bool {
        has_tag(request, self.etag.strip_prefix("W/").unwrap_or(&self.etag))
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
        let mut response = self.headers(status);
        response.insert_header((header::ACCEPT_RANGES, "bytes"));
        if status == StatusCode::PARTIAL_CONTENT {
            let range = format!("bytes {from}-{}/{}", to.saturating_sub(1), self.info.size);
            response.insert_header((header::CONTENT_RANGE, range));
        }
        response.body(body)
    }

    fn headers(&self, status: StatusCode) -> HttpResponseBuilder {
        let mut response = HttpResponse::build(status);
        response
            .insert_header((header::CONTENT_TYPE, self.media_type))
            .insert_header((header::CONTENT_DISPOSITION, self.disposition.as_str()))
            .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
            .insert_header((header::CACHE_CONTROL, "private, no-cache"))
            .insert_header((header::ETAG, self.etag.as_str()));
        response
    }

    /// The content as it is made. What goes wrong before the first bytes is a problem; later the body breaks off.
    async fn exported(
        self,
        state: &State,
        source: ExportSource,
        format: ExportFormat,
    ) -> Result<HttpResponse, Problem> {
        if matches!(format, ExportFormat::Xlsx { .. }) {
            // Its rows are gathered in a file, which is about as large.
            workflow::require_room(state, self.info.size).await?;
        }
        let mut pieces = exports::begin(state, &self.key, source, format).await?;
        let first = pieces.recv().await.transpose()?;
        let rest = stream::poll_fn(move |context| pieces.poll_recv(context));
        Ok(self.headers(StatusCode::OK).streaming(stream::iter(first.map(Ok)).chain(rest)))
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

/// The entity tag of what is made of a content. A weak one, as the same cells are not always the same bytes.
fn made_tag(tag: &str, dialect: &Dialect, format: FileFormat, is_safe: bool) -> String {
    let digest = Sha256::digest(format!("{tag}\n{dialect:?}\n{}\n{is_safe}", format.extension()));
    format!("W/\"{}\"", hex::encode(digest))
}

fn stage_name(filename: &FileName, stage: FileStage, format: FileFormat) -> String {
    let (stem, extension) = (filename.stem(), format.extension());
    match stage {
        FileStage::Original => format!("{stem}.{extension}"),
        FileStage::Cleaned | FileStage::Analysed => format!("{stem}-{}.{extension}", stage.as_str()),
    }
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
