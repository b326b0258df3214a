//! `MongoDB`, through the official driver.
//!
//! A driver future is never dropped half-way: each runs in its own task, and what gives up waiting is the caller. A
//! write whose answer got lost is settled by reading the document again.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ::mongodb::{
    Client, IndexModel,
    bson::{self, Bson, Document, doc},
    error::{ErrorKind, WriteFailure},
    options::{
        Acknowledgment, ClientOptions, IndexOptions, ReadConcern, ReadPreference, SelectionCriteria, WriteConcern,
    },
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use dallosh_primitives::Uid;
use futures::TryStreamExt;
use tokio::{task::JoinError, time::timeout};

use crate::{
    Backend, Data, Filter, Index, RawDocument, Sort, StoreError, StoreErrorKind, Value,
    backend::{BadName, Position, checked, is_descending, prefix_end, time_text},
};

/// The database when the URL names none.
const DATABASE: &str = "dallosh_analysis";
/// How long a server is looked for, and a connection tried.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a call may take.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the read that settles a write may take.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(2);
/// How many connections a process keeps, unless the URL says so.
const CONNECTIONS: u32 = 32;

/// A database on a server or a replica set.
pub struct MongoBackend {
    client: Client,
    database: String,
    /// The fields of each collection's unique indexes.
    unique: Mutex<HashMap<&'static str, Arc<[&'static str]>>>,
}

impl MongoBackend {
    /// Reads the URL; the server is asked by the first call.
    ///
    /// # Errors
    /// `Corrupt` when the URL is not one.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let corrupt = |error: ::mongodb::error::Error| {
            StoreError::new(StoreErrorKind::Corrupt, "open", "database").because(error)
        };
        let mut options = ClientOptions::parse(url).await.map_err(corrupt)?;
        options.app_name = Some("dallosh".to_owned());
        options.server_selection_timeout = Some(CONNECT_TIMEOUT);
        options.connect_timeout = Some(CONNECT_TIMEOUT);
        options.max_pool_size = options.max_pool_size.or(Some(CONNECTIONS));
        options.write_concern = Some(WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build());
        options.read_concern = Some(ReadConcern::majority());
        options.selection_criteria = Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
        let database = options.default_database.clone().unwrap_or_else(|| DATABASE.to_owned());
        let client = Client::with_options(options).map_err(corrupt)?;
        Ok(Self { client, database, unique: Mutex::default() })
    }

    fn documents(&self, collection: &'static str) -> Result<::mongodb::Collection<Document>, BadName> {
        Ok(self.client.database(&self.database).collection(checked(collection)?))
    }

    fn unique(&self, collection: &'static str) -> Arc<[&'static str]> {
        let unique = self.unique.lock().unwrap_or_else(PoisonError::into_inner);
        unique.get(collection).cloned().unwrap_or_default()
    }

    async fn read_one(
        &self,
        collection: &'static str,
        uid: Uid,
        patience: Duration,
    ) -> Result<Option<RawDocument>, Failure> {
        let documents = self.documents(collection)?;
        let id = uid.to_string();
        let found = run(patience, async move { documents.find_one(doc! { "_id": id }).max_time(patience).await });
        Ok(found.await?.map(decode).transpose()?)
    }

    async fn delete_matching(&self, collection: &'static str, filter: &Filter) -> Result<u64, Failure> {
        let (documents, filter) = (self.documents(collection)?, condition(filter)?);
        Ok(run(OPERATION_TIMEOUT, async move { documents.delete_many(filter).await }).await?.deleted_count)
    }

    async fn matching(
        &self,
        collection: &'static str,
        filter: &Filter,
        sort: Sort,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<RawDocument>, Failure> {
        let documents = self.documents(collection)?;
        let (key, descending) = (key(sort.field)?, is_descending(sort));
        let mut conditions = vec![condition(filter)?];
        if let Some(position) = after {
            conditions.push(later(&key, position, descending));
        }
        let direction = if descending { -1 } else { 1 };
        let mut order = doc! { key: direction };
        order.insert(TIE, direction);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let found = run(OPERATION_TIMEOUT, async move {
            let found = documents.find(all(conditions)).sort(order).limit(limit).max_time(OPERATION_TIMEOUT).await?;
            found.try_collect::<Vec<_>>().await
        });
        Ok(found.await?.into_iter().map(decode).collect::<Result<_, _>>()?)
    }

    async fn count_matching(&self, collection: &'static str, filter: &Filter) -> Result<u64, Failure> {
        let (documents, filter) = (self.documents(collection)?, condition(filter)?);
        run(OPERATION_TIMEOUT, async move { documents.count_documents(filter).max_time(OPERATION_TIMEOUT).await }).await
    }

    async fn sum_matching(
        &self,
        collection: &'static str,
        field: &'static str,
        filter: &Filter,
    ) -> Result<i64, Failure> {
        let (documents, filter) = (self.documents(collection)?, condition(filter)?);
        let field = format!("${}", key(field)?);
        let stages = [doc! { "$match": filter }, doc! { "$group": { "_id": null, "sum": { "$sum": field } } }];
        let added = run(OPERATION_TIMEOUT, async move {
            documents.aggregate(stages).max_time(OPERATION_TIMEOUT).await?.try_next().await
        });
        Ok(match added.await?.as_ref().and_then(|document| document.get("sum")) {
            Some(Bson::Int64(sum)) => *sum,
            Some(Bson::Int32(sum)) => i64::from(*sum),
            _ => 0,
        })
    }

    async fn create_indexes(&self, collection: &'static str, indexes: &[Index]) -> Result<(), Failure> {
        let documents = self.documents(collection)?;
        let models = indexes.iter().map(index_model).collect::<Result<Vec<_>, _>>()?;
        if models.is_empty() {
            return Ok(());
        }
        run(OPERATION_TIMEOUT, async move { documents.create_indexes(models).await.map(drop) }).await
    }
}

/// Runs a driver future to its end in a task, and waits for it no longer than `patience`.
async fn run<T: Send + 'static>(
    patience: Duration,
    work: impl Future<Output = ::mongodb::error::Result<T>> + Send + 'static,
) -> Result<T, Failure> {
    Ok(timeout(patience, tokio::spawn(work)).await.map_err(|_| Failure::Late)???)
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("no answer in time")]
    Late,
    #[error(transparent)]
    Stopped(#[from] JoinError),
    #[error(transparent)]
    Driver(#[from] ::mongodb::error::Error),
    #[error(transparent)]
    Foreign(#[from] Foreign),
    #[error(transparent)]
    Name(#[from] BadName),
}

impl Failure {
    fn kind(&self) -> StoreErrorKind {
        let Self::Driver(error) = self else {
            return match self {
                Self::Late | Self::Stopped(_) => StoreErrorKind::Unavailable,
                _ => StoreErrorKind::Corrupt,
            };
        };
        let code = match error.kind.as_ref() {
            ErrorKind::Write(WriteFailure::WriteError(error)) => error.code,
            ErrorKind::Command(error) => error.code,
            ErrorKind::InvalidArgument { .. }
            | ErrorKind::BsonSerialization(_)
            | ErrorKind::BsonDeserialization(_)
            | ErrorKind::InvalidResponse { .. }
            | ErrorKind::IncompatibleServer { .. } => return StoreErrorKind::Corrupt,
            _ => return StoreErrorKind::Unavailable,
        };
        match code {
            // DuplicateKey, now and in old servers.
            11000 | 11001 | 12582 => StoreErrorKind::Duplicate,
            // OutOfDiskSpace.
            14031 => StoreErrorKind::Full,
            // BadValue, FailedToParse, TypeMismatch, Overflow, CannotCreateIndex, IndexOptionsConflict,
            // IndexKeySpecsConflict, DocumentValidationFailure, BSONObjectTooLarge, and its old numbers.
            2 | 9 | 14 | 15 | 67 | 85 | 86 | 121 | 10334 | 17419 | 17420 => StoreErrorKind::Corrupt,
            _ => StoreErrorKind::Unavailable,
        }
    }

    /// The places of the documents that were not inserted because something of theirs was taken, when that is all that
    /// went wrong.
    fn taken(&self) -> Option<HashSet<usize>> {
        let Self::Driver(error) = self else { return None };
        let ErrorKind::InsertMany(error) = error.kind.as_ref() else { return None };
        if error.write_concern_error.is_some() {
            return None;
        }
        let errors = error.write_errors.as_ref()?;
        errors.iter().map(|error| matches!(error.code, 11000 | 11001 | 12582).then_some(error.index)).collect()
    }

    /// Whether a write that ended so may have been done.
    fn is_ambiguous(&self) -> bool {
        match self {
            Self::Driver(error) if matches!(error.kind.as_ref(), ErrorKind::ServerSelection { .. }) => false,
            _ => self.kind() == StoreErrorKind::Unavailable,
        }
    }

    fn at(self, operation: &'static str, collection: &'static str) -> StoreError {
        StoreError::new(self.kind(), operation, collection).because(self)
    }
}

#[async_trait]
impl Backend for MongoBackend {
    async fn prepare(&self, collection: &'static str, indexes: &[Index]) -> Result<(), StoreError> {
        self.create_indexes(collection, indexes).await.map_err(|failure| failure.at("prepare", collection))?;
        let unique = indexes.iter().filter(|index| index.unique).flat_map(|index| index.fields).copied().collect();
        self.unique.lock().unwrap_or_else(PoisonError::into_inner).insert(collection, unique);
        Ok(())
    }

    async fn find(&self, collection: &'static str, uid: Uid) -> Result<Option<RawDocument>, StoreError> {
        self.read_one(collection, uid, OPERATION_TIMEOUT).await.map_err(|failure| failure.at("find", collection))
    }

    async fn insert(&self, collection: &'static str, document: RawDocument) -> Result<(), StoreError> {
        let documents = self.documents(collection).map_err(|bad| bad.at("insert", collection))?;
        let stored =
            encode(&document, &self.unique(collection)).map_err(|bad| Failure::from(bad).at("insert", collection))?;
        let insert = {
            let stored = stored.clone();
            async move { documents.insert_one(stored).await.map(drop) }
        };
        let Err(failure) = run(OPERATION_TIMEOUT, insert).await else { return Ok(()) };
        if failure.is_ambiguous() {
            match self.read_one(collection, document.uid, SETTLE_TIMEOUT).await {
                Ok(Some(found)) if decode(stored).is_ok_and(|ours| ours == found) => return Ok(()),
                Ok(Some(_)) => return Err(StoreError::new(StoreErrorKind::Duplicate, "insert", collection)),
                Ok(None) | Err(_) => {}
            }
        }
        Err(failure.at("insert", collection))
    }

    async fn insert_many(&self, collection: &'static str, documents: Vec<RawDocument>) -> Result<Vec<Uid>, StoreError> {
        if documents.is_empty() {
            return Ok(Vec::new());
        }
        let target = self.documents(collection).map_err(|bad| bad.at("insert_many", collection))?;
        let unique = self.unique(collection);
        let stored = documents.iter().map(|document| encode(document, &unique)).collect::<Result<Vec<_>, _>>();
        let stored = stored.map_err(|bad| Failure::from(bad).at("insert_many", collection))?;
        // Not ordered: those after a taken one are inserted all the same.
        let insert = async move { target.insert_many(stored).ordered(false).await.map(drop) };
        let Err(failure) = run(OPERATION_TIMEOUT, insert).await else {
            return Ok(documents.into_iter().map(|document| document.uid).collect());
        };
        if let Some(taken) = failure.taken() {
            let free = documents.into_iter().enumerate().filter(|(place, _)| !taken.contains(place));
            return Ok(free.map(|(_, document)| document.uid).collect());
        }
        if failure.is_ambiguous() {
            // What stands there as we wrote it is ours.
            let mut inserted = Vec::new();
            for document in documents {
                let stored = encode(&document, &unique).and_then(decode);
                match self.read_one(collection, document.uid, SETTLE_TIMEOUT).await {
                    Ok(Some(found)) if stored.is_ok_and(|ours| ours == found) => inserted.push(document.uid),
                    Ok(Some(_)) => {}
                    Ok(None) | Err(_) => return Err(failure.at("insert_many", collection)),
                }
            }
            return Ok(inserted);
        }
        Err(failure.at("insert_many", collection))
    }

    async fn replace(&self, collection: &'static str, document: RawDocument) -> Result<(), StoreError> {
        let stale = || Err(StoreError::new(StoreErrorKind::Stale, "replace", collection));
        let documents = self.documents(collection).map_err(|bad| bad.at("replace", collection))?;
        let stored =
            encode(&document, &self.unique(collection)).map_err(|bad| Failure::from(bad).at("replace", collection))?;
        let replace = {
            let stored = stored.clone();
            let read = doc! { "_id": document.uid.to_string(), "revision": document.revision.saturating_sub(1) };
            async move { documents.replace_one(read, stored).await.map(|done| done.matched_count) }
        };
        let failure = match run(OPERATION_TIMEOUT, replace).await {
            Ok(0) => return stale(),
            Ok(_) => return Ok(()),
            Err(failure) => failure,
        };
        if failure.is_ambiguous() {
            match self.read_one(collection, document.uid, SETTLE_TIMEOUT).await {
                Ok(Some(found)) if decode(stored).is_ok_and(|ours| ours == found) => return Ok(()),
                // Another writer made this revision, or nobody can any more: ours was not written and will not be.
                Ok(Some(found)) if found.revision == document.revision => return stale(),
                Ok(None) => return stale(),
                // Not written so far; or written over since, where a second try could do the change twice.
                Ok(Some(_)) | Err(_) => {}
            }
        }
        Err(failure.at("replace", collection))
    }

    async fn delete(&self, collection: &'static str, uid: Uid) -> Result<bool, StoreError> {
        let deleted = self.delete_matching(collection, &Filter::eq("uid", uid)).await;
        deleted.map(|deleted| deleted > 0).map_err(|failure| failure.at("delete", collection))
    }

    async fn delete_many(&self, collection: &'static str, filter: &Filter) -> Result<u64, StoreError> {
        self.delete_matching(collection, filter).await.map_err(|failure| failure.at("delete_many", collection))
    }

    async fn list(
        &self,
        collection: &'static str,
        filter: &Filter,
        sort: Sort,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<RawDocument>, StoreError> {
        let found = self.matching(collection, filter, sort, after, limit).await;
        found.map_err(|failure| failure.at("list", collection))
    }

    async fn count(&self, collection: &'static str, filter: &Filter) -> Result<u64, StoreError> {
        self.count_matching(collection, filter).await.map_err(|failure| failure.at("count", collection))
    }

    async fn sum(&self, collection: &'static str, field: &'static str, filter: &Filter) -> Result<i64, StoreError> {
        self.sum_matching(collection, field, filter).await.map_err(|failure| failure.at("sum", collection))
    }

    async fn ping(&self) -> Result<(), StoreError> {
        let database = self.client.database(&self.database);
        let pinged = run(OPERATION_TIMEOUT, async move { database.run_command(doc! { "ping": 1 }).await.map(drop) });
        pinged.await.map_err(|failure| failure.at("ping", "database"))
    }
}

/// A unique index counts only the documents that have all its fields; [`encode`] leaves out those that are null.
fn index_model(index: &Index) -> Result<IndexModel, BadName> {
    let mut keys = Document::new();
    for field in index.fields {
        keys.insert(key(field)?, 1);
    }
    let kind = if index.unique { "unique" } else { "index" };
    let mut options = IndexOptions::builder().name(format!("{kind}:{}", index.fields.join(","))).build();
    if index.unique {
        options.unique = Some(true);
        let exists = |key: &String| (key.clone(), Bson::from(doc! { "$exists": true }));
        options.partial_filter_expression = Some(keys.keys().map(exists).collect());
    } else {
        keys.insert(TIE, 1);
    }
    Ok(IndexModel::builder().keys(keys).options(options).build())
}

fn key(field: &'static str) -> Result<String, BadName> {
    Ok(match field {
        "uid" => "_id".to_owned(),
        "createdAt" | "createdBy" | "updatedAt" | "updatedBy" => field.to_owned(),
        _ => format!("data.{}", checked(field)?),
    })
}

/// What orders documents with the same value. The same as `_id`, which not every server takes in an index with others.
const TIE: &str = "uid";

fn nothing() -> Document {
    doc! { "_id": "" }
}

/// Null or absent. As a list, because the server that the tests run on counts other documents than it finds for a
/// plain null.
fn is_null(key: &str) -> Document {
    doc! { key: { "$in": [Bson::Null] } }
}

fn all(mut conditions: Vec<Document>) -> Document {
    conditions.retain(|condition| !condition.is_empty());
    match conditions.len() {
        0 | 1 => conditions.pop().unwrap_or_default(),
        _ => doc! { "$and": conditions },
    }
}

fn any(mut conditions: Vec<Document>) -> Document {
    if conditions.iter().any(Document::is_empty) {
        return Document::new();
    }
    match conditions.len() {
        0 | 1 => conditions.pop().unwrap_or_else(nothing),
        _ => doc! { "$or": conditions },
    }
}

/// The empty document is every document.
fn condition(filter: &Filter) -> Result<Document, BadName> {
    Ok(match filter {
        Filter::All => Document::new(),
        Filter::Eq(field, Value::Null) => is_null(&key(field)?),
        Filter::Eq(field, value) => doc! { key(field)?: scalar(value) },
        Filter::In(_, values) if values.is_empty() => nothing(),
        Filter::In(field, values) => doc! { key(field)?: { "$in": values.iter().map(scalar).collect::<Vec<_>>() } },
        Filter::Range(field, from, until) => range(key(field)?, from.as_ref(), until.as_ref()),
        Filter::Prefix(field, prefix) => {
            let until = prefix_end(prefix).map(Value::Text);
            range(key(field)?, Some(&Value::Text(prefix.clone())), until.as_ref())
        }
        Filter::Text(fields, text) => {
            let pattern = pattern(text);
            let contains = |field: &&'static str| Ok(doc! { key(field)?: { "$regex": &pattern, "$options": "i" } });
            any(fields.iter().map(contains).collect::<Result<_, BadName>>()?)
        }
        Filter::And(filters) => all(filters.iter().map(condition).collect::<Result<_, _>>()?),
        Filter::Or(filters) => any(filters.iter().map(condition).collect::<Result<_, _>>()?),
    })
}

fn range(key: String, from: Option<&Value>, until: Option<&Value>) -> Document {
    if from == Some(&Value::Null) || until == Some(&Value::Null) {
        return nothing();
    }
    let bounds = [("$gte", from), ("$lt", until)];
    let bounds: Document =
        bounds.into_iter().filter_map(|(name, bound)| Some((name.to_owned(), scalar(bound?)))).collect();
    if bounds.is_empty() {
        Document::new()
    } else {
        doc! { key: bounds }
    }
}

/// What comes after `position`; nulls come before all other values.
fn later(key: &str, position: Position, descending: bool) -> Document {
    let Position { value, uid } = position;
    let (beyond, from) = if descending { ("$lt", "$lte") } else { ("$gt", "$gte") };
    let ties = doc! { TIE: { beyond: uid.to_string() } };
    if value == Value::Null {
        let ties = doc! { "$and": [is_null(key), ties] };
        return if descending {
            ties
        } else {
            doc! { "$or": [ties, { key: { "$nin": [Bson::Null] } }] }
        };
    }
    let value = scalar(&value);
    let later = doc! { "$and": [{ key: { from: &value } }, { "$or": [{ key: { beyond: value } }, ties] }] };
    if descending && key.starts_with("data.") {
        doc! { "$or": [later, is_null(key)] }
    } else {
        later
    }
}

fn scalar(value: &Value) -> Bson {
    match value {
        Value::Text(text) => Bson::String(text.clone()),
        Value::Integer(number) => Bson::Int64(*number),
        Value::Boolean(flag) => Bson::Boolean(*flag),
        Value::Null => Bson::Null,
    }
}

/// A regular expression for the text itself.
fn pattern(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for character in text.chars() {
        if character == '\0' {
            // BSON ends the pattern at a NUL.
            pattern.push_str("\\x00");
            continue;
        }
        if character.is_ascii_punctuation() && character != '_' {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern
}

/// The stored form. A null in a field that has to be unique is left out, so that its index does not count it.
fn encode(document: &RawDocument, unique: &[&'static str]) -> Result<Document, Foreign> {
    let RawDocument { uid, data, created_at, created_by, updated_at, updated_by, revision } = document;
    let mut data = to_bson(data.value().map_err(|error| Foreign(error.to_string()))?.as_ref());
    for path in unique {
        leave_out_null(&mut data, path);
    }
    Ok(doc! {
        "_id": uid.to_string(),
        "uid": uid.to_string(),
        "data": data,
        "createdAt": time_text(*created_at),
        "createdBy": created_by,
        "updatedAt": time_text(*updated_at),
        "updatedBy": updated_by,
        "revision": revision,
    })
}

fn leave_out_null(value: &mut Bson, path: &str) {
    let Bson::Document(members) = value else { return };
    match path.split_once('.') {
        Some((name, rest)) => {
            if let Some(below) = members.get_mut(name) {
                leave_out_null(below, rest);
            }
        }
        None if members.get(path) == Some(&Bson::Null) => drop(members.remove(path)),
        None => {}
    }
}

fn to_bson(value: &serde_json::Value) -> Bson {
    use serde_json::Value as Json;
    match value {
        Json::Null => Bson::Null,
        Json::Bool(flag) => Bson::Boolean(*flag),
        Json::Number(number) => match number.as_i64() {
            Some(number) => Bson::Int64(number),
            None => number.as_f64().map_or(Bson::Null, Bson::Double),
        },
        Json::String(text) => Bson::String(text.clone()),
        Json::Array(values) => values.iter().map(to_bson).collect(),
        Json::Object(members) => {
            Bson::Document(members.iter().map(|(name, value)| (name.clone(), to_bson(value))).collect())
        }
    }
}

/// A stored document that this crate did not write.
#[derive(Debug, thiserror::Error)]
#[error("the stored document is not one of ours: {0}")]
struct Foreign(String);

fn decode(mut document: Document) -> Result<RawDocument, Foreign> {
    let mut take = |name: &str| document.remove(name).ok_or_else(|| Foreign(format!("no {name}")));
    let text = |value: Bson| match value {
        Bson::String(text) => Ok(text),
        other => Err(Foreign(format!("a {:?} in place of text", other.element_type()))),
    };
    let time = |value: Bson| -> Result<DateTime<Utc>, Foreign> {
        let at = DateTime::parse_from_rfc3339(&text(value)?).map_err(|error| Foreign(error.to_string()))?;
        Ok(at.with_timezone(&Utc))
    };
    Ok(RawDocument {
        uid: text(take("_id")?)?.parse().map_err(|_| Foreign("an _id that is no uid".to_owned()))?,
        data: Data::Value(to_json(take("data")?)?),
        created_at: time(take("createdAt")?)?,
        created_by: text(take("createdBy")?)?,
        updated_at: time(take("updatedAt")?)?,
        updated_by: text(take("updatedBy")?)?,
        revision: match take("revision")? {
            Bson::Int64(revision) => revision,
            Bson::Int32(revision) => revision.into(),
            _ => return Err(Foreign("a revision that is no whole number".to_owned())),
        },
    })
}

fn to_json(value: Bson) -> Result<serde_json::Value, Foreign> {
    use serde_json::Value as Json;
    Ok(match value {
        Bson::Null => Json::Null,
        Bson::Boolean(flag) => Json::Bool(flag),
        Bson::Int32(number) => number.into(),
        Bson::Int64(number) => number.into(),
        Bson::Double(number) => number.into(),
        Bson::String(text) => Json::String(text),
        Bson::Array(values) => Json::Array(values.into_iter().map(to_json).collect::<Result<_, _>>()?),
        Bson::Document(members) => Json::Object(to_json_members(members)?),
        other => return Err(Foreign(format!("a {:?} in the data", other.element_type()))),
    })
}

fn to_json_members(members: bson::Document) -> Result<serde_json::Map<String, serde_json::Value>, Foreign> {
    members.into_iter().map(|(name, value)| Ok((name, to_json(value)?))).collect()
}
