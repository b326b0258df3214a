//! Pages of the rows of a table, wherever in it they lie.

use std::{sync::Arc, time::Duration};

use dallosh_dataset::{DatasetError, PreviewColumn, RowFilter, RowIndex, RowPage};
use dallosh_service_kit::Problem;
use dallosh_storage::{BlockingReader, Key, StorageErrorKind};

use crate::{
    derived::{Found, Order, Progress, Source},
    error::Error,
    reading::on_cpu,
    state::State,
};

/// How long somebody who asks waits for the index, when there is another way and when there is none.
const PATIENCE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));
/// Rows at the beginning that are shown without an index.
const NEAR: u64 = 2_000;

/// Which rows of a table somebody looks at.
pub struct Wanted {
    pub source: Source,
    pub only: Option<RowFilter>,
    /// A word for these rows, as it stands in the key of their index.
    pub name: &'static str,
}

impl Wanted {
    /// Equal ones have equal rows.
    pub fn fingerprint(&self) -> u128 {
        self.source.fingerprint(self.name)
    }
}

/// What there is of a page.
pub enum Shown {
    /// The rows.
    Page {
        columns: Vec<PreviewColumn>,
        page: RowPage,
        /// All rows that are meant; `None` while they are not counted.
        total: Option<u64>,
    },
    /// It lies too far in a table of which the index is being made.
    Running(Progress),
}

/// Shows `limit` rows from the row `offset` on. An index of the rows is made for the first who asks; until it is there,
/// rows near the beginning are read from there.
pub async fn show(state: Arc<State>, wanted: Wanted, offset: u64, limit: usize) -> Result<Shown, Problem> {
    let key = Key::row_index(wanted.source.file, wanted.name, wanted.fingerprint());
    let Wanted { source, only, .. } = wanted;
    let (dialect, limits) = (source.dialect.clone(), source.limits.clone());
    let order = Order::new(&source, key, move |content| RowIndex::build(content, &dialect, limits, only));
    let is_near = only.is_none() && offset.saturating_add(limit as u64) <= NEAR;
    let patience = if is_near { PATIENCE.0 } else { PATIENCE.1 };
    match state.row_indexes.find(&state, order, patience).await? {
        Found::Ready(json) => {
            let index = serde_json::from_slice(&json).map_err(Problem::internal)?;
            Ok(read(&state, source, index, only, offset, limit).await?)
        }
        Found::Running(progress) if is_near => {
            Ok(near(&state, source, offset, limit).await?.unwrap_or(Shown::Running(progress)))
        }
        Found::Running(progress) => Ok(Shown::Running(progress)),
    }
}

async fn read(
    state: &State,
    source: Source,
    index: RowIndex,
    only: Option<RowFilter>,
    offset: u64,
    limit: usize,
) -> Result<Shown, Error> {
    let Some(span) = index.span(offset, limit) else {
        let page = RowPage { rows: Vec::new(), truncated: false };
        return Ok(Shown::Page { total: Some(index.rows), columns: index.columns, page });
    };
    let bytes = span.from..span.until.unwrap_or(source.size);
    let content = match state.storage.reader(&source.key, Some(bytes)).await {
        // The table became a shorter one.
        Err(error) if error.kind == StorageErrorKind::BadRange => return Err(Error::Busy),
        other => BlockingReader::new(other?),
    };
    // What was opened may be another content than the one of the index.
    if !source.is_current(state).await? {
        return Err(Error::Busy);
    }
    let Source { dialect, limits, .. } = source;
    on_cpu(&state.pages, move || {
        let page = index.page(content, span, &dialect, limits, only, limit)?;
        Ok::<_, DatasetError>(Shown::Page { total: Some(index.rows), columns: index.columns, page })
    })
    .await?
    .map_err(Error::from)
}

/// A page at the beginning, unless its rows are so large that it lies far behind it.
async fn near(state: &State, source: Source, offset: u64, limit: usize) -> Result<Option<Shown>, Error> {
    let content = BlockingReader::new(state.storage.reader(&source.key, None).await?);
    let Source { dialect, limits, .. } = source;
    let (columns, page) =
        on_cpu(&state.pages, move || RowPage::near(content, &dialect, limits, offset, limit)).await??;
    Ok((!page.rows.is_empty() || !page.truncated).then_some(Shown::Page { columns, page, total: None }))
}
