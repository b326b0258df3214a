use std::collections::HashSet;

use chrono::{DateTime, Utc};
use dallosh_primitives::{Limit, Uid};
use dallosh_service_kit::Scope;
use dallosh_store::{
    Collection, Document, Filter, Index, ListQuery, Store, StoreError, StoreErrorKind, Value, Versioned,
};
use serde::{Deserialize, Serialize};

use crate::{
    store::with,
    upload::{Metadata, Outcome, Part, Upload},
};

/// The form of the stored document.
const SCHEMA_VERSION: u32 = 1;

/// An upload as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct UploadDocument {
    schema_version: u32,
    owner: Uid,
    length: u64,
    metadata: String,
    parts: Vec<PartDocument>,
    outcome: Option<OutcomeDocument>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct PartDocument {
    id: Uid,
    size: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct OutcomeDocument {
    task: Option<Uid>,
}

impl Document for UploadDocument {
    const COLLECTION: &'static str = "uploads";
    const INDEXES: &'static [Index] =
        &[Index { fields: &["owner"], unique: false }, Index { fields: &["updatedAt"], unique: false }];
}

impl From<Upload> for UploadDocument {
    fn from(upload: Upload) -> Self {
        let Upload { owner, length, metadata, parts, outcome } = upload;
        Self {
            schema_version: SCHEMA_VERSION,
            owner,
            length,
            metadata: metadata.raw,
            parts: parts.into_iter().map(|Part { id, size }| PartDocument { id, size }).collect(),

            outcome: outcome.map(|Outcome { task }| OutcomeDocument { task }),
        }
    }
}

impl TryFrom<UploadDocument> for Upload {
    type Error = StoreError;

    fn try_from(document: UploadDocument) -> Result<Self, StoreError> {
        let corrupt = |reason: String| {
            StoreError::new(StoreErrorKind::Corrupt, "decode", UploadDocument::COLLECTION).because(reason)
        };
        let UploadDocument { schema_version, owner, length, metadata, parts, outcome } = document;
        if schema_version != SCHEMA_VERSION {
            return Err(corrupt(format!("schema version {schema_version} is not known")));
        }
        Ok(Self {
            owner,
            length,
            metadata: Metadata::parse(&metadata).map_err(|wrong| corrupt(wrong.to_owned()))?,
            parts: parts.into_iter().map(|PartDocument { id, size }| Part { id, size }).collect(),

            outcome: outcome.map(|OutcomeDocument { task }| Outcome { task }),
        })
    }
}

/// The stored uploads.
pub struct Uploads(Collection<UploadDocument>);

impl Uploads {
    pub async fn open(store: &Store) -> Result<Self, StoreError> {
        Ok(Self(store.collection().await?))
    }

    pub async fn insert(&self, upload: Upload, by: &str) -> Result<Versioned<Upload>, StoreError> {
        to_upload(self.0.insert(upload.into(), by).await?)
    }

    /// Finds an upload; one that `scope` does not cover is absent too.
    pub async fn find(&self, scope: Scope, uid: Uid) -> Result<Option<Versioned<Upload>>, StoreError> {
        let found = self.0.find(uid).await?.filter(|found| scope.covers(found.data.owner));
        found.map(to_upload).transpose()
    }

    /// Writes the upload over the revision that it was read as.
    ///
    /// # Errors
    /// `Stale` when somebody was faster.
    pub async fn replace(&self, upload: Versioned<Upload>, by: &str) -> Result<Versioned<Upload>, StoreError> {
        to_upload(self.0.replace(with(upload, UploadDocument::from), by).await?)
    }

    /// How many uploads of a user are not files yet, and how many bytes they will have.
    pub async fn usage(&self, owner: Uid) -> Result<(u64, u64), StoreError> {
        let theirs = Filter::eq("owner", owner).and(Filter::Eq("outcome", Value::Null));
        let (count, bytes) = (self.0.count(&theirs).await?, self.0.sum("length", &theirs).await?);
        Ok((count, u64::try_from(bytes).unwrap_or(0)))
    }

    /// Deletes an upload; `false` when there was none.
    pub async fn delete(&self, uid: Uid) -> Result<bool, StoreError> {
        self.0.delete(uid).await
    }

    /// Uploads that nobody touched since `before`; not all of them when there are many.
    pub async fn untouched(&self, before: DateTime<Utc>) -> Result<Vec<Uid>, StoreError> {
        let filter = Filter::Range("updatedAt", None, Some(before.into()));
        let query = ListQuery { limit: Limit::coerce(Some(i64::from(Limit::MAX))), ..ListQuery::newest(filter) };
        Ok(self.0.list(&query).await?.items.into_iter().map(|found| found.uid).collect())
    }

    /// Those of at most [`Limit::MAX`] ids that are uploads.
    pub async fn existing(&self, uids: &[Uid]) -> Result<HashSet<Uid>, StoreError> {
        Ok(self.0.find_many(uids).await?.into_iter().map(|found| found.uid).collect())
    }
}

fn to_upload(found: Versioned<UploadDocument>) -> Result<Versioned<Upload>, StoreError> {
    let data = Upload::try_from(found.data.clone())?;
    Ok(with(found, |_| data))
}
