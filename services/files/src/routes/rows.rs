use actix_web::{HttpRequest, HttpResponse, get, http::header, web};
use dallosh_contracts::Permission;
use dallosh_dataset::RowFilter;
use dallosh_primitives::Uid;
use dallosh_service_kit::{Caller, Problem, has_tag};
use dallosh_storage::{Key, Stage};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{FilePreviewColumn, FileReadingProgress, RowView, running};
use crate::{
    derived::{Source, etag},
    rows::{self, Shown, Wanted},
    state::State,
};

/// Rows of a page unless asked, and at most.
const ROWS: (i64, i64) = (100, 500);

/// A table of a dataset.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum RowsStage {
    /// As it was uploaded, without the rows that can't be read.
    #[default]
    Original,
    /// Without duplicates, with `clean_text` and `is_outlier`.
    Cleaned,
    /// With the model's answers.
    Analysed,
    /// What cleaning left out: the `line` of the original, the `reason`, of a duplicate the number of the original row,
    /// counted from 1, that it repeats (`same_as`), the cells.
    Removed,
}

/// Some rows of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum OnlyRows {
    /// Of the removed ones: those that repeat an earlier row.
    Duplicates,
    /// Those with a number beyond its bounds.
    Outliers,
}

/// Which rows to show.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct RowsParams {
    /// Of which table; the original unless asked.
    #[param(inline)]
    stage: Option<RowsStage>,
    /// Only some of its rows: `outliers` of all but the original, `duplicates` of the removed ones.
    #[param(inline)]
    only: Option<OnlyRows>,
    /// The number of the first row, counted from 0; 0 unless asked. Coerced, never refused.
    #[param(example = 0)]
    offset: Option<i64>,
    /// How many rows, 1 to 500; 100 unless asked. Coerced, never refused.
    #[param(example = 100)]
    limit: Option<i64>,
}

/// Some rows of a dataset, one behind the other.
#[derive(Debug, Serialize, ToSchema)]
struct FileRows {
    /// In the order of the file.
    columns: Vec<FilePreviewColumn>,
    /// Each row as an object: column to the exact text of the cell, in the order of the columns.
    #[schema(value_type = Vec<std::collections::BTreeMap<String, String>>, example = json!([{"id": "1234567890123456789", "full_text": "No network since this morning"}]))]
    rows: Vec<RowView>,
    /// The number of the first of them, counted from 0.
    offset: u64,
    /// How many rows there are; `null` while it is not known.
    total_rows: Option<u64>,
    /// Whether there are fewer than asked for since more would be too much at once; ask for the rest from behind them.
    truncated: bool,
}

/// Show any rows of a dataset
///
/// Any page costs about as much as the first: where rows lie is found out in one pass over the content, once, and kept.
/// Until then rows near the beginning are shown, of a later stage with `total_rows: null`, and others are 202: ask again
/// after `Retry-After`. A page holds 1 MiB at most, and at least one row. Needs `read_datasets`.
#[utoipa::path(
    tag = "files",
    operation_id = "list_file_rows",
    params(("id" = Uid, Path, description = "The file"), RowsParams),
    responses(
        (status = 200, description = "The rows", body = FileRows, headers(("ETag" = String, description = "Changes with the content and how it is read; absent until it is known where rows lie"))),
        (status = 202, description = "Where they lie is being found out", body = FileReadingProgress, headers(("Retry-After" = String, description = "Seconds until it makes sense to ask again"))),
        (status = 304, description = "The client has these rows")
    )
)]
#[get("/v1/files/{id}/rows")]
pub async fn list_file_rows(
    state: web::Data<State>,
    caller: Caller,
    id: web::Path<Uid>,
    params: web::Query<RowsParams>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let scope = caller.require(Permission::ReadDatasets)?;
    let RowsParams { stage: of, only, offset, limit } = params.into_inner();
    let of = of.unwrap_or_default();
    let (name, filter) = named(of, only).ok_or_else(|| Problem::field("/only", "this stage has no such rows"))?;
    let offset = u64::try_from(offset.unwrap_or(0)).unwrap_or(0);
    let limit = usize::try_from(limit.unwrap_or(ROWS.0).clamp(1, ROWS.1)).unwrap_or(1);
    let file = state.files.get(scope, *id).await?;
    let known = (of == RowsStage::Original).then_some(file.data.row_count);
    let source = match of {
        RowsStage::Original => Source::stage(&state, &file, Stage::Original, "original").await?,
        RowsStage::Cleaned => Source::stage(&state, &file, Stage::Cleaned, "cleaned").await?,
        RowsStage::Analysed => Source::stage(&state, &file, Stage::Analysed, "analysed").await?,
        RowsStage::Removed => Source::ours(&state, file.uid, Key::removed(file.uid), "removed").await?,
    };
    let wanted = Wanted { source, only: filter, name };
    let tag = etag(wanted.fingerprint());
    if has_tag(&request, &tag) {
        return Ok(HttpResponse::NotModified().insert_header((header::ETAG, tag)).finish());
    }
    let (columns, page, total) = match rows::show(state.into_inner(), wanted, offset, limit).await? {
        Shown::Page { columns, page, total } => (columns, page, total),
        Shown::Running(progress) => return Ok(running(&progress)),
    };
    let mut answer = HttpResponse::Ok();
    answer.insert_header((header::CACHE_CONTROL, "private, no-cache"));
    if total.is_some() {
        answer.insert_header((header::ETAG, tag));
    }
    Ok(answer.json(FileRows {
        rows: RowView::all(&columns, page.rows),
        columns: columns.into_iter().map(FilePreviewColumn::from).collect(),
        offset,
        total_rows: total.or(known),
        truncated: page.truncated,
    }))
}

/// A word for these rows and what tells them from the others of the table; `None` when it never has such rows.
fn named(of: RowsStage, only: Option<OnlyRows>) -> Option<(&'static str, Option<RowFilter>)> {
    use {OnlyRows as O, RowsStage as S};
    Some(match (of, only) {
        (S::Original, None) => ("original", None),
        (S::Cleaned, None) => ("cleaned", None),
        (S::Analysed, None) => ("analysed", None),
        (S::Removed, None) => ("removed", None),
        (S::Cleaned, Some(O::Outliers)) => ("cleaned-outliers", Some(RowFilter::OUTLIERS)),
        (S::Analysed, Some(O::Outliers)) => ("analysed-outliers", Some(RowFilter::OUTLIERS)),
        (S::Removed, Some(O::Outliers)) => ("removed-outliers", Some(RowFilter::REMOVED_OUTLIERS)),
        (S::Removed, Some(O::Duplicates)) => ("removed-duplicates", Some(RowFilter::REMOVED_DUPLICATES)),
        (S::Original, Some(_)) | (S::Cleaned | S::Analysed, Some(O::Duplicates)) => return None,
    })
}
