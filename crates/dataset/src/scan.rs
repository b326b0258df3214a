//! Reads tables back: some columns of all rows, or some rows, cell by cell as they were in the file.

use std::{borrow::Cow, io, ops::ControlFlow, ops::Range, sync::Arc};

use arrow::{
    array::{Array, AsArray, BooleanArray, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray},
    datatypes::{DataType, Float64Type, Int64Type, TimestampMicrosecondType},
    record_batch::RecordBatch,
};
use bytes::Bytes;
use parquet::{
    DecodeResult,
    arrow::{
        ProjectionMask,
        arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, RowSelection},
        push_decoder::ParquetPushDecoderBuilder,
    },
    file::metadata::ParquetMetaDataPushDecoder,
};

use crate::{ColumnType, DatasetError, TableColumn, TableSchema, types::time};

/// Under which key a table holds its declared columns.
pub(crate) const COLUMNS_KEY: &str = "dallosh.columns";
/// Rows of a batch.
const BATCH_ROWS: usize = 8_192;

/// The bytes of a stored table, asked for piece by piece.
pub trait TableBytes {
    /// Bytes of the whole file.
    fn size(&self) -> u64;
    /// The bytes of a range within [`TableBytes::size`], all of them.
    fn read(&self, range: Range<u64>) -> io::Result<Bytes>;
}

impl TableBytes for Bytes {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        let place = |at: u64| usize::try_from(at).ok().filter(|at| *at <= self.len());
        match (place(range.start), place(range.end)) {
            (Some(start), Some(end)) if start <= end => Ok(self.slice(start..end)),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

/// A table of which the footer was read.
pub struct Table<B> {
    bytes: B,
    metadata: ArrowReaderMetadata,
    columns: Arc<[TableColumn]>,
}

impl<B: TableBytes> Table<B> {
    /// Reads the footer.
    ///
    /// # Errors
    /// When the bytes can't be had, or are no table.
    pub fn open(bytes: B) -> Result<Self, DatasetError> {
        let mut decoder = ParquetMetaDataPushDecoder::try_new(bytes.size())?;
        let metadata = loop {
            match decoder.try_decode()? {
                DecodeResult::Data(metadata) => break metadata,
                DecodeResult::NeedsData(ranges) => {
                    let data = fetch(&bytes, &ranges)?;
                    decoder.push_ranges(ranges, data)?;
                }
                DecodeResult::Finished => return Err(DatasetError::Io(io::ErrorKind::UnexpectedEof.into())),
            }
        };
        let metadata = ArrowReaderMetadata::try_new(Arc::new(metadata), ArrowReaderOptions::new())?;
        let columns = declared(&metadata).unwrap_or_else(|| undeclared(&metadata));
        Ok(Self { bytes, metadata, columns: columns.into() })
    }

    /// The columns in the order of the file.
    pub fn columns(&self) -> &[TableColumn] {
        &self.columns
    }

    /// Rows of the table.
    pub fn rows(&self) -> u64 {
        u64::try_from(self.metadata.metadata().file_metadata().num_rows()).unwrap_or(0)
    }

    /// Reads columns, named as in the file, in batches in the order of the rows, until `each` has enough. `rows` are the
    /// ascending numbers of the rows to read, all of them when absent; what lies beyond the table is passed over.
    ///
    /// # Errors
    /// When the bytes can't be had or are damaged; what was read before was right.
    pub fn scan(
        &self,
        sources: &[&str],
        rows: Option<&[u64]>,
        mut each: impl FnMut(&TableBatch) -> ControlFlow<()>,
    ) -> Result<(), DatasetError> {
        let columns: Arc<[TableColumn]> =
            self.columns.iter().filter(|column| sources.contains(&&*column.source)).cloned().collect();
        let names = columns.iter().flat_map(|column| std::iter::once(&column.name).chain(&column.utc));
        let mask = ProjectionMask::columns(self.metadata.parquet_schema(), names.map(String::as_str));
        let mut builder = ParquetPushDecoderBuilder::new_with_metadata(self.metadata.clone())
            .with_projection(mask)
            .with_batch_size(BATCH_ROWS);
        if let Some(rows) = rows {
            let total = usize::try_from(self.rows()).unwrap_or(usize::MAX);
            let places = rows.iter().filter_map(|row| usize::try_from(*row).ok()).filter(|row| *row < total);
            let places = places.map(|row| row..row.saturating_add(1));
            builder = builder.with_row_selection(RowSelection::from_consecutive_ranges(places, total));
        }
        let mut decoder = builder.build()?;
        loop {
            match decoder.try_decode()? {
                DecodeResult::NeedsData(ranges) => {
                    let data = fetch(&self.bytes, &ranges)?;
                    decoder.push_ranges(ranges, data)?;
                }
                DecodeResult::Data(batch) => {
                    if each(&TableBatch { batch, columns: columns.clone() }).is_break() {
                        return Ok(());
                    }
                }
                DecodeResult::Finished => return Ok(()),
            }
        }
    }
}

fn fetch(bytes: &impl TableBytes, ranges: &[Range<u64>]) -> io::Result<Vec<Bytes>> {
    ranges.iter().map(|range| bytes.read(range.clone())).collect()
}

/// The columns as the table itself declares them.
fn declared(metadata: &ArrowReaderMetadata) -> Option<Vec<TableColumn>> {
    let pairs = metadata.metadata().file_metadata().key_value_metadata()?;
    let text = pairs.iter().find(|pair| pair.key == COLUMNS_KEY)?.value.as_ref()?;
    serde_json::from_str::<TableSchema>(text).ok().map(|schema| schema.columns)
}

/// The columns of a table that was written before tables declared them.
fn undeclared(metadata: &ArrowReaderMetadata) -> Vec<TableColumn> {
    let fields = metadata.schema().fields();
    let own = fields.iter().filter(|field| !matches!(field.data_type(), DataType::Timestamp(..)));
    own.map(|field| {
        let twin = format!("{}_utc", field.name());
        let utc = fields
            .iter()
            .find(|other| *other.name() == twin && matches!(other.data_type(), DataType::Timestamp(..)))
            .map(|other| other.name().clone());
        let column_type = match field.data_type() {
            DataType::Int64 => ColumnType::Integer,
            DataType::Float64 => ColumnType::Number,
            DataType::Boolean => ColumnType::Boolean,
            _ if utc.is_some() => ColumnType::Time,
            _ => ColumnType::Text,
        };
        TableColumn { name: field.name().clone(), source: field.name().clone(), column_type, utc }
    })
    .collect()
}

/// Some rows of a table, with the columns that were asked for.
pub struct TableBatch {
    batch: RecordBatch,
    columns: Arc<[TableColumn]>,
}

impl TableBatch {
    pub(crate) fn new(batch: RecordBatch, columns: Arc<[TableColumn]>) -> Self {
        Self { batch, columns }
    }

    /// Rows of the batch.
    pub fn rows(&self) -> usize {
        self.batch.num_rows()
    }

    /// The columns in the order of the file.
    pub fn columns(&self) -> &[TableColumn] {
        &self.columns
    }

    /// The cells of a column, named as in the file.
    pub fn cells(&self, source: &str) -> Option<Cells<'_>> {
        let column = self.columns.iter().find(|column| column.source == source)?;
        let array = self.batch.column_by_name(&column.name)?;
        let values = match array.data_type() {
            DataType::Int64 => Values::Integer(array.as_primitive::<Int64Type>()),
            DataType::Float64 => Values::Number(array.as_primitive::<Float64Type>()),
            DataType::Boolean => Values::Boolean(array.as_boolean()),
            _ => Values::Text(array.as_string_opt::<i32>()?),
        };
        let utc = column.utc.as_ref().and_then(|name| self.batch.column_by_name(name));
        Some(Cells { values, utc: utc.and_then(|array| array.as_primitive_opt::<TimestampMicrosecondType>()) })
    }
}

/// The cells of a column, asked for by the row's place in its batch. A row beyond the batch is an empty cell.
pub struct Cells<'a> {
    values: Values<'a>,
    utc: Option<&'a TimestampMicrosecondArray>,
}

enum Values<'a> {
    Text(&'a StringArray),
    Integer(&'a Int64Array),
    Number(&'a Float64Array),
    Boolean(&'a BooleanArray),
}

fn filled(array: &impl Array, row: usize) -> bool {
    row < array.len() && array.is_valid(row)
}

impl<'a> Cells<'a> {
    /// The cell exactly as it was in the file.
    pub fn text(&self, row: usize) -> Cow<'a, str> {
        match &self.values {
            Values::Text(array) if filled(array, row) => Cow::Borrowed(array.value(row)),
            Values::Integer(array) if filled(array, row) => Cow::Owned(array.value(row).to_string()),
            Values::Number(array) if filled(array, row) => Cow::Owned(array.value(row).to_string()),
            Values::Boolean(array) if filled(array, row) => Cow::Owned(array.value(row).to_string()),
            _ => Cow::Borrowed(""),
        }
    }

    /// The cell as a whole number that is not negative; `None` when it is none.
    pub fn count(&self, row: usize) -> Option<u64> {
        match &self.values {
            Values::Integer(array) if filled(array, row) => u64::try_from(array.value(row)).ok(),
            Values::Text(array) if filled(array, row) => {
                let cell = array.value(row);
                cell.parse().ok().filter(|_| cell.bytes().all(|sign| sign.is_ascii_digit()))
            }
            Values::Number(_) => self.text(row).parse().ok(),
            _ => None,
        }
    }

    /// The cell as a time in microseconds since 1970 in UTC; `None` when it is none. A time without an offset is taken
    /// for UTC.
    pub fn time(&self, row: usize) -> Option<i64> {
        match (self.utc, &self.values) {
            (Some(array), _) => filled(array, row).then(|| array.value(row)),
            (None, Values::Text(array)) if filled(array, row) => time(array.value(row)),
            _ => None,
        }
    }
}
