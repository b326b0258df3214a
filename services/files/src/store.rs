//! The collection `files`, which this service alone writes.

use std::collections::HashSet;

use dallosh_contracts::Dialect as WireDialect;
use dallosh_dataset::Dialect;
use dallosh_primitives::{Limit, Page, Uid};
use dallosh_service_kit::Scope;
use dallosh_store::{
    Collection, Document, Filter, Index, ListQuery, Sort, Store, StoreError, StoreErrorKind, Unread, Versioned,
};
use serde::{Deserialize, Serialize};

use crate::{
    error::Error,
    file::{File, FileName},
};

/// The form of the stored document.
const SCHEMA_VERSION: u32 = 1;

/// A file as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct FileDocument {
    schema_version: u32,
    owner: Uid,
    filename: String,
    size: u64,
    sha256: String,
    dialect: WireDialect,
    columns: Vec<String>,
    row_count: u64,
    rejected_rows: u64,
    text_column: Option<String>,
    warnings: Vec<String>,
}

impl Document for FileDocument {
    const COLLECTION: &'static str = "files";
    const INDEXES: &'static [Index] =
        &[Index { fields: &["owner", "createdAt"], unique: false }, Index { fields: &["createdAt"], unique: false }];
}

impl From<File> for FileDocument {
    fn from(file: File) -> Self {
        let File { owner, filename, size, sha256, dialect, columns, row_count, rejected_rows, text_column, warnings } =
            file;
        Self {
            schema_version: SCHEMA_VERSION,
            owner,
            filename: filename.as_str().to_owned(),
            size,
            sha256,
            dialect: to_wire(&dialect),
            columns,
            row_count,
            rejected_rows,
            text_column,
            warnings,
        }
    }
}

impl TryFrom<FileDocument> for File {
    type Error = StoreError;

    fn try_from(document: FileDocument) -> Result<Self, StoreError> {
        let corrupt = |reason: String| {
            StoreError::new(StoreErrorKind::Corrupt, "decode", FileDocument::COLLECTION).because(reason)
        };
        let FileDocument {
            schema_version,
            owner,
            filename,
            size,
            sha256,
            dialect,
            columns,
            row_count,
            rejected_rows,
            text_column,
            warnings,
        } = document;
        if schema_version != SCHEMA_VERSION {
            return Err(corrupt(format!("schema version {schema_version} is not known")));
        }
        Ok(Self {
            owner,
            filename: FileName::clean(&filename).unwrap_or_else(FileName::nameless),
            size,
            sha256,
            dialect: from_wire(&dialect).map_err(|what| corrupt(format!("the dialect has {what}")))?,
            columns,
            row_count,
            rejected_rows,
            text_column,
            warnings,
        })
    }
}

/// A dialect in the words of the contract; a byte order mark is skipped by readers, whether it was announced or not.
pub fn to_wire(dialect: &Dialect) -> WireDialect {
    let Dialect { encoding, bom: _, delimiter, quote, has_header } = dialect;
    WireDialect {
        encoding: encoding.to_string(),
        delimiter: delimiter.to_string(),
        quote: quote.to_string(),
        has_header: *has_header,
    }
}

/// A dialect out of the words of the contract; fails with what is wrong.
pub fn from_wire(dialect: &WireDialect) -> Result<Dialect, &'static str> {
    let WireDialect { encoding, delimiter, quote, has_header } = dialect;
    Ok(Dialect {
        encoding: encoding.parse().map_err(|_| "an encoding other than utf-8, windows-1252, utf-16le or utf-16be")?,
        bom: false,
        delimiter: one_of(delimiter, &[',', ';', '\t', '|']).ok_or("a delimiter other than `,`, `;`, tab or `|`")?,
        quote: one_of(quote, &['"', '\'']).ok_or("a quote other than `\"` or `'`")?,
        has_header: *has_header,
    })
}

fn one_of(text: &str, allowed: &[char]) -> Option<char> {
    let mut signs = text.chars();
    let sign = signs.next().filter(|sign| allowed.contains(sign))?;
    signs.next().is_none().then_some(sign)
}

/// The orders in which files are listed.
pub const SORTS: [(&str, Sort); 6] = [
    ("-createdAt", Sort::descending("createdAt")),
    ("createdAt", Sort::ascending("createdAt")),
    ("filename", Sort::ascending("filename")),
    ("-filename", Sort::descending("filename")),
    ("size", Sort::ascending("size")),
    ("-size", Sort::descending("size")),
];

/// A file as it was found, which nobody has parsed yet.
pub struct UnreadFile(Unread<FileDocument>);

impl UnreadFile {
    /// Its id.
    pub fn uid(&self) -> Uid {
        self.0.uid()
    }

    /// The number of its writes.
    pub fn revision(&self) -> i64 {
        self.0.revision()
    }

    /// What it says.
    pub fn read(self) -> Result<Versioned<File>, StoreError> {
        to_file(self.0.read()?)
    }
}

/// The stored files.
pub struct Files(Collection<FileDocument>);

impl Files {
    pub async fn open(store: &Store) -> Result<Self, StoreError> {
        Ok(Self(store.collection().await?))
    }

    /// Finds a file; one that `scope` does not cover is absent too.
    pub async fn find(&self, scope: Scope, uid: Uid) -> Result<Option<Versioned<File>>, StoreError> {
        let found = self.0.find(uid).await?.filter(|found| scope.covers(found.data.owner));
        found.map(to_file).transpose()
    }

    /// The file, which has to be there.
    pub async fn get(&self, scope: Scope, uid: Uid) -> Result<Versioned<File>, Error> {
        self.find(scope, uid).await?.ok_or(Error::NotFound)
    }

    /// Lists one page of what `scope` covers.
    pub async fn list(
        &self,
        scope: Scope,
        search: Option<String>,
        sort: Sort,
        limit: Limit,
        cursor: Option<String>,
    ) -> Result<Page<UnreadFile>, StoreError> {
        let mut filter = match scope {
            Scope::All => Filter::All,
            Scope::Owner(owner) => Filter::eq("owner", owner),
        };
        if let Some(text) = search.filter(|text| !text.is_empty()) {
            filter = filter.and(Filter::Text(&["filename"], text));
        }
        Ok(self.0.list_unread(&ListQuery { filter, sort, limit, cursor }).await?.map(UnreadFile))
    }

    /// Inserts a new file. When the answer of the database was lost, what it holds decides.
    pub async fn insert(&self, uid: Uid, file: File, by: &str) -> Result<Versioned<File>, StoreError> {
        match self.0.insert_as(uid, file.into(), by).await {
            Ok(inserted) => to_file(inserted),
            Err(error) => match self.0.find(uid).await {
                Ok(Some(inserted)) => to_file(inserted),
                _ => Err(error),
            },
        }
    }

    /// Writes the file over the revision that it was read as.
    ///
    /// # Errors
    /// `Stale` when somebody was faster.
    pub async fn replace(&self, file: Versioned<File>, by: &str) -> Result<Versioned<File>, StoreError> {
        to_file(self.0.replace(with(file, FileDocument::from), by).await?)
    }

    /// How many files a user has, and their bytes.
    pub async fn usage(&self, owner: Uid) -> Result<(u64, u64), StoreError> {
        let theirs = Filter::eq("owner", owner);
        let (count, bytes) = (self.0.count(&theirs).await?, self.0.sum("size", &theirs).await?);
        Ok((count, u64::try_from(bytes).unwrap_or(0)))
    }

    /// Deletes a file; `false` when there was none.
    pub async fn delete(&self, uid: Uid) -> Result<bool, StoreError> {
        self.0.delete(uid).await
    }

    /// Those of at most [`Limit::MAX`] ids that are files.
    pub async fn existing(&self, uids: &[Uid]) -> Result<HashSet<Uid>, StoreError> {
        let query = ListQuery {
            limit: Limit::coerce(Some(i64::from(Limit::MAX))),
            ..ListQuery::newest(Filter::any("uid", uids.iter().copied()))
        };
        Ok(self.0.list(&query).await?.items.into_iter().map(|found| found.uid).collect())
    }
}

fn to_file(found: Versioned<FileDocument>) -> Result<Versioned<File>, StoreError> {
    let Versioned { uid, data, created_at, created_by, updated_at, updated_by, revision } = found;
    Ok(Versioned { uid, data: data.try_into()?, created_at, created_by, updated_at, updated_by, revision })
}

/// The same envelope around something else.
pub fn with<T, U>(versioned: Versioned<T>, turn: impl FnOnce(T) -> U) -> Versioned<U> {
    let Versioned { uid, data, created_at, created_by, updated_at, updated_by, revision } = versioned;
    Versioned { uid, data: turn(data), created_at, created_by, updated_at, updated_by, revision }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_of_version_1_is_read_as_it_was_written() {
        let stored = json!({
            "schema_version": 1,
            "owner": "019e5f6e-1f0b-7cc2-9d2e-0a4d3a1f2b3c",
            "filename": "posts.csv",
            "size": 12345,
            "sha256": "ab",
            "dialect": {"encoding": "windows-1252", "delimiter": "\t", "quote": "\"", "has_header": true},
            "columns": ["id", "full_text"],
            "row_count": 10,
            "rejected_rows": 1,
            "text_column": "full_text",
            "warnings": ["1 rows can't be read"],
        });
        let document: FileDocument = serde_json::from_value(stored.clone()).unwrap();
        let file = File::try_from(document).unwrap();
        assert_eq!(file.dialect.delimiter, '\t');
        assert_eq!(serde_json::to_value(FileDocument::from(file)).unwrap(), stored);
    }

    #[test]
    fn a_document_of_a_version_to_come_is_not_guessed_at() {
        let file = File {
            owner: Uid::new(),
            filename: FileName::nameless(),
            size: 0,
            sha256: String::new(),
            dialect: Dialect::ours(),
            columns: Vec::new(),
            row_count: 0,
            rejected_rows: 0,
            text_column: None,
            warnings: Vec::new(),
        };
        let document = FileDocument { schema_version: 2, ..FileDocument::from(file) };
        assert_eq!(File::try_from(document).unwrap_err().kind, StoreErrorKind::Corrupt);
    }
}
