//! A stored table in another format, row by row: JSON lines, Parquet, a spreadsheet, or CSV that a spreadsheet opens
//! without running any of it.

mod columnar;
mod sheet;

use std::{
    borrow::Cow,
    io::{Read, Write},
    path::PathBuf,
};

use crate::{
    DatasetError, Dialect, LabelColumns, Limits, Reader, Row, Step, clean::Lines, rows::damage, types::is_integer,
    write,
};

/// What kind of file is exported.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ExportSource {
    /// As it was uploaded. Rows that can't be read are left out.
    Original {
        /// How it is written.
        dialect: Dialect,
        /// What it may hold.
        limits: Limits,
    },
    /// Written by [`clean`](crate::clean()).
    Cleaned,
    /// Written by [`append`](crate::append()).
    Analysed,
}

/// Into what it is exported.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ExportFormat {
    /// CSV in our own form, in which no cell is a formula.
    SafeCsv,
    /// An object a line, column to cell.
    Jsonl,
    /// Parquet with a column for each of the file, under its very name.
    Parquet,
    /// One sheet of an Office Open XML workbook.
    Xlsx {
        /// Whether what a spreadsheet might take for a formula gets a `'` in front. No cell is one without, but what is
        /// saved from there as CSV may become one.
        is_safe: bool,
        /// The folder for what does not fit into memory; nothing is left in it.
        scratch: PathBuf,
    },
}

/// Writes the rows of a table in another format; gives how many.
///
/// Every cell stays the text that it is. Only the `priority` that an analysed file got is an integer, and null where
/// there is none; a spreadsheet
/// has a cell cut at 32,767 UTF-16 units, which is all that one holds, with `…` behind the cut. Memory is bounded whatever the size.
///
/// # Errors
/// Those of reading; [`DatasetError::SheetTooLarge`] before anything was written.
pub fn export(
    input: impl Read,
    source: ExportSource,
    format: ExportFormat,
    output: impl Write + Send,
) -> Result<u64, DatasetError> {
    let rows = SourceRows::new(input, source)?;
    match format {
        ExportFormat::SafeCsv => safe_csv(rows, output),
        ExportFormat::Jsonl => jsonl(rows, output),
        ExportFormat::Parquet => columnar::parquet(rows, output),
        ExportFormat::Xlsx { is_safe, scratch } => sheet::xlsx(rows, is_safe, &scratch, output),
    }
}

/// The rows of the source.
struct SourceRows<R> {
    reader: Reader<R>,
    is_original: bool,
    /// The column of integers.
    priority: Option<usize>,
}

impl<R: Read> SourceRows<R> {
    fn new(input: R, source: ExportSource) -> Result<Self, DatasetError> {
        let is_analysed = source == ExportSource::Analysed;
        let (is_original, dialect, limits) = match source {
            ExportSource::Original { dialect, limits } => (true, dialect, limits),
            ExportSource::Cleaned | ExportSource::Analysed => (false, Dialect::ours(), Limits::ours()),
        };
        let reader = Reader::new(input, &dialect, limits)?;
        let priority = if is_analysed { LabelColumns::default().priority_of(reader.header()) } else { None };
        Ok(Self { reader, is_original, priority })
    }

    fn names(&self) -> &[String] {
        self.reader.header().names()
    }

    /// Goes through the rows; gives how many there were.
    fn each(mut self, mut work: impl FnMut(&Row<'_>) -> Result<(), DatasetError>) -> Result<u64, DatasetError> {
        let mut count = 0;
        while let Some(step) = self.reader.read()? {
            match step {
                Step::Row(row) => {
                    work(&row)?;
                    count += 1;
                }
                Step::Reject(_) if self.is_original => {}
                Step::Reject(reject) => return Err(damage(reject)),
            }
        }
        Ok(count)
    }
}

fn safe_csv(rows: SourceRows<impl Read>, output: impl Write) -> Result<u64, DatasetError> {
    let mut lines = Lines::new(output);
    let names: Vec<_> = rows.names().iter().map(|name| harmless(Cow::Borrowed(name))).collect();
    write::push_row(&mut lines.buffer, names.iter().map(AsRef::as_ref));
    let count = rows.each(|row| {
        let cells: Vec<_> = row.cells().map(harmless).collect();
        write::push_row(&mut lines.buffer, cells.iter().map(AsRef::as_ref));
        lines.write_full()
    })?;
    lines.finish()?;
    Ok(count)
}

fn jsonl(rows: SourceRows<impl Read>, output: impl Write) -> Result<u64, DatasetError> {
    let mut lines = Lines::new(output);
    let keys = rows.names().iter().map(|name| serde_json::to_string(name).map_err(std::io::Error::from));
    let keys = keys.collect::<Result<Vec<_>, _>>()?;
    let priority = rows.priority;
    let count = rows.each(|row| {
        let line = &mut lines.buffer;
        let mut before = b'{';
        for (index, (key, cell)) in keys.iter().zip(row.cells()).enumerate() {
            line.push(before);
            line.extend_from_slice(key.as_bytes());
            line.push(b':');
            match integer(&cell).filter(|_| priority == Some(index)) {
                Some(number) => serde_json::to_writer(&mut *line, &number),
                None if priority == Some(index) && cell.is_empty() => serde_json::to_writer(&mut *line, &()),
                None => serde_json::to_writer(&mut *line, &cell),
            }
            .map_err(std::io::Error::from)?;
            before = b',';
        }
        line.extend_from_slice(b"}\n");
        lines.write_full()
    })?;
    lines.finish()?;
    Ok(count)
}

/// The number that a cell prints.
fn integer(cell: &str) -> Option<i64> {
    is_integer(cell).then(|| cell.parse().ok()).flatten()
}

/// The cell with a `'` in front when a spreadsheet might take it for a formula. Plain numbers, such as `-5`, are none.
fn harmless(cell: Cow<'_, str>) -> Cow<'_, str> {
    // The last four are the full-width signs, which some spreadsheets fold into the plain ones.
    let is_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}']);
    if is_formula && !is_plain_number(&cell) { Cow::Owned(format!("'{cell}")) } else { cell }
}

/// Digits behind a sign, perhaps with a fraction.
fn is_plain_number(cell: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = cell.strip_prefix(['-', '+']).unwrap_or(cell);
    match number.split_once(['.', ',']) {
        Some((whole, fraction)) => digits(whole) && digits(fraction),
        None => digits(number),
    }
}
