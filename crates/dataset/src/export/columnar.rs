//! Parquet with the very cells of a file, in row groups whose size in memory is bounded.

use std::{
    io::{Read, Write},
    sync::Arc,
};

use arrow::{
    array::{ArrayRef, Int64Builder, StringBuilder},
    datatypes::{DataType, Field, Schema},
    record_batch::RecordBatch,
};
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, ZstdLevel},
    file::properties::WriterProperties,
};

use super::{SourceRows, integer};
use crate::{DatasetError, Row};

/// Rows of a row group, and bytes of one that is being gathered.
const GROUP_ROWS: usize = 100_000;
const GROUP_BYTES: usize = 32 << 20;
/// Rows of a batch on the way to it, and bytes of their cells.
const BATCH_ROWS: usize = 8_192;
const BATCH_BYTES: usize = 8 << 20;

pub fn parquet(rows: SourceRows<impl Read>, output: impl Write + Send) -> Result<u64, DatasetError> {
    let priority = rows.priority;
    let mut batch = Batch::new(rows.names(), priority);
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .build();
    let mut writer = ArrowWriter::try_new(output, batch.schema.clone(), Some(properties))?;
    let count = rows.each(|row| {
        batch.push(row)?;
        if batch.is_full() {
            writer.write(&batch.finish()?)?;
            if writer.memory_size() >= GROUP_BYTES {
                writer.flush()?;
            }
        }
        Ok(())
    })?;
    writer.write(&batch.finish()?)?;
    writer.close()?;
    Ok(count)
}

/// The next rows, column by column.
struct Batch {
    schema: Arc<Schema>,
    columns: Vec<Column>,
    rows: usize,
    bytes: usize,
}

enum Column {
    Text(StringBuilder),
    Integer(Int64Builder),
}

impl Batch {
    fn new(names: &[String], priority: Option<usize>) -> Self {
        let columns = (0..names.len()).map(|index| {
            if priority == Some(index) {
                Column::Integer(Int64Builder::new())
            } else {
                Column::Text(StringBuilder::new())
            }
        });
        let columns: Vec<_> = columns.collect();
        let fields = names.iter().zip(&columns).map(|(name, column)| match column {
            Column::Text(_) => Field::new(name, DataType::Utf8, false),
            Column::Integer(_) => Field::new(name, DataType::Int64, true),
        });
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        Self { schema, columns, rows: 0, bytes: 0 }
    }

    fn push(&mut self, row: &Row<'_>) -> Result<(), DatasetError> {
        for (column, cell) in self.columns.iter_mut().zip(row.cells()) {
            match column {
                Column::Text(builder) => builder.append_value(&cell),
                Column::Integer(builder) if cell.is_empty() => builder.append_null(),
                Column::Integer(builder) => builder.append_value(integer(&cell).ok_or_else(no_integer)?),
            }
        }
        self.rows += 1;
        self.bytes += row.raw().len();
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.rows == BATCH_ROWS || self.bytes >= BATCH_BYTES
    }

    fn finish(&mut self) -> Result<RecordBatch, DatasetError> {
        (self.rows, self.bytes) = (0, 0);
        let arrays = self.columns.iter_mut().map(|column| match column {
            Column::Text(builder) => Arc::new(builder.finish()) as ArrayRef,
            Column::Integer(builder) => Arc::new(builder.finish()),
        });
        Ok(RecordBatch::try_new(self.schema.clone(), arrays.collect())?)
    }
}

/// An analysed file whose priorities are none was not written by us.
fn no_integer() -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, "a priority is no integer")
}
