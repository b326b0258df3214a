//! The stored result of a dataset: its index in memory, its table by pieces.

use std::{
    collections::HashMap,
    io,
    ops::{ControlFlow, Range},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use dallosh_analysis::{Columns, Index, IndexBuilder, RowSet};
use dallosh_contracts::{FileData, Resource};
use dallosh_dataset::{Table, TableBatch, TableBytes};
use dallosh_primitives::Uid;
use dallosh_service_kit::{Caller, Problem};
use dallosh_storage::{Key, ObjectInfo, Stage, Storage, StorageError, StorageErrorKind};
use memchr::memmem::Finder;
use serde::ser::{Serialize, SerializeMap, Serializer};
use tokio::{io::AsyncReadExt, runtime::Handle};

use crate::{
    error::{busy, client_failed, not_analysed, storage_failed, table_failed},
    state::{State, Version, on_pool},
};

/// How long a reading of a whole table may take.
const LONGEST: Duration = Duration::from_secs(20);
/// Columns of a critical post: what is shown of it.
const SHOWN: [&str; 16] = [
    "id",
    "created_at",
    "full_text",
    "screen_name",
    "name",
    "url",
    "sentiment",
    "priority",
    "main_topic",
    "favorite_count",
    "retweet_count",
    "quote_count",
    "reply_count",
    "bookmark_count",
    "views_count",
    "clean_text",
];

/// An analysed dataset that the caller may see.
pub struct Dataset {
    pub version: Version,
    pub index: Arc<Index>,
    /// The column that is searched.
    text: String,
}

/// Finds the dataset and its index: as it was written with the table, else built from the table once.
pub async fn open(state: &State, caller: &Caller, file: Uid) -> Result<Dataset, Problem> {
    let resource = state.files.get::<Resource<FileData>>(&format!("/v1/files/{file}"), Some(caller.token())).await;
    let text_column = resource.map_err(|error| client_failed("the files service", error))?.data.text_column;
    let key = Key::index(file);
    let (stored, etag) = match state.storage.head(&key).await.map_err(storage_failed)? {
        Some(ObjectInfo { etag, .. }) => (true, etag),
        None => match state.storage.head(&Key::table(file, Stage::Analysed)).await.map_err(storage_failed)? {
            Some(ObjectInfo { etag, .. }) => (false, etag),
            None => return Err(not_analysed()),
        },
    };
    let version = Version { file, etag };
    let load = async {
        if stored {
            let bytes = read(&state.storage, &key, None).await.map_err(storage_failed)?;
            match on_pool(&state.pieces, move || Ok(Index::from_bytes(&bytes))).await? {
                Ok(index) => return Ok(Arc::new(index)),
                Err(error) => {
                    tracing::warn!(%error, file.id = %file, "a stored index is not readable; building it anew");
                }
            }
        }
        build(state, file, text_column.clone()).await
    };
    let index =
        state.indexes.try_get_with(version.clone(), load).await.map_err(|problem: Arc<Problem>| (*problem).clone())?;
    let text = index.columns().text.clone().or(text_column).unwrap_or_default();
    Ok(Dataset { version, index, text })
}

/// The index of a table that has none.
async fn build(state: &State, file: Uid, text_column: Option<String>) -> Result<Arc<Index>, Problem> {
    let bytes = StoredTable::find(&state.storage, file).await?;
    on_pool(&state.scans, move || {
        let table = Table::open(bytes).map_err(table_failed)?;
        let columns = Columns::find(table.columns(), text_column.as_deref());
        let mut index = IndexBuilder::new(columns.clone());
        scan(&table, &columns.names(), None, |batch| index.push(batch))?;
        Ok(Arc::new(index.finish()))
    })
    .await
}

/// The rows whose post contains the text, without regard to case.
pub async fn search(state: &State, dataset: &Dataset, text: &str) -> Result<Arc<RowSet>, Problem> {
    let bytes = StoredTable::find(&state.storage, dataset.version.file).await?;
    let (needle, column) = (text.to_lowercase(), dataset.text.clone());
    on_pool(&state.scans, move || {
        let table = Table::open(bytes).map_err(table_failed)?;
        if !table.columns().iter().any(|known| known.source == column) {
            let detail = "the dataset's text column is not known, so that nothing can be searched";
            return Err(Problem::field("/q", detail));
        }
        let (needle, mut found, mut row, mut folded) = (Finder::new(&needle), RowSet::default(), 0, String::new());
        scan(&table, &[&column], None, |batch| {
            let Some(cells) = batch.cells(&column) else { return };
            for place in 0..batch.rows() {
                fold(&cells.text(place), &mut folded);
                if needle.find(folded.as_bytes()).is_some() {
                    found.insert(row);
                }
                row += 1;
            }
        })?;
        Ok(Arc::new(found))
    })
    .await
}

/// Writes the text in lower case, sign by sign; most of what people write is ASCII, which takes many signs at once.
fn fold(text: &str, folded: &mut String) {
    folded.clear();
    let mut rest = text;
    while !rest.is_empty() {
        let (plain, other) = rest.split_at(rest.bytes().position(|byte| !byte.is_ascii()).unwrap_or(rest.len()));
        folded.push_str(plain);
        let mut signs = other.chars();
        folded.extend(signs.by_ref().take(1).flat_map(char::to_lowercase));
        rest = signs.as_str();
    }
    folded.make_ascii_lowercase();
}

/// What is shown of critical posts, in the asked order. They are much the same whatever is asked.
pub async fn critical(state: &State, dataset: &Dataset, asked: Vec<u64>) -> Result<Vec<PostRow>, Problem> {
    let mut found = HashMap::new();
    for row in &asked {
        found.extend(state.rows.get(&(dataset.version.clone(), *row)).await.map(|post| (*row, post)));
    }
    let missing: Vec<_> = asked.iter().copied().filter(|row| !found.contains_key(row)).collect();
    let columns = dataset.index.columns().clone();
    let shown = move |name: &str| {
        let own = [&columns.text, &columns.time, &columns.user, &columns.id];
        SHOWN.contains(&name) || own.into_iter().flatten().any(|own| own == name)
    };
    let read = rows(state, dataset.version.file, missing.clone(), shown).await?;
    for (row, post) in missing.into_iter().zip(read) {
        state.rows.insert((dataset.version.clone(), row), post.clone()).await;
        found.insert(row, post);
    }
    Ok(asked.iter().filter_map(|row| found.remove(row)).collect())
}

/// Rows of the table in the asked order, each cell as it is; of all columns, or of those that `keep` takes.
pub async fn rows(
    state: &State,
    file: Uid,
    rows: Vec<u64>,
    keep: impl Fn(&str) -> bool + Send + 'static,
) -> Result<Vec<PostRow>, Problem> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let bytes = StoredTable::find(&state.storage, file).await?;
    on_pool(&state.pieces, move || {
        let table = Table::open(bytes).map_err(table_failed)?;
        let sources = table.columns().iter().map(|column| column.source.as_str()).filter(|name| keep(name));
        let sources: Vec<_> = sources.collect();
        let names: Arc<[String]> = sources.iter().map(|name| (*name).to_owned()).collect();
        let mut sorted = rows.clone();
        sorted.sort_unstable();
        let mut found = Vec::with_capacity(rows.len());
        scan(&table, &sources, Some(&sorted), |batch| {
            let columns: Vec<_> = sources.iter().filter_map(|name| batch.cells(name)).collect();
            found.extend((0..batch.rows()).map(|row| PostRow {
                names: names.clone(),
                cells: columns.iter().map(|cells| cells.text(row).into_owned()).collect(),
            }));
        })?;
        if found.len() != rows.len() {
            // The table was replaced between the index and the rows.
            return Err(busy());
        }
        let mut found: Vec<_> = sorted.into_iter().zip(found).collect();
        let place = |row: u64| rows.iter().position(|asked| *asked == row);
        found.sort_by_key(|(row, _)| place(*row));
        Ok(found.into_iter().map(|(_, row)| row).collect())
    })
    .await
}

fn scan(
    table: &Table<StoredTable>,
    sources: &[&str],
    rows: Option<&[u64]>,
    mut each: impl FnMut(&TableBatch),
) -> Result<(), Problem> {
    let begun = Instant::now();
    let mut late = false;
    let read = table.scan(sources, rows, |batch| {
        each(batch);
        late = begun.elapsed() > LONGEST;
        if late { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    read.map_err(table_failed)?;
    if late { Err(busy()) } else { Ok(()) }
}

/// A row of the table: exact cells under the names of their columns, in the order of the file.
#[derive(Clone)]
pub struct PostRow {
    names: Arc<[String]>,
    cells: Arc<[String]>,
}

impl PostRow {
    /// Bytes that it takes in memory, about.
    pub fn size(&self) -> usize {
        self.names.iter().chain(&*self.cells).map(|text| text.len() + size_of::<String>()).sum()
    }
}

impl Serialize for PostRow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(Some(self.cells.len()))?;
        for (name, cell) in self.names.iter().zip(&*self.cells) {
            object.serialize_entry(name, cell)?;
        }
        object.end()
    }
}

/// A table in the object store, read by a thread of the blocking pool.
struct StoredTable {
    storage: Storage,
    key: Key,
    size: u64,
    runtime: Handle,
}

impl StoredTable {
    async fn find(storage: &Storage, file: Uid) -> Result<Self, Problem> {
        let key = Key::table(file, Stage::Analysed);
        let info = storage.head(&key).await.map_err(storage_failed)?.ok_or_else(not_analysed)?;
        Ok(Self { storage: storage.clone(), key, size: info.size, runtime: Handle::current() })
    }
}

impl TableBytes for StoredTable {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        let length = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
        let bytes = self.runtime.block_on(read(&self.storage, &self.key, Some(range))).map_err(io::Error::other)?;
        if bytes.len() == length { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

/// The bytes of an object, or of a part of it.
pub async fn read(storage: &Storage, key: &Key, range: Option<Range<u64>>) -> Result<Bytes, StorageError> {
    let mut reader = storage.reader(key, range).await?;
    let mut bytes = Vec::new();
    let read = reader.read_to_end(&mut bytes).await;
    read.map_err(|error| StorageError::new(StorageErrorKind::Unavailable, "read", key).because(error))?;
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn a_text_is_folded_as_each_of_its_signs_is() {
        let mut folded = "left over".to_owned();
        for text in ["", "NO Network", "Éa ÇA\u{130}Ǆ ß😡À", "É", "ΣΑΣ"] {
            fold(text, &mut folded);
            assert_eq!(folded, text.chars().flat_map(char::to_lowercase).collect::<String>());
        }
    }
}
