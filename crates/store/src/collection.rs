use std::{collections::HashSet, marker::PhantomData, sync::Arc, time::Duration};

use dallosh_primitives::{Clock, Page, Uid};

use crate::{
    Backend, Document, Filter, ListQuery, RawDocument, Sort, StoreError, StoreErrorKind, Value, Versioned,
    backend::{Data, Position, misfit},
};

/// How often a change is tried again when other writers come first.
const ATTEMPTS: u32 = 40;

/// Documents in one call to the database.
const MANY: usize = 500;

/// The documents of one type.
pub struct Collection<T> {
    backend: Arc<dyn Backend>,
    clock: Arc<dyn Clock>,
    document: PhantomData<fn() -> T>,
}

impl<T> Clone for Collection<T> {
    fn clone(&self) -> Self {
        Self { backend: self.backend.clone(), clock: self.clock.clone(), document: PhantomData }
    }
}

/// What [`Collection::modify`] came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Modified<T, E> {
    /// The change was written; this is the document after it.
    Written(Versioned<T>),
    /// The closure refused the change; nothing was written.
    Refused(E),
    /// There is no such document.
    Absent,
}

impl<T: Document> Collection<T> {
    pub(crate) fn new(backend: Arc<dyn Backend>, clock: Arc<dyn Clock>) -> Self {
        Self { backend, clock, document: PhantomData }
    }

    /// Finds a document.
    pub async fn find(&self, uid: Uid) -> Result<Option<Versioned<T>>, StoreError> {
        self.backend.find(T::COLLECTION, uid).await?.map(decode).transpose()
    }

    /// Inserts a new document under a new id.
    pub async fn insert(&self, data: T, by: impl Into<String>) -> Result<Versioned<T>, StoreError> {
        self.insert_as(Uid::new(), data, by).await
    }

    /// Inserts a new document under the given id.
    ///
    /// # Errors
    /// `Duplicate` when the id or a unique field is taken.
    pub async fn insert_as(&self, uid: Uid, data: T, by: impl Into<String>) -> Result<Versioned<T>, StoreError> {
        let document = Versioned::new(uid, data, by, self.clock.now());
        self.backend.insert(T::COLLECTION, encode(&document)?).await?;
        Ok(document)
    }

    /// Inserts those of `documents` whose id and unique fields are free; the ids of those that were inserted.
    ///
    /// # Errors
    /// When the database fails; some may have been inserted then, and the same call can be made again.
    pub async fn insert_many(&self, documents: Vec<(Uid, T)>, by: &str) -> Result<HashSet<Uid>, StoreError> {
        let now = self.clock.now();
        let mut inserted = HashSet::new();
        let mut documents = documents.into_iter().map(|(uid, data)| encode(&Versioned::new(uid, data, by, now)));
        loop {
            let part = documents.by_ref().take(MANY).collect::<Result<Vec<_>, _>>()?;
            if part.is_empty() {
                return Ok(inserted);
            }
            inserted.extend(self.backend.insert_many(T::COLLECTION, part).await?);
        }
    }

    /// Finds those of the documents that there are, in no order.
    pub async fn find_many(&self, uids: &[Uid]) -> Result<Vec<Versioned<T>>, StoreError> {
        let mut all = Vec::new();
        for part in uids.chunks(MANY) {
            let filter = Filter::any("uid", part.iter().copied());
            let found = self.backend.list(T::COLLECTION, &filter, Sort::ascending("uid"), None, part.len()).await?;
            for raw in found {
                all.push(decode(raw)?);
            }
        }
        Ok(all)
    }

    /// Writes `document` over the revision that it was read as; gives it back with its new revision.
    ///
    /// # Errors
    /// `Stale` when the stored one is no longer that revision.
    pub async fn replace(&self, document: Versioned<T>, by: impl Into<String>) -> Result<Versioned<T>, StoreError> {
        let next = Versioned {
            revision: document.revision.saturating_add(1),
            updated_at: self.clock.now(),
            updated_by: by.into(),
            ..document
        };
        self.backend.replace(T::COLLECTION, encode(&next)?).await?;
        Ok(next)
    }

    /// Reads, changes and writes a document; begins again when another writer came first. The closure may run several
    /// times; what it refuses is not written.
    pub async fn modify<E>(
        &self,
        uid: Uid,
        by: &str,
        mut change: impl FnMut(&mut Versioned<T>) -> Result<(), E>,
    ) -> Result<Modified<T, E>, StoreError> {
        let mut attempt = 1;
        loop {
            let Some(mut document) = self.find(uid).await? else {
                return Ok(Modified::Absent);
            };
            if let Err(refusal) = change(&mut document) {
                return Ok(Modified::Refused(refusal));
            }
            match self.replace(document, by).await {
                Err(error) if error.kind == StoreErrorKind::Stale && attempt < ATTEMPTS => {
                    tokio::time::sleep(pause(attempt)).await;
                    attempt += 1;
                }
                written => return written.map(Modified::Written),
            }
        }
    }

    /// Deletes a document; `false` when there was none.
    pub async fn delete(&self, uid: Uid) -> Result<bool, StoreError> {
        self.backend.delete(T::COLLECTION, uid).await
    }

    /// Deletes what matches; says how many.
    pub async fn delete_many(&self, filter: &Filter) -> Result<u64, StoreError> {
        self.backend.delete_many(T::COLLECTION, filter).await
    }

    /// Counts what matches.
    pub async fn count(&self, filter: &Filter) -> Result<u64, StoreError> {
        self.backend.count(T::COLLECTION, filter).await
    }

    /// Adds up a field of whole numbers over what matches; a document that lacks it counts nothing.
    pub async fn sum(&self, field: &'static str, filter: &Filter) -> Result<i64, StoreError> {
        self.backend.sum(T::COLLECTION, field, filter).await
    }

    /// Lists one page.
    ///
    /// # Errors
    /// `BadCursor` when the cursor was not made by a list of this collection in this order.
    pub async fn list(&self, query: &ListQuery) -> Result<Page<Versioned<T>>, StoreError> {
        let Page { items, next_cursor } = self.list_unread(query).await?;
        Ok(Page { items: items.into_iter().map(Unread::read).collect::<Result<_, _>>()?, next_cursor })
    }

    /// Lists one page, for a caller who may know some of its documents already.
    ///
    /// # Errors
    /// Those of [`Collection::list`].
    pub async fn list_unread(&self, query: &ListQuery) -> Result<Page<Unread<T>>, StoreError> {
        let bad_cursor = || StoreError::new(StoreErrorKind::BadCursor, "list", T::COLLECTION);
        let after = match &query.cursor {
            Some(text) => Some(cursor::read(text, T::COLLECTION, query.sort).ok_or_else(bad_cursor)?),
            None => None,
        };
        let limit = query.limit.get();
        let mut found =
            self.backend.list(T::COLLECTION, &query.filter, query.sort, after, limit.saturating_add(1)).await?;
        let more = found.len() > limit;
        found.truncate(limit);
        let next_cursor = match found.last() {
            Some(last) if more => {
                Some(cursor::write(&position_of::<T>(last, query.sort.field)?, T::COLLECTION, query.sort))
            }
            _ => None,
        };
        Ok(Page { items: found.into_iter().map(Unread::new).collect(), next_cursor })
    }

    /// The first document that matches, in the order of the query.
    pub async fn first(&self, query: &ListQuery) -> Result<Option<Versioned<T>>, StoreError> {
        let found = self.backend.list(T::COLLECTION, &query.filter, query.sort, None, 1).await?;
        found.into_iter().next().map(decode).transpose()
    }
}

/// A document as it was found, which nobody has parsed yet.
pub struct Unread<T> {
    raw: RawDocument,
    document: PhantomData<fn() -> T>,
}

impl<T: Document> Unread<T> {
    fn new(raw: RawDocument) -> Self {
        Self { raw, document: PhantomData }
    }

    /// Its id.
    pub fn uid(&self) -> Uid {
        self.raw.uid
    }

    /// The number of its writes.
    pub fn revision(&self) -> i64 {
        self.raw.revision
    }

    /// What it says.
    ///
    /// # Errors
    /// `Corrupt` when it is another document.
    pub fn read(self) -> Result<Versioned<T>, StoreError> {
        decode(self.raw)
    }
}

/// A random part of a time that doubles with each attempt, so that writers of one document come apart.
fn pause(attempt: u32) -> Duration {
    Duration::from_micros(fastrand::u64(..4_000_u64.saturating_mul(1 << attempt.min(7))))
}

fn encode<T: Document>(document: &Versioned<T>) -> Result<RawDocument, StoreError> {
    let Versioned { uid, data, created_at, created_by, updated_at, updated_by, revision } = document;
    let data = serde_json::to_value(data)
        .map_err(|error| StoreError::new(StoreErrorKind::Corrupt, "encode", T::COLLECTION).because(error))?;
    if let Some(reason) = misfit(&data) {
        return Err(StoreError::new(StoreErrorKind::Corrupt, "encode", T::COLLECTION).because(reason));
    }
    Ok(RawDocument {
        uid: *uid,
        data: Data::Value(data),
        created_at: *created_at,
        created_by: created_by.clone(),
        updated_at: *updated_at,
        updated_by: updated_by.clone(),
        revision: *revision,
    })
}

fn decode<T: Document>(raw: RawDocument) -> Result<Versioned<T>, StoreError> {
    let RawDocument { uid, data, created_at, created_by, updated_at, updated_by, revision } = raw;
    let data = data
        .into_document()
        .map_err(|error| StoreError::new(StoreErrorKind::Corrupt, "decode", T::COLLECTION).because(error))?;
    Ok(Versioned { uid, data, created_at, created_by, updated_at, updated_by, revision })
}

/// # Errors
/// `Corrupt` when the sort field is something that has no order on every backend.
fn position_of<T: Document>(document: &RawDocument, field: &str) -> Result<Position, StoreError> {
    use serde_json::Value as Json;
    let value = match field {
        "uid" => document.uid.into(),
        "createdAt" => document.created_at.into(),
        "updatedAt" => document.updated_at.into(),
        "createdBy" => document.created_by.as_str().into(),
        "updatedBy" => document.updated_by.as_str().into(),
        path => {
            let corrupt = || StoreError::new(StoreErrorKind::Corrupt, "list", T::COLLECTION);
            let data = document.data.value().map_err(|error| corrupt().because(error))?;
            match path.split('.').try_fold(data.as_ref(), |at, name| at.get(name)) {
                None | Some(Json::Null) => Value::Null,
                Some(Json::String(text)) => text.as_str().into(),
                Some(Json::Bool(flag)) => (*flag).into(),
                Some(Json::Number(number)) if number.is_i64() => number.as_i64().map_or(Value::Null, Value::Integer),
                Some(_) => {
                    return Err(corrupt().because("the sort field is neither text, a whole number nor a boolean"));
                }
            }
        }
    };
    Ok(Position { value, uid: document.uid })
}

/// The text of a [`Position`]: hexadecimal, so that it passes a URL unchanged and nobody is tempted to write one.
mod cursor {
    use chrono::DateTime;
    use dallosh_primitives::Uid;

    use crate::{
        Sort, Value,
        backend::{Position, is_descending, time_text},
    };

    pub fn write(position: &Position, collection: &str, sort: Sort) -> String {
        let (kind, value) = match &position.value {
            Value::Text(text) => ("t", text.clone()),
            Value::Integer(number) => ("i", number.to_string()),
            Value::Boolean(flag) => ("b", flag.to_string()),
            Value::Null => ("n", String::new()),
        };
        let text = [collection, sort.field, direction(sort), kind, &position.uid.to_string(), &value].join("\n");
        let digits = text.bytes().flat_map(|byte| [byte >> 4, byte & 15]);
        digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
    }

    pub fn read(text: &str, collection: &str, sort: Sort) -> Option<Position> {
        let digits = text.chars().map(|digit| u8::try_from(digit.to_digit(16)?).ok()).collect::<Option<Vec<u8>>>()?;
        let bytes = digits.chunks(2).map(|pair| if let [high, low] = pair { Some(high << 4 | low) } else { None });
        let text = String::from_utf8(bytes.collect::<Option<Vec<u8>>>()?).ok()?;
        let mut parts = text.splitn(6, '\n');
        if parts.next()? != collection || parts.next()? != sort.field || parts.next()? != direction(sort) {
            return None;
        }
        let (kind, uid, value) = (parts.next()?, parts.next()?, parts.next()?);
        let uid: Uid = uid.parse().ok()?;
        let value = match kind {
            "t" => Value::Text(value.to_owned()),
            "i" => Value::Integer(value.parse().ok()?),
            "b" => Value::Boolean(value.parse().ok()?),
            "n" if value.is_empty() => Value::Null,
            _ => return None,
        };
        let fits = match (sort.field, &value) {
            ("uid", value) => *value == Value::from(uid),
            ("createdAt" | "updatedAt", Value::Text(at)) => {
                at.parse::<DateTime<_>>().is_ok_and(|time| time_text(time) == *at)
            }
            ("createdBy" | "updatedBy", value) => matches!(value, Value::Text(_)),
            ("createdAt" | "updatedAt", _) => false,
            _ => true,
        };
        fits.then_some(Position { value, uid })
    }

    fn direction(sort: Sort) -> &'static str {
        if is_descending(sort) { "d" } else { "a" }
    }
}
