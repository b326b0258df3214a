//! Tables for queries: Parquet whose types are declared from the cells and never change them.

use std::{
    io::{Read, Write},
    sync::Arc,
};

use arrow::{
    array::{ArrayRef, BooleanBuilder, Float64Builder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder},
    datatypes::{DataType, Field, Schema, TimeUnit},
    record_batch::RecordBatch,
};
use hashbrown::HashSet;
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, ZstdLevel},
    file::{metadata::KeyValue, properties::WriterProperties},
    schema::types::ColumnPath,
};
use serde::{Deserialize, Serialize};

use crate::{
    ColumnType, DatasetError, Dialect, Limits, Reader, Row, TableBatch,
    rows::next_row,
    scan::COLUMNS_KEY,
    types::{TypeGuess, number, time},
};

/// Rows of a row group, and of a batch on the way to it.
const GROUP_ROWS: usize = 100_000;
const BATCH_ROWS: usize = 8_192;

/// Columns with few values, or that are asked for by value.
const DICTIONARIES: [&str; 6] =
    ["sentiment", "priority", "main_topic", "screen_name", "enrichment_status", "enrichment_error"];

/// A column of a table.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TableColumn {
    /// Name in the table: letters, digits and underscores of ASCII, unique without regard to case.
    pub name: String,
    /// Name in the file.
    pub source: String,
    /// What its cells are.
    #[serde(rename = "type")]
    pub column_type: ColumnType,
    /// For a column of times, which itself stays text: the name of its twin, a timestamp in UTC.
    pub utc: Option<String>,
}

/// The declared columns of a table.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TableSchema {
    /// The columns in the order of the file.
    pub columns: Vec<TableColumn>,
}

/// What was written.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TableSummary {
    /// Rows.
    pub rows: u64,
    /// Row groups.
    pub row_groups: u64,
    /// Bytes of the Parquet file.
    pub bytes: u64,
}

/// Declares the types of a cleaned or analysed file by looking at every cell.
pub fn table_schema(csv: impl Read) -> Result<TableSchema, DatasetError> {
    let mut reader = Reader::new(csv, &Dialect::ours(), Limits::ours())?;
    let names = reader.header().names().to_vec();
    let mut guesses: Vec<TypeGuess> = names.iter().map(|name| TypeGuess::new(name)).collect();
    while let Some(row) = next_row(&mut reader)? {
        guesses.iter_mut().zip(row.cells()).for_each(|(guess, cell)| guess.add(&cell));
    }
    let mut taken = HashSet::new();
    let own: Vec<String> = names.iter().map(|name| safe_name(name, &mut taken)).collect();
    let columns = names.into_iter().zip(own).zip(guesses).map(|((source, name), guess)| {
        let column_type = guess.finish();
        let utc = (column_type == ColumnType::Time).then(|| safe_name(&format!("{name}_utc"), &mut taken));
        TableColumn { name, source, column_type, utc }
    });
    Ok(TableSchema { columns: columns.collect() })
}

/// Writes a cleaned or analysed file as Parquet with the types declared by [`table_schema`]; shows `each` batch of rows
/// on its way.
///
/// An empty cell is null in a typed column and empty text in a text column, so nothing is lost.
pub fn write_table(
    csv: impl Read,
    schema: &TableSchema,
    output: impl Write + Send,
    mut each: impl FnMut(&TableBatch),
) -> Result<TableSummary, DatasetError> {
    let mut reader = Reader::new(csv, &Dialect::ours(), Limits::ours())?;
    let mut columns = schema
        .columns
        .iter()
        .map(|column| Ok(Builder::new(column, reader.header().get(&column.source)?)))
        .collect::<Result<Vec<_>, DatasetError>>()?;
    let arrow_schema = Arc::new(Schema::new(columns.iter().flat_map(Builder::fields).collect::<Vec<_>>()));
    let mut writer = ArrowWriter::try_new(output, arrow_schema.clone(), Some(properties(schema)?))?;
    let declared: Arc<[TableColumn]> = schema.columns.as_slice().into();
    let (mut rows, mut pending) = (0, 0);
    loop {
        let row = next_row(&mut reader)?;
        if let Some(row) = &row {
            for column in &mut columns {
                column.push(row);
            }
            rows += 1;
            pending += 1;
        }
        if pending == BATCH_ROWS || (row.is_none() && pending > 0) {
            let arrays = columns.iter_mut().flat_map(Builder::finish).collect();
            let batch = RecordBatch::try_new(arrow_schema.clone(), arrays)?;
            writer.write(&batch)?;
            each(&TableBatch::new(batch, declared.clone()));
            pending = 0;
        }
        if row.is_none() {
            break;
        }
    }
    let metadata = writer.finish()?;
    Ok(TableSummary { rows, row_groups: metadata.num_row_groups() as u64, bytes: writer.bytes_written() as u64 })
}

fn properties(schema: &TableSchema) -> Result<WriterProperties, DatasetError> {
    let declared = serde_json::to_string(schema).map_err(std::io::Error::from)?;
    let mut properties = WriterProperties::builder()
        .set_key_value_metadata(Some(vec![KeyValue::new(COLUMNS_KEY.to_owned(), declared)]))
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_dictionary_enabled(false);
    for column in &schema.columns {
        if DICTIONARIES.contains(&&*column.source) {
            properties = properties.set_column_dictionary_enabled(ColumnPath::from(&*column.name), true);
        }
    }
    Ok(properties.build())
}

/// A name that SQL takes without quotes and no other column has.
fn safe_name(name: &str, taken: &mut HashSet<String>) -> String {
    let mut safe: String =
        name.trim().chars().map(|sign| if sign.is_ascii_alphanumeric() { sign } else { '_' }).collect();
    if !safe.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') {
        safe.insert(0, '_');
    }
    let (base, mut number) = (safe.clone(), 2_u32);
    while !taken.insert(safe.to_lowercase()) {
        safe = format!("{base}_{number}");
        number += 1;
    }
    safe
}

/// Gathers the cells of one column.
struct Builder<'a> {
    column: &'a TableColumn,
    index: usize,
    values: Values,
    utc: TimestampMicrosecondBuilder,
}

enum Values {
    Text(StringBuilder),
    Integer(Int64Builder),
    Number(Float64Builder),
    Boolean(BooleanBuilder),
}

impl<'a> Builder<'a> {
    fn new(column: &'a TableColumn, index: usize) -> Self {
        let values = match column.column_type {
            ColumnType::Text | ColumnType::Time => Values::Text(StringBuilder::new()),
            ColumnType::Integer => Values::Integer(Int64Builder::new()),
            ColumnType::Number => Values::Number(Float64Builder::new()),
            ColumnType::Boolean => Values::Boolean(BooleanBuilder::new()),
        };
        Self { column, index, values, utc: TimestampMicrosecondBuilder::new().with_timezone("UTC") }
    }

    fn fields(&self) -> Vec<Field> {
        let data_type = match &self.values {
            Values::Text(_) => DataType::Utf8,
            Values::Integer(_) => DataType::Int64,
            Values::Number(_) => DataType::Float64,
            Values::Boolean(_) => DataType::Boolean,
        };
        let own = Field::new(&self.column.name, data_type, !matches!(self.values, Values::Text(_)));
        let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let twin = self.column.utc.as_ref().map(|name| Field::new(name, utc, true));
        std::iter::once(own).chain(twin).collect()
    }

    fn push(&mut self, row: &Row<'_>) {
        let cell = row.get(self.index).unwrap_or_default();
        match &mut self.values {
            Values::Text(builder) => builder.append_value(&cell),
            Values::Integer(builder) => builder.append_option(cell.parse().ok()),
            Values::Number(builder) => builder.append_option(number(&cell)),
            Values::Boolean(builder) => builder.append_option(cell.parse().ok()),
        }
        if self.column.utc.is_some() {
            self.utc.append_option(time(&cell));
        }
    }

    fn finish(&mut self) -> Vec<ArrayRef> {
        let own: ArrayRef = match &mut self.values {
            Values::Text(builder) => Arc::new(builder.finish()),
            Values::Integer(builder) => Arc::new(builder.finish()),
            Values::Number(builder) => Arc::new(builder.finish()),
            Values::Boolean(builder) => Arc::new(builder.finish()),
        };
        let twin = self.column.utc.as_ref().map(|_| Arc::new(self.utc.finish()) as ArrayRef);
        std::iter::once(own).chain(twin).collect()
    }
}
