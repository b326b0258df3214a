use actix_web::{get, web};
use dallosh_contracts::Permission;
use dallosh_dataset::{Dialect, Preview};
use dallosh_primitives::Uid;
use dallosh_service_kit::{Caller, Problem};
use dallosh_storage::StorageErrorKind;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{FilePreviewColumn, FileStage, RowView};
use crate::{error::Error, reading, state::State};

/// Rows of a preview unless asked, and at most.
const ROWS: (i64, i64) = (100, 500);

/// What to show.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct PreviewParams {
    /// How many rows, 1 to 500; 100 unless asked. Coerced, never refused.
    #[param(example = 100)]
    rows: Option<i64>,
    /// Of which stage; the original unless asked.
    #[param(inline)]
    stage: Option<FileStage>,
}

/// The first rows of a dataset.
#[derive(Debug, Serialize, ToSchema)]
struct FilePreview {
    /// In the order of the file.
    columns: Vec<FilePreviewColumn>,
    /// Each row as an object: column to the exact text of the cell, in the order of the columns.
    #[schema(value_type = Vec<std::collections::BTreeMap<String, String>>, example = json!([{"id": "1234567890123456789", "full_text": "No network since this morning"}]))]
    rows: Vec<RowView>,
    /// Rows of the whole stage; `null` when that is not known.
    total_rows: Option<u64>,
    /// Whether there are more rows than these.
    truncated: bool,
}

/// Show the first rows of a dataset
///
/// Reads at most 256 KiB of the content, whatever its size. Needs `read_datasets`.
#[utoipa::path(
    tag = "files",
    operation_id = "preview_file",
    params(("id" = Uid, Path, description = "The file"), PreviewParams),
    responses((status = 200, description = "The first rows", body = FilePreview))
)]
#[get("/v1/files/{id}/preview")]
pub async fn preview_file(
    state: web::Data<State>,
    caller: Caller,
    id: web::Path<Uid>,
    params: web::Query<PreviewParams>,
) -> Result<web::Json<FilePreview>, Problem> {
    let scope = caller.require(Permission::ReadDatasets)?;
    let PreviewParams { rows, stage: of } = params.into_inner();
    let asked = usize::try_from(rows.unwrap_or(ROWS.0).clamp(1, ROWS.1)).unwrap_or(1);
    let of = of.unwrap_or_default();
    let file = state.files.get(scope, *id).await?;
    let (dialect, known) = match of {
        FileStage::Original => (file.data.dialect, Some(file.data.row_count)),
        FileStage::Cleaned | FileStage::Analysed => (Dialect::ours(), None),
    };
    let found = reading::first_rows(&state, file.uid, of.stage(), dialect, asked).await;
    let Preview { columns, rows, complete } = found.map_err(|error| match error {
        Error::Storage(absent) if absent.kind == StorageErrorKind::NotFound => Error::NoContent(of.as_str()),
        other => other,
    })?;
    let total_rows = known.or_else(|| complete.then_some(rows.len() as u64));
    Ok(web::Json(FilePreview {
        truncated: total_rows.is_none_or(|total| total > rows.len() as u64),
        rows: RowView::all(&columns, rows),
        columns: columns.into_iter().map(FilePreviewColumn::from).collect(),
        total_rows,
    }))
}
