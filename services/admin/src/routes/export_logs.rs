use std::io;

use actix_web::{HttpResponse, get, http::header, web};
use bytes::Bytes;
use dallosh_contracts::Permission;
use dallosh_primitives::Limit;
use dallosh_service_kit::{Caller, Problem};
use dallosh_store::{Filter, ListQuery, Sort};
use futures::stream;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::logs::{LogEntry, LogParams};
use crate::state::State;

/// How entries are written.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Format {
    /// With a header; cells that a spreadsheet would take for a formula begin with `'`.
    #[default]
    Csv,
    /// An object a line.
    Jsonl,
}

/// How the export is written.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ExportParams {
    /// `csv` unless asked.
    #[serde(default)]
    #[param(inline)]
    format: Format,
}

/// The columns of a CSV.
const COLUMNS: [&str; 12] = [
    "seq",
    "at",
    "method",
    "path",
    "status",
    "outcome",
    "requested_by",
    "request_id",
    "ip",
    "duration_ms",
    "lost",
    "times",
];

/// Export the activity log
///
/// All entries that the filters take, oldest first, as they are read. Needs `manage_app`.
#[utoipa::path(
    tag = "logs",
    operation_id = "export_logs",
    params(LogParams, ExportParams),
    responses((status = 200, description = "The entries", content(
        (String = "text/csv"), (String = "application/x-ndjson")
    )))
)]
#[get("/v1/logs/export")]
pub async fn export_logs(
    state: web::Data<State>,
    caller: Caller,
    filters: web::Query<LogParams>,
    export: web::Query<ExportParams>,
) -> Result<HttpResponse, Problem> {
    caller.require(Permission::ManageApp)?;
    let (filter, format) = (filters.into_inner().filter()?, export.into_inner().format);
    let (kind, name) = match format {
        Format::Csv => ("text/csv; charset=utf-8", "attachment; filename=\"activity.csv\""),
        Format::Jsonl => ("application/x-ndjson", "attachment; filename=\"activity.jsonl\""),
    };
    let head = match format {
        Format::Csv => vec![csv_line(COLUMNS.map(str::to_owned))?],
        Format::Jsonl => Vec::new(),
    };
    let pages = stream::try_unfold((state, Some(None)), move |(state, next)| {
        let filter = filter.clone();
        async move {
            let Some(cursor) = next else { return Ok(None) };
            let (bytes, next) = page(&state, filter, cursor, format).await?;
            Ok(Some((bytes, (state, next.map(Some)))))
        }
    });
    let body = futures::StreamExt::chain(stream::iter(head.into_iter().map(Ok::<_, io::Error>)), pages);
    Ok(HttpResponse::Ok().content_type(kind).insert_header((header::CONTENT_DISPOSITION, name)).streaming(body))
}

/// One page, written, and where the next one begins.
async fn page(
    state: &State,
    filter: Filter,
    cursor: Option<String>,
    format: Format,
) -> io::Result<(Bytes, Option<String>)> {
    let limit = Limit::coerce(Some(i64::from(Limit::MAX)));
    let query = ListQuery { filter, sort: Sort::ascending("seq"), limit, cursor };
    let page = state.log.page(query).await.map_err(io::Error::other)?;
    let mut bytes = Vec::new();
    for entry in page.items {
        let entry = LogEntry::from(entry.data);
        match format {
            Format::Csv => bytes.extend_from_slice(&csv_line(cells(entry)).map_err(io::Error::other)?),
            Format::Jsonl => {
                serde_json::to_writer(&mut bytes, &entry)?;
                bytes.push(b'\n');
            }
        }
    }
    Ok((bytes.into(), page.next_cursor))
}

fn cells(entry: LogEntry) -> [String; 12] {
    let status = entry.status().map(|status| status.to_string()).unwrap_or_default();
    let outcome = entry.outcome.as_str().to_owned();
    let LogEntry { seq, at, method, path, requested_by, request_id, ip, duration_ms, lost, times, .. } = entry;
    let (requested_by, ip) = (requested_by.unwrap_or_default(), ip.unwrap_or_default());
    let (seq, duration_ms) = (seq.to_string(), duration_ms.to_string());
    let (lost, times) = (lost.to_string(), times.to_string());
    [seq, at, method, path, status, outcome, requested_by, request_id, ip, duration_ms, lost, times]
}

/// A line in which nothing is a formula.
fn csv_line(cells: [String; 12]) -> Result<Bytes, Problem> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    let is_formula = |cell: &str| cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let safe = cells.into_iter().map(|cell| if is_formula(&cell) { format!("'{cell}") } else { cell });
    writer.write_record(safe).map_err(Problem::internal)?;
    Ok(writer.into_inner().map_err(|error| Problem::internal(error.into_error()))?.into())
}
