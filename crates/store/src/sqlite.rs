//! `SQLite`: one table per collection, one writer, a few readers.
//!
//! Every write is one transaction that takes the write lock at its start and never has to upgrade a read lock. A caller that goes away does not stop a write that has begun.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use dallosh_primitives::Uid;
use rusqlite::{
    Connection, ErrorCode, OpenFlags, Row, Transaction, TransactionBehavior, config::DbConfig, ffi, params_from_iter,
    types,
};
use tokio::{sync::Semaphore, task::coop::consume_budget, time::timeout};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    Backend, Data, Filter, Index, RawDocument, Sort, StoreError, StoreErrorKind, Value,
    backend::{BadName, Position, checked, is_descending, prefix_end, time_text},
};

/// How long a writer waits for another process's write.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How much longer than that a call waits for its turn.
const TURN_MARGIN: Duration = Duration::from_millis(500);
/// How many reads run at once.
const READERS: usize = 4;
/// How many prepared statements each connection keeps.
const STATEMENTS: usize = 128;
/// How many steps of `SQLite`'s machine are a moment, up to twice as many: some two hundred documents by an index.
const MOMENT: i32 = 4_000;
/// The write-ahead log is cut back to this size after a burst.
const JOURNAL_BYTES: i64 = 64 << 20;

/// A database file.
pub struct SqliteBackend {
    writer: Lane,
    readers: Lane,
}

impl SqliteBackend {
    /// Opens the file, made with its folder when absent.
    pub async fn open(path: &str) -> Result<Self, StoreError> {
        Self::open_with(path, BUSY_TIMEOUT).await
    }

    async fn open_with(path: &str, busy_timeout: Duration) -> Result<Self, StoreError> {
        if path.is_empty() {
            return Err(StoreError::new(StoreErrorKind::Corrupt, "open", "database").because("the URL names no file"));
        }
        let file = Arc::new(DatabaseFile { path: PathBuf::from(path), busy_timeout });
        let backend = Self { writer: Lane::new(file.clone(), true, 1), readers: Lane::new(file, false, READERS) };
        backend.writer.run("open", "database", |_| Ok(())).await?;
        Ok(backend)
    }
}

/// Copies a database file to a new one as it is at this moment, whoever writes to it meanwhile, and checks the copy.
/// Blocks.
///
/// # Errors
/// When there is no database at `from`, or it can't be read, or something is at `to`.
pub fn copy_sqlite(from: &Path, to: &Path) -> Result<(), StoreError> {
    let copied = || -> Result<(), Failure> {
        let source = Connection::open_with_flags(from, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        source.busy_timeout(BUSY_TIMEOUT)?;
        source.execute("VACUUM INTO ?1", [to.to_string_lossy()])?;
        Ok(())
    };
    copied().map_err(|failure| failure.into_error("copy", "database"))?;
    check_sqlite(to)
}

/// Checks that a database file is whole. Blocks.
///
/// # Errors
/// `Corrupt` when it is not; otherwise when it can't be read.
pub fn check_sqlite(path: &Path) -> Result<(), StoreError> {
    let checked = || -> Result<String, Failure> {
        let copy = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        Ok(copy.query_row("PRAGMA integrity_check", [], |row| row.get(0))?)
    };
    match checked().map_err(|failure| failure.into_error("check", "database"))? {
        verdict if verdict == "ok" => Ok(()),
        verdict => Err(StoreError::new(StoreErrorKind::Corrupt, "check", "database").because(verdict)),
    }
}

struct DatabaseFile {
    path: PathBuf,
    busy_timeout: Duration,
}

impl DatabaseFile {
    fn connect(&self, writes: bool) -> Result<Connection, Failure> {
        if let Some(folder) = self.path.parent().filter(|folder| *folder != Path::new("")) {
            fs::create_dir_all(folder).map_err(Failure::Folder)?;
        }
        let connection = Connection::open(&self.path)?;
        connection.busy_timeout(self.busy_timeout)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        // A plan depends on no bound value: else a statement is prepared anew whenever another one is bound.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        if writes {
            let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
            if mode != "wal" {
                return Err(Failure::JournalMode(mode));
            }
            connection.pragma_update(None, "synchronous", "FULL")?;
            let _: i64 =
                connection.query_row(&format!("PRAGMA journal_size_limit = {JOURNAL_BYTES}"), [], |row| row.get(0))?;
        } else {
            connection.pragma_update(None, "query_only", true)?;
        }
        Ok(connection)
    }
}

/// Connections that are used one call at a time, on the blocking pool but for what is read in a moment.
struct Lane {
    file: Arc<DatabaseFile>,
    writes: bool,
    turns: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Lane {
    fn new(file: Arc<DatabaseFile>, writes: bool, width: usize) -> Self {
        Self { file, writes, turns: Arc::new(Semaphore::new(width)), idle: Arc::default() }
    }

    /// Runs `work` when it is its turn. Once begun it runs to its end, also when the caller goes away.
    async fn run<T: Send + 'static>(
        &self,
        operation: &'static str,
        collection: &'static str,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let unavailable = move || StoreError::new(StoreErrorKind::Unavailable, operation, collection);
        let (file, writes, idle, turns) = (self.file.clone(), self.writes, self.idle.clone(), self.turns.clone());
        let patience = file.busy_timeout + TURN_MARGIN;
        // In a task of its own: a turn that came to a caller whom nobody polls just then would be kept from all others.
        let done = AbortOnDropHandle::new(tokio::spawn(async move {
            let turn = timeout(patience, turns.acquire_owned())
                .await
                .map_err(|late| unavailable().because(late))?
                .map_err(|closed| unavailable().because(closed))?;
            let worked = tokio::task::spawn_blocking(move || {
                let _turn = turn;
                let free = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
                let connection = match free {
                    Some(connection) => connection,
                    None => file.connect(writes)?,
                };
                let result = work(&connection);
                idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
                Ok(result?)
            });
            match worked.await {
                Ok(result) => result.map_err(|failure: Failure| failure.into_error(operation, collection)),
                Err(stopped) => Err(unavailable().because(stopped)),
            }
        }));
        done.await.map_err(|stopped| unavailable().because(stopped))?
    }

    /// Runs `work` here and now, for what takes less than going to another thread and back; none when it would have to
    /// wait for its turn, for a connection to be opened or for another process, or takes longer than a moment.
    async fn run_here<T>(
        &self,
        operation: &'static str,
        collection: &'static str,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Option<Result<T, StoreError>> {
        // Nothing here waits: whoever asks again and again would leave no other task of this thread its turn.
        consume_budget().await;
        let _turn = self.turns.try_acquire().ok()?;
        let mut connection = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
        let result = hurried(&mut connection).and_then(|()| work(&connection));
        // A connection that would not wait any more, or would hurry on, is not kept.
        if unhurried(&mut connection, self.file.busy_timeout).is_ok() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
        match result {
            Err(error)
                if matches!(
                    error.sqlite_error_code(),
                    Some(ErrorCode::DatabaseBusy | ErrorCode::OperationInterrupted)
                ) =>
            {
                None
            }
            result => Some(result.map_err(|error| Failure::from(error).into_error(operation, collection))),
        }
    }
}

/// From now on the connection waits for nobody, and gives up after a moment.
fn hurried(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::ZERO)?;
    // A statement's steps are counted over all its runs, so that the first call may come at once.
    let mut calls = 0;
    connection.progress_handler(
        MOMENT,
        Some(move || {
            calls += 1;
            calls > 1
        }),
    )
}

fn unhurried(connection: &mut Connection, busy_timeout: Duration) -> rusqlite::Result<()> {
    connection.progress_handler(0, None::<fn() -> bool>)?;
    connection.busy_timeout(busy_timeout)
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the folder of the database cannot be made")]
    Folder(#[source] io::Error),
    #[error("the file system does not carry a write-ahead log: journal mode {0}")]
    JournalMode(String),
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}

impl Failure {
    fn kind(&self) -> StoreErrorKind {
        match self {
            Self::Folder(error) => match error.kind() {
                io::ErrorKind::PermissionDenied
                | io::ErrorKind::ReadOnlyFilesystem
                | io::ErrorKind::StorageFull
                | io::ErrorKind::QuotaExceeded => StoreErrorKind::Full,
                _ => StoreErrorKind::Unavailable,
            },
            Self::JournalMode(_) => StoreErrorKind::Unavailable,
            Self::Sqlite(rusqlite::Error::SqliteFailure(error, _)) => match error.code {
                ErrorCode::ConstraintViolation
                    if matches!(
                        error.extended_code,
                        ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_UNIQUE
                    ) =>
                {
                    StoreErrorKind::Duplicate
                }
                ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::CannotOpen
                | ErrorCode::SystemIoFailure
                | ErrorCode::FileLockingProtocolFailed
                | ErrorCode::OutOfMemory
                | ErrorCode::OperationInterrupted => StoreErrorKind::Unavailable,
                ErrorCode::DiskFull | ErrorCode::ReadOnly | ErrorCode::PermissionDenied => StoreErrorKind::Full,
                _ => StoreErrorKind::Corrupt,
            },
            Self::Sqlite(_) => StoreErrorKind::Corrupt,
        }
    }

    fn into_error(self, operation: &'static str, collection: &'static str) -> StoreError {
        StoreError::new(self.kind(), operation, collection).because(self)
    }
}

#[async_trait]
impl Backend for SqliteBackend {
    async fn prepare(&self, collection: &'static str, indexes: &[Index]) -> Result<(), StoreError> {
        let table = table(collection, "prepare")?;
        let mut statements = vec![format!(
            "CREATE TABLE IF NOT EXISTS {table} (uid TEXT NOT NULL PRIMARY KEY, data TEXT NOT NULL, \
             created_at TEXT NOT NULL, created_by TEXT NOT NULL, updated_at TEXT NOT NULL, updated_by TEXT NOT NULL, \
             revision INTEGER NOT NULL) STRICT"
        )];
        for index in indexes {
            statements.push(create_index(collection, &table, index).map_err(|bad| bad.at("prepare", collection))?);
        }
        self.writer
            .run("prepare", collection, move |connection| {
                statements.iter().try_for_each(|statement| connection.execute(statement, []).map(drop))
            })
            .await
    }

    async fn find(&self, collection: &'static str, uid: Uid) -> Result<Option<RawDocument>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM {} WHERE uid = ?", table(collection, "find")?);
        let find = move |connection: &Connection| {
            connection.prepare_cached(&sql)?.query_and_then([uid.to_string()], read)?.next().transpose()
        };
        match self.readers.run_here("find", collection, &find).await {
            Some(found) => found,
            None => self.readers.run("find", collection, find).await,
        }
    }

    async fn insert(&self, collection: &'static str, document: RawDocument) -> Result<(), StoreError> {
        let sql = format!("INSERT INTO {} ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", table(collection, "insert")?);
        let values = values_of(&document);
        self.writer
            .run("insert", collection, move |connection| {
                connection.prepare_cached(&sql)?.execute(params_from_iter(values)).map(drop)
            })
            .await
    }

    async fn insert_many(&self, collection: &'static str, documents: Vec<RawDocument>) -> Result<Vec<Uid>, StoreError> {
        let sql = format!(
            "INSERT INTO {} ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            table(collection, "insert_many")?
        );
        self.writer
            .run("insert_many", collection, move |connection| {
                // One transaction for all: the disk is waited for once.
                let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
                let mut inserted = Vec::new();
                {
                    let mut insert = transaction.prepare_cached(&sql)?;
                    for document in documents {
                        if insert.execute(params_from_iter(values_of(&document)))? > 0 {
                            inserted.push(document.uid);
                        }
                    }
                }
                transaction.commit()?;
                Ok(inserted)
            })
            .await
    }

    async fn replace(&self, collection: &'static str, document: RawDocument) -> Result<(), StoreError> {
        let sql = format!(
            "UPDATE {} SET ({COLUMNS}) = (?, ?, ?, ?, ?, ?, ?) WHERE uid = ? AND revision = ?",
            table(collection, "replace")?
        );
        let mut values = values_of(&document);
        values.push(document.uid.to_string().into());
        values.push(document.revision.saturating_sub(1).into());
        let written = self
            .writer
            .run("replace", collection, move |connection| {
                connection.prepare_cached(&sql)?.execute(params_from_iter(values))
            })
            .await?;
        if written == 0 { Err(StoreError::new(StoreErrorKind::Stale, "replace", collection)) } else { Ok(()) }
    }

    async fn delete(&self, collection: &'static str, uid: Uid) -> Result<bool, StoreError> {
        let sql = format!("DELETE FROM {} WHERE uid = ?", table(collection, "delete")?);
        let deleted = self
            .writer
            .run("delete", collection, move |connection| connection.prepare_cached(&sql)?.execute([uid.to_string()]))
            .await?;
        Ok(deleted > 0)
    }

    async fn delete_many(&self, collection: &'static str, filter: &Filter) -> Result<u64, StoreError> {
        let table = table(collection, "delete_many")?;
        let mut query = Query::default();
        let condition = query.condition(filter).map_err(|bad| bad.at("delete_many", collection))?;
        let sql = format!("DELETE FROM {table} WHERE {condition}");
        let deleted = self
            .writer
            .run("delete_many", collection, move |connection| {
                connection.prepare_cached(&sql)?.execute(params_from_iter(query.values))
            })
            .await?;
        Ok(u64::try_from(deleted).unwrap_or(u64::MAX))
    }

    async fn list(
        &self,
        collection: &'static str,
        filter: &Filter,
        sort: Sort,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<RawDocument>, StoreError> {
        let table = table(collection, "list")?;
        let (query, sql) = list_sql(&table, filter, sort, after, limit).map_err(|bad| bad.at("list", collection))?;
        let list = move |connection: &Connection| {
            connection.prepare_cached(&sql)?.query_and_then(params_from_iter(&query.values), read)?.collect()
        };
        match self.readers.run_here("list", collection, &list).await {
            Some(found) => found,
            None => self.readers.run("list", collection, list).await,
        }
    }

    async fn count(&self, collection: &'static str, filter: &Filter) -> Result<u64, StoreError> {
        let table = table(collection, "count")?;
        let mut query = Query::default();
        let condition = query.condition(filter).map_err(|bad| bad.at("count", collection))?;
        let sql = format!("SELECT count(*) FROM {table} WHERE {condition}");
        let counted: i64 = self
            .readers
            .run("count", collection, move |connection| {
                connection.prepare_cached(&sql)?.query_row(params_from_iter(query.values), |row| row.get(0))
            })
            .await?;
        Ok(u64::try_from(counted).unwrap_or(0))
    }

    async fn sum(&self, collection: &'static str, field: &'static str, filter: &Filter) -> Result<i64, StoreError> {
        let table = table(collection, "sum")?;
        let mut query = Query::default();
        let condition = query.condition(filter).map_err(|bad| bad.at("sum", collection))?;
        let column = column(field).map_err(|bad| bad.at("sum", collection))?.sql;
        let sql = format!("SELECT coalesce(sum({column}), 0) FROM {table} WHERE {condition}");
        self.readers
            .run("sum", collection, move |connection| {
                connection.prepare_cached(&sql)?.query_row(params_from_iter(query.values), |row| row.get(0))
            })
            .await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.readers
            .run("ping", "database", |connection| {
                connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0)).map(drop)
            })
            .await
    }
}

const COLUMNS: &str = "uid, data, created_at, created_by, updated_at, updated_by, revision";

fn values_of(document: &RawDocument) -> Vec<types::Value> {
    let RawDocument { uid, data, created_at, created_by, updated_at, updated_by, revision } = document;
    vec![
        uid.to_string().into(),
        match data {
            Data::Value(value) => value.to_string(),
            Data::Text(text) => text.clone(),
        }
        .into(),
        time_text(*created_at).into(),
        created_by.clone().into(),
        time_text(*updated_at).into(),
        updated_by.clone().into(),
        (*revision).into(),
    ]
}

fn read(row: &Row<'_>) -> rusqlite::Result<RawDocument> {
    Ok(RawDocument {
        uid: decoded(row, 0, str::parse::<Uid>)?,
        data: Data::Text(row.get(1)?),
        created_at: decoded(row, 2, DateTime::parse_from_rfc3339)?.with_timezone(&Utc),
        created_by: row.get(3)?,
        updated_at: decoded(row, 4, DateTime::parse_from_rfc3339)?.with_timezone(&Utc),
        updated_by: row.get(5)?,
        revision: row.get(6)?,
    })
}

fn decoded<T, E: std::error::Error + Send + Sync + 'static>(
    row: &Row<'_>,
    column: usize,
    decode: impl FnOnce(&str) -> Result<T, E>,
) -> rusqlite::Result<T> {
    let conversion = |error| rusqlite::Error::FromSqlConversionFailure(column, types::Type::Text, error);
    let text = row.get_ref(column)?.as_str().map_err(|error| conversion(Box::new(error)))?;
    decode(text).map_err(|error| conversion(Box::new(error)))
}

fn table(collection: &'static str, operation: &'static str) -> Result<String, StoreError> {
    let name = checked(collection).map_err(|bad| bad.at(operation, collection))?;
    Ok(format!("\"{name}\""))
}

/// In a unique index two nulls differ, so documents without one of the fields never collide.
fn create_index(collection: &str, table: &str, index: &Index) -> Result<String, BadName> {
    let mut columns = index.fields.iter().map(|field| Ok(column(field)?.sql)).collect::<Result<Vec<_>, BadName>>()?;
    let (unique, kind) = if index.unique { ("UNIQUE ", "unique") } else { ("", "index") };
    if !index.unique {
        columns.push("uid".to_owned());
    }
    Ok(format!(
        "CREATE {unique}INDEX IF NOT EXISTS \"{collection}:{kind}:{}\" ON {table} ({})",
        index.fields.join(","),
        columns.join(", ")
    ))
}

/// A field as SQL names it.
struct Column {
    /// Its value; null when absent.
    sql: String,
    /// Its JSON type; none for the envelope's, which are always text.
    json_type: Option<String>,
}

impl Column {
    /// `condition`, for values that JSON calls one of `json_types`.
    fn where_type(&self, json_types: &str, condition: &str) -> String {
        match &self.json_type {
            Some(json_type) => format!("({condition} AND {json_type} IN ({json_types}))"),
            None if json_types == TEXT => format!("({condition})"),
            None => NOTHING.to_owned(),
        }
    }
}

const TEXT: &str = "'text'";
const NUMBER: &str = "'integer', 'real'";
const BOOLEAN: &str = "'true', 'false'";
const EVERYTHING: &str = "1";
const NOTHING: &str = "0";

fn column(field: &'static str) -> Result<Column, BadName> {
    let envelope = match field {
        "uid" => Some("uid"),
        "createdAt" => Some("created_at"),
        "createdBy" => Some("created_by"),
        "updatedAt" => Some("updated_at"),
        "updatedBy" => Some("updated_by"),
        _ => None,
    };
    if let Some(name) = envelope {
        return Ok(Column { sql: name.to_owned(), json_type: None });
    }
    let path = format!("$.\"{}\"", checked(field)?.replace('.', "\".\""));
    Ok(Column { sql: format!("json_extract(data, '{path}')"), json_type: Some(format!("json_type(data, '{path}')")) })
}

/// The values of a statement, in the order of its question marks.
#[derive(Default)]
struct Query {
    values: Vec<types::Value>,
}

impl Query {
    fn bind(&mut self, value: impl Into<types::Value>) {
        self.values.push(value.into());
    }

    fn condition(&mut self, filter: &Filter) -> Result<String, BadName> {
        Ok(match filter {
            Filter::All => EVERYTHING.to_owned(),
            Filter::Eq(field, value) => self.compare(&column(field)?, "=", value),
            Filter::In(field, values) => self.any(&column(field)?, values),
            Filter::Range(field, from, until) => self.range(&column(field)?, from.as_ref(), until.as_ref()),
            Filter::Prefix(field, prefix) => {
                let (from, until) = (Value::Text(prefix.clone()), prefix_end(prefix).map(Value::Text));
                self.range(&column(field)?, Some(&from), until.as_ref())
            }
            Filter::Text(fields, text) => {
                let mut any = Vec::new();
                for field in *fields {
                    let column = column(field)?;
                    any.push(column.where_type(TEXT, &format!("instr(lower({}), lower(?)) > 0", column.sql)));
                    self.bind(text.clone());
                }
                joined(&any, " OR ", NOTHING)
            }
            Filter::And(filters) => joined(&self.conditions(filters)?, " AND ", EVERYTHING),
            Filter::Or(filters) => joined(&self.conditions(filters)?, " OR ", NOTHING),
        })
    }

    fn conditions(&mut self, filters: &[Filter]) -> Result<Vec<String>, BadName> {
        filters.iter().map(|filter| self.condition(filter)).collect()
    }

    /// `operator` with a value of the same type; nothing but `=` finds null.
    fn compare(&mut self, column: &Column, operator: &str, value: &Value) -> String {
        let (json_types, value) = match value {
            Value::Null if operator == "=" => return format!("{} IS NULL", column.sql),
            Value::Null => return NOTHING.to_owned(),
            Value::Text(text) => (TEXT, text.clone().into()),
            Value::Integer(number) => (NUMBER, (*number).into()),
            Value::Boolean(flag) => (BOOLEAN, types::Value::from(*flag)),
        };
        let condition = column.where_type(json_types, &format!("{} {operator} ?", column.sql));
        if condition != NOTHING {
            self.bind(value);
        }
        condition
    }

    /// One bound value carries all texts and another all numbers, so that the statement is the same for any count.
    fn any(&mut self, column: &Column, values: &[Value]) -> String {
        let (mut texts, mut numbers, mut others) = (Vec::new(), Vec::new(), Vec::new());
        for value in values {
            match value {
                Value::Text(text) => texts.push(text.as_str()),
                Value::Integer(number) => numbers.push(*number),
                Value::Boolean(_) | Value::Null if others.contains(&value) => {}
                Value::Boolean(_) | Value::Null => others.push(value),
            }
        }
        let listed = format!("{} IN (SELECT value FROM json_each(?))", column.sql);
        let mut any = Vec::new();
        for (json_types, list) in [
            (TEXT, (!texts.is_empty()).then(|| serde_json::json!(texts))),
            (NUMBER, (!numbers.is_empty()).then(|| serde_json::json!(numbers))),
        ] {
            let condition = column.where_type(json_types, &listed);
            if let Some(list) = list.filter(|_| condition != NOTHING) {
                self.bind(list.to_string());
                any.push(condition);
            }
        }
        for value in others {
            any.push(self.compare(column, "=", value));
        }
        joined(&any, " OR ", NOTHING)
    }

    fn range(&mut self, column: &Column, from: Option<&Value>, until: Option<&Value>) -> String {
        let mut both = Vec::new();
        if let Some(from) = from {
            both.push(self.compare(column, ">=", from));
        }
        if let Some(until) = until {
            both.push(self.compare(column, "<", until));
        }
        joined(&both, " AND ", EVERYTHING)
    }

    /// What comes after `position`; nulls come before all other values.
    fn after(&mut self, column: &Column, position: Position, descending: bool) -> String {
        let Position { value, uid } = position;
        let operator = if descending { "<" } else { ">" };
        let value: types::Value = match value {
            Value::Null => {
                self.bind(uid.to_string());
                let ties = format!("({} IS NULL AND uid {operator} ?)", column.sql);
                return if descending { ties } else { format!("({ties} OR {} IS NOT NULL)", column.sql) };
            }
            Value::Text(text) => text.into(),
            Value::Integer(number) => number.into(),
            Value::Boolean(flag) => flag.into(),
        };
        self.bind(value.clone());
        self.bind(value);
        self.bind(uid.to_string());
        let sql = &column.sql;
        let later = format!("({sql} {operator}= ? AND ({sql} {operator} ? OR uid {operator} ?))");
        if descending && column.json_type.is_some() { format!("({later} OR {sql} IS NULL)") } else { later }
    }
}

fn list_sql(
    table: &str,
    filter: &Filter,
    sort: Sort,
    after: Option<Position>,
    limit: usize,
) -> Result<(Query, String), BadName> {
    let mut query = Query::default();
    let mut condition = query.condition(filter)?;
    let column = column(sort.field)?;
    let descending = is_descending(sort);
    if let Some(position) = after {
        let after = query.after(&column, position, descending);
        condition = format!("{condition} AND {after}");
    }
    query.bind(i64::try_from(limit).unwrap_or(i64::MAX));
    let direction = if descending { "DESC" } else { "ASC" };
    let sql = format!(
        "SELECT {COLUMNS} FROM {table} WHERE {condition} ORDER BY {} {direction}, uid {direction} LIMIT ?",
        column.sql
    );
    Ok((query, sql))
}

fn joined(conditions: &[String], operator: &str, none: &str) -> String {
    match conditions {
        [] => none.to_owned(),
        [one] => one.clone(),
        many => format!("({})", many.join(operator)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use futures::FutureExt;
    use serde_json::json;

    use super::*;
    use crate::Order;

    const COLLECTION: &str = "things";
    const BY_OWNER: Index = Index { fields: &["owner", "createdAt"], unique: false };
    const BY_NAME: Index = Index { fields: &["name"], unique: true };

    fn document(name: &str) -> RawDocument {
        let now = DateTime::UNIX_EPOCH;
        RawDocument {
            uid: Uid::new(),
            data: Data::Value(json!({ "name": name, "owner": "o" })),
            created_at: now,
            created_by: "test".to_owned(),
            updated_at: now,
            updated_by: "test".to_owned(),
            revision: 1,
        }
    }

    async fn open(folder: &Path, busy_timeout: Duration) -> SqliteBackend {
        let backend =
            SqliteBackend::open_with(folder.join("a/b/test.db").to_str().unwrap(), busy_timeout).await.unwrap();
        backend.prepare(COLLECTION, &[BY_OWNER, BY_NAME]).await.unwrap();
        backend
    }

    #[tokio::test]
    async fn the_writer_keeps_what_it_acknowledged_and_a_reader_cannot_write() {
        let folder = tempfile::tempdir().unwrap();
        let backend = open(folder.path(), BUSY_TIMEOUT).await;
        let pragma = |name: &'static str| {
            move |connection: &Connection| connection.query_row(name, [], |row| row.get::<_, types::Value>(0))
        };
        for (name, value) in [
            ("PRAGMA journal_mode", types::Value::from("wal".to_owned())),
            ("PRAGMA synchronous", types::Value::from(2)),
            ("PRAGMA busy_timeout", types::Value::from(5000)),
        ] {
            assert_eq!(backend.writer.run("test", COLLECTION, pragma(name)).await.unwrap(), value, "{name}");
        }
        let refused = backend.readers.run("test", COLLECTION, |reader| reader.execute("DELETE FROM things", [])).await;
        assert_eq!(refused.unwrap_err().kind, StoreErrorKind::Full);
    }

    #[tokio::test]
    async fn a_reopened_database_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let documents: Vec<_> = (0..20).map(|n| document(&n.to_string())).collect();
        let backend = open(folder.path(), BUSY_TIMEOUT).await;
        for document in &documents {
            backend.insert(COLLECTION, document.clone()).await.unwrap();
        }
        drop(backend);
        let backend = open(folder.path(), BUSY_TIMEOUT).await;
        let check =
            |connection: &Connection| connection.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0));
        assert_eq!(backend.writer.run("test", COLLECTION, check).await.unwrap(), "ok");
        for document in documents {
            assert_eq!(backend.find(COLLECTION, document.uid).await.unwrap(), Some(document));
        }
    }

    #[tokio::test]
    async fn a_caller_whom_nobody_polls_keeps_nobody_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let backend = open(folder.path(), Duration::from_millis(200)).await;
        let mut first = std::pin::pin!(backend.insert(COLLECTION, document("1")));
        let mut left_alone = std::pin::pin!(backend.insert(COLLECTION, document("2")));
        for write in [&mut first, &mut left_alone] {
            std::future::poll_fn(|context| {
                let _ = write.as_mut().poll(context);
                std::task::Poll::Ready(())
            })
            .await;
        }
        first.await.unwrap();
        backend.insert(COLLECTION, document("3")).await.unwrap();
        left_alone.await.unwrap();
    }

    #[tokio::test]
    async fn a_write_that_another_connection_holds_back_is_unavailable_and_reads_go_on() {
        let folder = tempfile::tempdir().unwrap();
        let backend = Arc::new(open(folder.path(), Duration::from_millis(200)).await);
        let other = Connection::open(folder.path().join("a/b/test.db")).unwrap();
        other.execute_batch("BEGIN EXCLUSIVE").unwrap();
        let begun = Instant::now();
        let writers: Vec<_> = (0..8)
            .map(|n| {
                let backend = backend.clone();
                tokio::spawn(async move { backend.insert(COLLECTION, document(&n.to_string())).await })
            })
            .collect();
        assert_eq!(backend.count(COLLECTION, &Filter::All).await.unwrap(), 0);
        for writer in writers {
            assert_eq!(writer.await.unwrap().unwrap_err().kind, StoreErrorKind::Unavailable);
        }
        assert!(begun.elapsed() < Duration::from_secs(2), "waiting for one's turn is bounded too");
        other.execute_batch("COMMIT").unwrap();
        backend.insert(COLLECTION, document("after")).await.unwrap();
    }

    #[tokio::test]
    async fn a_document_is_read_without_waiting_for_a_thread_but_never_waits_in_the_caller_s() {
        let folder = tempfile::tempdir().unwrap();
        let backend = open(folder.path(), Duration::from_millis(200)).await;
        let stored = document("1");
        backend.insert(COLLECTION, stored.clone()).await.unwrap();
        let found = || backend.find(COLLECTION, stored.uid).now_or_never();
        assert!(found().is_none(), "the first connection is opened in another thread");
        assert_eq!(backend.find(COLLECTION, stored.uid).await.unwrap(), Some(stored.clone()));
        assert_eq!(found().unwrap().unwrap(), Some(stored.clone()));
        let turns = backend.readers.turns.acquire_many(u32::try_from(READERS).unwrap()).await.unwrap();
        assert!(found().is_none(), "others read");
        drop(turns);
        let timeout = |reader: &Connection| reader.query_row("PRAGMA busy_timeout", [], |row| row.get::<_, i64>(0));
        assert_eq!(backend.readers.run("test", COLLECTION, timeout).await.unwrap(), 200);
    }

    #[tokio::test]
    async fn a_short_list_is_read_without_waiting_for_a_thread_and_a_long_one_goes_to_another() {
        let folder = tempfile::tempdir().unwrap();
        let backend = open(folder.path(), BUSY_TIMEOUT).await;
        let documents: Vec<_> = (0..5_000).map(|n| document(&n.to_string())).collect();
        backend.insert_many(COLLECTION, documents).await.unwrap();
        let newest = Sort { field: "createdAt", order: Order::Descending };
        let (owned, last) = (Filter::eq("owner", "o"), Filter::Text(&["name"], "4999".to_owned()));
        let short = || backend.list(COLLECTION, &owned, newest, None, 200);
        let long = || backend.list(COLLECTION, &last, newest, None, 200);
        assert_eq!(short().await.unwrap().len(), 200);
        for _ in 0..50 {
            assert_eq!(short().now_or_never().expect("it is a moment, however often").unwrap().len(), 200);
        }
        assert!(long().now_or_never().is_none(), "all are looked at");
        assert_eq!(long().await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn who_reads_again_and_again_leaves_others_their_turn() {
        let folder = tempfile::tempdir().unwrap();
        let backend = open(folder.path(), BUSY_TIMEOUT).await;
        let newest = Sort { field: "createdAt", order: Order::Descending };
        for listed in [true, false] {
            assert_eq!(backend.find(COLLECTION, Uid::new()).await.unwrap(), None);
            let other = tokio::spawn(async {});
            for _ in 0..1_000 {
                if listed {
                    assert_eq!(backend.list(COLLECTION, &Filter::All, newest, None, 1).await.unwrap(), []);
                } else {
                    assert_eq!(backend.find(COLLECTION, Uid::new()).await.unwrap(), None);
                }
            }
            assert!(other.is_finished());
        }
    }

    #[tokio::test]
    async fn a_file_that_is_no_database_is_corrupt_and_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.txt");
        fs::write(&path, "these are notes, not pages of a database. ".repeat(100)).unwrap();
        let error = SqliteBackend::open(path.to_str().unwrap()).await.err().unwrap();
        assert_eq!(error.kind, StoreErrorKind::Corrupt);
        assert!(fs::read_to_string(&path).unwrap().starts_with("these are notes"));
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_made_is_reported() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        let path = folder.path().join("file/below/test.db");
        let error = SqliteBackend::open(path.to_str().unwrap()).await.err().unwrap();
        assert_eq!(error.kind, StoreErrorKind::Unavailable);
        assert!(SqliteBackend::open("").await.is_err());
    }

    /// `max_page_count` is how `SQLite` itself plays a full disk.
    #[tokio::test]
    async fn a_full_database_refuses_writes_and_answers_reads() {
        let folder = tempfile::tempdir().unwrap();
        let backend = open(folder.path(), BUSY_TIMEOUT).await;
        let first = document("first");
        backend.insert(COLLECTION, first.clone()).await.unwrap();
        let limit = |connection: &Connection| {
            connection.query_row("PRAGMA max_page_count = 1", [], |row| row.get::<_, i64>(0)).map(drop)
        };
        backend.writer.run("test", COLLECTION, limit).await.unwrap();
        let error = backend.insert(COLLECTION, document(&"x".repeat(100_000))).await.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Full);
        assert_eq!(backend.find(COLLECTION, first.uid).await.unwrap(), Some(first));
    }

    #[tokio::test]
    async fn a_collection_with_another_sign_in_its_name_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let backend = open(folder.path(), BUSY_TIMEOUT).await;
        assert_eq!(backend.prepare("a\"b", &[]).await.unwrap_err().kind, StoreErrorKind::Corrupt);
        let filter = Filter::eq("a') OR 1 --", "x");
        assert_eq!(backend.delete_many(COLLECTION, &filter).await.unwrap_err().kind, StoreErrorKind::Corrupt);
    }

    #[tokio::test]
    async fn filters_and_pages_use_the_declared_indexes() {
        let folder = tempfile::tempdir().unwrap();
        let backend = open(folder.path(), BUSY_TIMEOUT).await;
        let sort = Sort { field: "createdAt", order: Order::Descending };
        let after = Some(Position { value: DateTime::UNIX_EPOCH.into(), uid: Uid::new() });
        for (filter, after, index) in [
            (Filter::eq("owner", "o"), None, "things:index:owner,createdAt"),
            (Filter::eq("owner", "o"), after, "things:index:owner,createdAt"),
            (Filter::eq("name", "n"), None, "things:unique:name"),
            (Filter::any("name", ["n", "m"]), None, "things:unique:name"),
            (Filter::Prefix("name", "n".to_owned()), None, "things:unique:name"),
        ] {
            let (query, sql) = list_sql("\"things\"", &filter, sort, after, 10).unwrap();
            let plan = move |connection: &Connection| {
                let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
                let steps = statement.query_map(params_from_iter(query.values), |row| row.get::<_, String>(3))?;
                steps.collect::<rusqlite::Result<Vec<_>>>()
            };
            let plan = backend.writer.run("test", COLLECTION, plan).await.unwrap().join("\n");
            assert!(plan.contains(index), "{filter:?}: {plan}");
        }
    }
}
