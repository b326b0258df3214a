//! A workbook of one sheet, whose rows are gathered in a file without a name.

use std::{
    borrow::Cow,
    io::{self, Read, Write},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::Path,
};

use rust_xlsxwriter::Workbook;

use super::{SourceRows, harmless, integer};
use crate::DatasetError;

/// Rows that a sheet holds, with the one of the names.
const SHEET_ROWS: u32 = 1_048_576;
/// Columns that a sheet holds.
const SHEET_COLUMNS: usize = 16_384;
/// UTF-16 units that a cell of a sheet holds; a longer one is cut there and ends with `…`.
const SHEET_CELL: usize = 32_767;
/// How the library panics when a row can't be written to its file.
const UNWRITTEN: &str = "Couldn't write to xml file";

/// Writes the workbook. The library panics where a disk is full, which is no mistake of anybody's.
pub fn xlsx(
    rows: SourceRows<impl Read>,
    is_safe: bool,
    scratch: &Path,
    output: impl Write + Send,
) -> Result<u64, DatasetError> {
    let written = catch_unwind(AssertUnwindSafe(|| write(rows, is_safe, scratch, output)));
    written.unwrap_or_else(|panic| match panic.downcast_ref::<String>().filter(|text| text.starts_with(UNWRITTEN)) {
        Some(text) => Err(io::Error::new(kind(text), text.clone()).into()),
        None => resume_unwind(panic),
    })
}

/// The kind of the error that a panic tells.
fn kind(text: &str) -> io::ErrorKind {
    let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded, io::ErrorKind::FileTooLarge];
    full.into_iter().find(|kind| text.contains(&format!("kind: {kind:?}"))).unwrap_or(io::ErrorKind::Other)
}

fn write(
    rows: SourceRows<impl Read>,
    is_safe: bool,
    scratch: &Path,
    output: impl Write + Send,
) -> Result<u64, DatasetError> {
    if rows.names().len() > SHEET_COLUMNS {
        return Err(DatasetError::SheetTooLarge);
    }
    let mut workbook = Workbook::new();
    workbook.set_tempdir(scratch)?;
    let sheet = workbook.add_worksheet_with_constant_memory()?;
    let text = |cell: Cow<'_, str>| fitting(if is_safe { harmless(cell) } else { cell });
    for (column, name) in (0_u16..).zip(rows.names()) {
        sheet.write_string(0, column, text(Cow::Borrowed(name)))?;
    }
    let priority = rows.priority;
    let mut next = 1;
    let count = rows.each(|row| {
        if next == SHEET_ROWS {
            return Err(DatasetError::SheetTooLarge);
        }
        for ((column, index), cell) in (0_u16..).zip(0..).zip(row.cells()) {
            match integer(&cell).filter(|_| priority == Some(index)).and_then(|number| i32::try_from(number).ok()) {
                Some(number) => sheet.write_number(next, column, number)?,
                None if cell.is_empty() => continue,
                None => sheet.write_string(next, column, text(cell))?,
            };
        }
        next += 1;
        Ok(())
    })?;
    workbook.save_to_writer(output)?;
    Ok(count)
}

/// What a cell of a sheet holds of a text.
fn fitting(text: Cow<'_, str>) -> String {
    // No text has more UTF-16 units than bytes.
    if text.len() <= SHEET_CELL || text.chars().map(char::len_utf16).sum::<usize>() <= SHEET_CELL {
        return text.into_owned();
    }
    let mut units = 1;
    let kept = text.chars().take_while(|one| {
        units += one.len_utf16();
        units <= SHEET_CELL
    });
    kept.chain(std::iter::once('…')).collect()
}
