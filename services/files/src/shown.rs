//! Files in the words of the API, each written once for each of its revisions: most of a list was shown before.

use std::sync::Arc;

use dallosh_contracts::{FileData, Links, ListOf, Resource};
use dallosh_primitives::{Page, Uid};
use dallosh_service_kit::Problem;
use dallosh_store::Versioned;
use moka::sync::Cache;

use crate::{error::Error, file::File, store::UnreadFile};

/// Bytes that are kept of what was written.
const KEPT: u64 = 8 << 20;
/// What every list begins with.
const HEAD: &str = r#"{"items":["#;

/// What was shown last.
pub struct Shown(Cache<Uid, Written>);

/// A file as JSON.
#[derive(Clone)]
struct Written {
    revision: i64,
    json: Arc<str>,
}

impl Default for Shown {
    fn default() -> Self {
        let bytes = |_: &Uid, written: &Written| u32::try_from(written.json.len()).unwrap_or(u32::MAX);
        Self(Cache::builder().weigher(bytes).max_capacity(KEPT).build())
    }
}

impl Shown {
    /// The JSON of a list of these files, as `view` shows them.
    ///
    /// # Errors
    /// When one of them can't be read.
    pub fn list(
        &self,
        page: Page<UnreadFile>,
        links: Links,
        view: fn(Versioned<File>) -> Resource<FileData>,
    ) -> Result<String, Problem> {
        let Page { items, next_cursor } = page;
        let items = items.into_iter().map(|file| self.one(file, view)).collect::<Result<Vec<_>, _>>()?;
        let frame = serde_json::to_string(&ListOf::<()> { items: Vec::new(), next_cursor, links });
        let frame = frame.map_err(Problem::internal)?;
        let mut list = String::with_capacity(frame.len() + items.iter().map(|item| item.len() + 1).sum::<usize>());
        list.push_str(HEAD);
        for (n, item) in items.iter().enumerate() {
            if n > 0 {
                list.push(',');
            }
            list.push_str(item);
        }
        list.push_str(frame.strip_prefix(HEAD).unwrap_or_default());
        Ok(list)
    }

    fn one(&self, file: UnreadFile, view: fn(Versioned<File>) -> Resource<FileData>) -> Result<Arc<str>, Problem> {
        let (uid, revision) = (file.uid(), file.revision());
        if let Some(known) = self.0.get(&uid).filter(|known| known.revision == revision) {
            return Ok(known.json);
        }
        let view = view(file.read().map_err(Error::from)?);
        let json: Arc<str> = serde_json::to_string(&view).map_err(Problem::internal)?.into();
        self.0.insert(uid, Written { revision, json: json.clone() });
        Ok(json)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use dallosh_dataset::Dialect;
    use dallosh_primitives::{Limit, SystemClock};
    use dallosh_service_kit::Scope;
    use dallosh_store::Store;

    use super::*;
    use crate::{
        file::FileName,
        routes::view,
        store::{Files, SORTS},
    };

    static VIEWED: AtomicUsize = AtomicUsize::new(0);

    fn counted(file: Versioned<File>) -> Resource<FileData> {
        VIEWED.fetch_add(1, Ordering::Relaxed);
        view(file)
    }

    fn file(owner: Uid, name: &str) -> File {
        File {
            owner,
            filename: FileName::clean(name).unwrap(),
            size: 1,
            sha256: "ab".to_owned(),
            dialect: Dialect::ours(),
            columns: vec!["id".to_owned(), "a \"quoted\" one".to_owned()],
            row_count: 3,
            rejected_rows: 0,
            text_column: None,
            warnings: Vec::new(),
        }
    }

    #[tokio::test]
    async fn a_list_is_json_of_its_files_and_each_revision_of_one_is_written_once() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("test.db").display());
        let files = Files::open(&Store::open(&url, Arc::new(SystemClock)).await.unwrap()).await.unwrap();
        let (owner, shown, links) = (Uid::new(), Shown::default(), Links::from([("self".to_owned(), "/".to_owned())]));
        let list = async |limit: i64| {
            let limit = Limit::coerce(Some(limit));
            let page = files.list(Scope::Owner(owner), None, SORTS[0].1, limit, None).await.unwrap();
            let next_cursor = page.next_cursor.clone();
            let list: ListOf<Resource<FileData>> =
                serde_json::from_str(&shown.list(page, links.clone(), counted).unwrap()).unwrap();
            (list, next_cursor, VIEWED.swap(0, Ordering::Relaxed))
        };
        let of = |items: Vec<&Versioned<File>>, next_cursor| ListOf {
            items: items.into_iter().cloned().map(view).collect(),
            next_cursor,
            links: links.clone(),
        };

        let (none, _, viewed) = list(50).await;
        assert_eq!((none, viewed), (of(vec![], None), 0));
        let first = files.insert(Uid::new(), file(owner, "first.csv"), "me").await.unwrap();
        let second = files.insert(Uid::new(), file(owner, "second.csv"), "me").await.unwrap();
        let (both, _, viewed) = list(50).await;
        assert_eq!((both, viewed), (of(vec![&second, &first], None), 2));
        let (newer, next_cursor, viewed) = list(1).await;
        assert!(next_cursor.is_some());
        assert_eq!((newer, viewed), (of(vec![&second], next_cursor), 0), "it was written before");

        let renamed = Versioned { data: file(owner, "renamed.csv"), ..first };
        let renamed = files.replace(renamed, "me").await.unwrap();
        let (changed, _, viewed) = list(50).await;
        assert_eq!((changed, viewed), (of(vec![&second, &renamed], None), 1));
    }
}
