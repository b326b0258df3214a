use actix_web::{get, web};
use dallosh_contracts::{Links, Permission};
use dallosh_dataset::Reject;
use dallosh_primitives::{Limit, Uid};
use dallosh_service_kit::{Caller, Problem, page_links, sort_of};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    reading::{self, RejectPage},
    state::State,
};

/// Which part of the list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct RejectParams {
    /// How many, 1 to 200; 50 unless asked. Coerced, never refused.
    #[param(value_type = Option<i64>, example = 50)]
    limit: Option<Limit>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// `line`, the only order.
    #[param(example = "line")]
    sort: Option<String>,
}

/// A row that can't be read.
#[derive(Debug, Serialize, ToSchema)]
struct FileReject {
    /// The line on which it begins, counted from 1.
    #[schema(example = 17)]
    line: u64,
    /// The column at fault, counted from 1, when one is.
    #[schema(example = 3)]
    column: Option<u64>,
    /// What is wrong, in words.
    #[schema(example = "4 cells instead of 22")]
    reason: String,
    /// The row as it stands in the file, cut at 8 KiB.
    raw: String,
}

impl From<Reject> for FileReject {
    fn from(reject: Reject) -> Self {
        let Reject { line, column, reason, raw } = reject;
        Self { line, column, reason, raw }
    }
}

/// One page of the rows that can't be read.
#[derive(Debug, Serialize, ToSchema)]
struct FileRejects {
    /// In the order of the file.
    items: Vec<FileReject>,
    /// How many there are in the file.
    total: u64,
    /// Opaque; send it back as `cursor` for the next page. `null` on the last one.
    next_cursor: Option<String>,
    /// `self` and, when there is one, `next`.
    #[serde(rename = "_links")]
    links: Links,
}

/// List the rows that can't be read
///
/// Where each begins, what is wrong and how it stands in the file. Needs `read_datasets`.
#[utoipa::path(
    tag = "files",
    operation_id = "list_file_rejects",
    params(("id" = Uid, Path, description = "The file"), RejectParams),
    responses((status = 200, description = "One page", body = FileRejects))
)]
#[get("/v1/files/{id}/rejects")]
pub async fn list_file_rejects(
    state: web::Data<State>,
    caller: Caller,
    id: web::Path<Uid>,
    params: web::Query<RejectParams>,
) -> Result<web::Json<FileRejects>, Problem> {
    let scope = caller.require(Permission::ReadDatasets)?;
    let RejectParams { limit, cursor, sort } = params.into_inner();
    sort_of(sort.as_deref(), &[("line", ())])?;
    let after = match &cursor {
        Some(cursor) => cursor.parse().map_err(|_| Problem::field("/cursor", "not a cursor of this list"))?,
        None => 0,
    };
    let file = state.files.get(scope, *id).await?;
    let total = file.data.rejected_rows;
    let page =
        reading::rejects(&state, file.uid, file.data.dialect, total, after, limit.unwrap_or_default().get()).await?;
    let RejectPage { items, more } = page;
    let next_cursor = items.last().filter(|_| more).map(|last| last.line.to_string());
    let links = page_links(
        &format!("/v1/files/{}/rejects", file.uid),
        &[("limit", limit.map(|limit| limit.get().to_string()))],
        cursor.as_deref(),
        next_cursor.as_deref(),
    );
    Ok(web::Json(FileRejects { items: items.into_iter().map(FileReject::from).collect(), total, next_cursor, links }))
}
