//! The second pass over a file: duplicates out, `clean_text` and `is_outlier` beside the untouched cells.

use std::io::{Read, Write};

use hashbrown::{HashMap, HashSet, hash_map::Entry};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::{
    DatasetError, Dialect, Limits, Reader, Row, Step, Survey,
    survey::{is_missing, numeric},
    text::{clean_text_into, text_key},
    write,
};

/// Name of the column with the text as the model gets it.
pub const CLEAN_TEXT: &str = "clean_text";
/// Name of the column that says whether a number of the row is beyond its bounds.
pub const IS_OUTLIER: &str = "is_outlier";

/// Bytes gathered before they are written.
const CHUNK: usize = 256 * 1024;

/// What cleaning is to do.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CleanOptions {
    /// Column whose text is cleaned.
    pub text_column: String,
    /// Leaves outliers out instead of only marking them.
    pub drop_outliers: bool,
}

/// What cleaning did.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CleanCounts {
    /// Rows that could be read.
    pub rows_read: u64,
    /// Rows in the cleaned file.
    pub rows_kept: u64,
    /// Rows left out because one with the same id, or without an id the same cells, came before.
    pub duplicates_removed: u64,
    /// Those of them that equal the row that came before in every byte.
    pub exact_duplicates: u64,
    /// Kept and removed rows with a number beyond its bounds.
    pub outliers_flagged: u64,
    /// Those of them that were left out, as asked.
    pub outliers_removed: u64,
    /// Different texts among the kept rows, without empty ones.
    pub unique_texts: u64,
    /// Kept rows without a text.
    pub empty_texts: u64,
    /// What a person should know, in words.
    pub warnings: Vec<String>,
}

/// Writes the rows to keep, their cells unchanged, with `clean_text` and `is_outlier` behind them; and to `removed`
/// those left out, with their line, the reason and, of a duplicate, the number of the row that came before (counted
/// from 1, over rows that can be read) before them.
///
/// Memory grows with the number of rows by some 40 bytes each, and with nothing else.
pub fn clean(
    input: impl Read,
    dialect: &Dialect,
    limits: &Limits,
    survey: &Survey,
    options: &CleanOptions,
    output: impl Write,
    removed: impl Write,
) -> Result<CleanCounts, DatasetError> {
    let mut reader = Reader::new(input, dialect, limits.clone())?;
    let header = reader.header().clone();
    let text = header.get(&options.text_column)?;
    let id = survey.id_column.as_deref().map(|name| header.get(name)).transpose()?;
    let bounds = survey
        .bounds
        .iter()
        .map(|bounds| Ok((header.get(&bounds.column)?, bounds.lower, bounds.upper)))
        .collect::<Result<Vec<_>, DatasetError>>()?;

    let (names, warnings) = header.beside(&[CLEAN_TEXT, IS_OUTLIER]);
    let mut counts = CleanCounts { warnings, ..CleanCounts::default() };
    let (mut output, mut removed) = (Lines::new(output), Lines::new(removed));
    write::push_row(&mut output.buffer, names.iter().map(String::as_str).chain([CLEAN_TEXT, IS_OUTLIER]));
    write::push_row(
        &mut removed.buffer,
        ["line", "reason", "same_as"].into_iter().chain(header.names().iter().map(String::as_str)),
    );

    let mut rows = SeenRows::new(id);
    let mut texts = HashSet::<u64>::new();
    let mut cleaned = String::new();
    while let Some(step) = reader.read()? {
        let Step::Row(row) = step else { continue };
        counts.rows_read += 1;
        if let Some(Earlier { row: number, same }) = rows.repeated(&row, counts.rows_read) {
            counts.duplicates_removed += 1;
            counts.exact_duplicates += u64::from(same == Same::Bytes);
            removed.removed(&row, if same == Same::Id { "duplicate id" } else { "duplicate row" }, Some(number))?;
            continue;
        }
        let outlier = bounds.iter().any(|&(column, lower, upper)| {
            row.get(column).and_then(|cell| numeric(&cell)).is_some_and(|value| value < lower || value > upper)
        });
        counts.outliers_flagged += u64::from(outlier);
        if outlier && options.drop_outliers {
            counts.outliers_removed += 1;
            removed.removed(&row, "outlier", None)?;
            continue;
        }
        counts.rows_kept += 1;
        clean_text_into(&row.get(text).unwrap_or_default(), &mut cleaned);
        match text_key(&cleaned) {
            0 => counts.empty_texts += 1,
            key => counts.unique_texts += u64::from(texts.insert(low_bits(key))),
        }
        push_cells(&mut output.buffer, &row);
        output.buffer.push(b',');
        write::push_cell(&mut output.buffer, &cleaned);
        output.buffer.extend_from_slice(if outlier { b",true\n" } else { b",false\n" });
        output.write_full()?;
    }
    let other_cells = counts.duplicates_removed - counts.exact_duplicates;
    if other_cells > 0 {
        counts.warnings.push(format!("{other_cells} rows have the id of an earlier row and other cells"));
    }
    output.finish()?;
    removed.finish()?;
    Ok(counts)
}

/// The low half of a key is as good a hash as the whole.
fn low_bits(key: u128) -> u64 {
    u64::try_from(key & u128::from(u64::MAX)).unwrap_or_default()
}

/// Appends the cells of a row as they are, without a line end.
pub(crate) fn push_cells(line: &mut Vec<u8>, row: &Row<'_>) {
    if row.is_plain() {
        line.extend_from_slice(row.raw().as_bytes());
        return;
    }
    for (index, cell) in row.cells().enumerate() {
        if index > 0 {
            line.push(b',');
        }
        write::push_cell(line, &cell);
    }
}

/// Lines gathered into larger writes.
pub(crate) struct Lines<W> {
    pub buffer: Vec<u8>,
    output: W,
}

impl<W: Write> Lines<W> {
    pub fn new(output: W) -> Self {
        Self { buffer: Vec::with_capacity(CHUNK + CHUNK / 4), output }
    }

    /// Writes what was gathered once it is enough.
    pub fn write_full(&mut self) -> Result<(), DatasetError> {
        if self.buffer.len() >= CHUNK {
            self.output.write_all(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }

    pub fn finish(mut self) -> Result<(), DatasetError> {
        self.output.write_all(&self.buffer)?;
        self.output.flush()?;
        Ok(())
    }

    fn removed(&mut self, row: &Row<'_>, reason: &str, same_as: Option<u32>) -> Result<(), DatasetError> {
        self.buffer.extend_from_slice(row.line().to_string().as_bytes());
        self.buffer.push(b',');
        write::push_cell(&mut self.buffer, reason);
        self.buffer.push(b',');
        if let Some(number) = same_as {
            self.buffer.extend_from_slice(number.to_string().as_bytes());
        }
        self.buffer.push(b',');
        push_cells(&mut self.buffer, row);
        self.buffer.push(b'\n');
        self.write_full()
    }
}

/// In what a row equals an earlier one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Same {
    Id,
    Bytes,
}

/// A row that came before.
#[derive(Clone, Copy)]
struct Earlier {
    /// Its number, counted from 1.
    row: u32,
    same: Same,
}

/// Hashes of the rows that went by.
struct SeenRows {
    id: Option<usize>,
    /// For the hash of each id that of its whole first row, cut in half to leave room for the row's number; for rows
    /// without an id those of their cells.
    seen: HashMap<u64, (u32, u32)>,
}

impl SeenRows {
    fn new(id: Option<usize>) -> Self {
        Self { id, seen: HashMap::new() }
    }

    /// The row that this one repeats; remembers it under its number if there is none.
    fn repeated(&mut self, row: &Row<'_>, number: u64) -> Option<Earlier> {
        let id = self.id.and_then(|id| row.get(id)).filter(|cell| !is_missing(cell));
        let (key, whole) = if let Some(id) = id {
            (xxh3_64(id.as_bytes()), xxh3_64(row.raw().as_bytes()))
        } else {
            let cells = cells_hash(row);
            (cells, cells)
        };
        let half = u32::try_from(whole >> 32).unwrap_or_default();
        match self.seen.entry(key) {
            Entry::Vacant(entry) => {
                entry.insert((half, u32::try_from(number).unwrap_or(u32::MAX)));
                None
            }
            Entry::Occupied(entry) => {
                let (first, row) = *entry.get();
                Some(Earlier { row, same: if first == half { Same::Bytes } else { Same::Id } })
            }
        }
    }
}

/// Hash of the cells, however they are quoted.
fn cells_hash(row: &Row<'_>) -> u64 {
    let mut hash = Xxh3::new();
    for cell in row.cells() {
        hash.update(&(cell.len() as u64).to_le_bytes());
        hash.update(cell.as_bytes());
    }
    hash.digest()
}
