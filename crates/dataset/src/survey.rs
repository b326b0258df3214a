//! The first pass over a file: counts, rejects, the id column and the bounds beyond which a value is an outlier.

use std::io::{Read, Write};

use hashbrown::{HashMap, HashSet};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::{
    DatasetError, Dialect, Header, Limits, Reader, Reject, Row, Step,
    columns::{id_by_name, is_id_name, plain_name},
    rejects::{push_reject, push_reject_header},
};

/// Columns that count reactions.
const ENGAGEMENT: [&str; 6] =
    ["favorite_count", "retweet_count", "bookmark_count", "quote_count", "reply_count", "views_count"];

/// Rejects that are borne whatever their share, and how many of them an error names.
const BORNE: u64 = 20;

/// Distinct values of a column that are counted exactly; beyond, values that differ in their last bits are counted as one.
const EXACT_VALUES: usize = 65_536;

/// Small whole numbers, counted without hashing.
const SMALL: usize = 1_024;

/// What is usual in a column of numbers: within one and a half interquartile ranges of the quartiles.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct OutlierBounds {
    /// The column.
    pub column: String,
    /// Least usual value.
    pub lower: f64,
    /// Greatest usual value.
    pub upper: f64,
}

/// What the first pass found; stored as a checkpoint.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Survey {
    /// Rows that can be read.
    pub rows_read: u64,
    /// Rows that can't, listed in the rejects file.
    pub rejected: u64,
    /// Names of the columns, made unique.
    pub header: Vec<String>,
    /// The column by which duplicates are found; without one whole rows are compared.
    pub id_column: Option<String>,
    /// Bounds of the numeric columns; a column in which most values are the same has none.
    pub bounds: Vec<OutlierBounds>,
    /// What a person should know, in words.
    pub warnings: Vec<String>,
}

/// Counts rows, writes rejects as CSV and computes the bounds of outliers, in memory that doesn't grow with the rows
/// but for 8 bytes an id.
///
/// # Errors
/// [`DatasetError::TooManyRejects`] when more than one row in a hundred, and more than 20, can't be read; the rejects
/// are written all the same.
pub fn survey(
    input: impl Read,
    dialect: &Dialect,
    limits: &Limits,
    mut rejects: impl Write,
) -> Result<Survey, DatasetError> {
    let mut reader = Reader::new(input, dialect, limits.clone())?;
    let header = reader.header().clone();
    let mut ids = id_by_name(header.names()).map(Ids::new);
    let mut columns = numeric_candidates(&header);
    let (mut rows_read, mut rejected, mut first, mut line) = (0, 0, Vec::new(), Vec::new());
    push_reject_header(&mut line);
    while let Some(step) = reader.read()? {
        match step {
            Step::Row(row) => {
                rows_read += 1;
                for column in &mut columns {
                    column.add(&row);
                }
                if let Some(ids) = &mut ids {
                    ids.add(&row);
                }
            }
            Step::Reject(reject) => {
                rejected += 1;
                push_reject(&mut line, &reject);
                rejects.write_all(&line)?;
                line.clear();
                if rejected <= BORNE {
                    first.push(reject);
                }
            }
        }
    }
    rejects.write_all(&line)?;
    rejects.flush()?;
    too_many(rejected, rows_read, first)?;

    let mut warnings = header.warnings().to_vec();
    let name = |index: usize| header.names().get(index).cloned();
    let id_column = ids.and_then(|ids| match ids.verdict(rows_read) {
        Ok(()) => name(ids.index),
        Err(why) => {
            let column = name(ids.index).unwrap_or_default();
            warnings.push(format!("column {column:?} is not used to find duplicates: {why}"));
            None
        }
    });
    let bounds = columns.iter().filter_map(|column| {
        let (lower, upper) = column.bounds()?;
        Some(OutlierBounds { column: name(column.index)?, lower, upper })
    });
    Ok(Survey { rows_read, rejected, bounds: bounds.collect(), header: header.names().to_vec(), id_column, warnings })
}

fn too_many(rejected: u64, read: u64, first: Vec<Reject>) -> Result<(), DatasetError> {
    let rows = read + rejected;
    if rejected > BORNE && rejected * 100 > rows {
        return Err(DatasetError::TooManyRejects { rejected, rows, first });
    }
    Ok(())
}

/// Engagement columns where there are any, otherwise all columns that may turn out to hold numbers.
fn numeric_candidates(header: &Header) -> Vec<Numbers> {
    let with = |wanted: fn(&str) -> bool, strict: bool| -> Vec<Numbers> {
        let names = header.names().iter().enumerate();
        names.filter(|(_, name)| wanted(name)).map(|(index, _)| Numbers::new(index, strict)).collect()
    };
    let known = with(|name| ENGAGEMENT.contains(&&*plain_name(name)), false);
    if known.is_empty() { with(|name| !is_id_name(name), true) } else { known }
}

/// Whether the id column tells rows apart.
struct Ids {
    index: usize,
    seen: HashSet<u64>,
    filled: u64,
    exponents: u64,
}

impl Ids {
    fn new(index: usize) -> Self {
        Self { index, seen: HashSet::new(), filled: 0, exponents: 0 }
    }

    fn add(&mut self, row: &Row<'_>) {
        let Some(cell) = row.get(self.index) else { return };
        if is_missing(&cell) {
            return;
        }
        self.filled += 1;
        self.seen.insert(xxh3_64(cell.as_bytes()));
        self.exponents += u64::from(is_exponent(&cell));
    }

    fn verdict(&self, rows: u64) -> Result<(), &'static str> {
        let distinct = self.seen.len() as u64;
        if self.exponents * 10 > self.filled {
            Err("its values are rounded numbers such as 5.7E+17")
        } else if self.filled * 2 < rows {
            Err("most of its cells are empty")
        } else if distinct * 2 < self.filled {
            Err("too few of its values are distinct")
        } else {
            Ok(())
        }
    }
}

/// A number in exponent form, as spreadsheets make of long ids.
fn is_exponent(cell: &str) -> bool {
    let digits = cell.as_bytes();
    digits.first().is_some_and(u8::is_ascii_digit)
        && digits.iter().any(|byte| matches!(byte, b'e' | b'E'))
        && digits.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'e' | b'E' | b'+' | b'-' | b'.' | b','))
}

/// A cell that stands for "no value".
pub(crate) fn is_missing(cell: &str) -> bool {
    cell.len() <= 4 && ["", "null", "NULL", "NA", "N/A", "NaN", "nan", "None", "none"].contains(&cell.trim())
}

/// A cell as a number.
pub(crate) fn numeric(cell: &str) -> Option<f64> {
    let first = cell.as_bytes().first()?;
    if !matches!(first, b'0'..=b'9' | b'-' | b'+' | b'.' | b' ') {
        return None;
    }
    cell.trim().parse::<f64>().ok().filter(|value| value.is_finite())
}

/// How often each value of a column comes.
struct Numbers {
    index: usize,
    /// Cells that are no numbers end it.
    strict: bool,
    spoilt: bool,
    small: Vec<u64>,
    others: HashMap<u64, u64>,
    /// Low bits of a value's key that are cut off.
    shift: u32,
}

impl Numbers {
    fn new(index: usize, strict: bool) -> Self {
        Self { index, strict, spoilt: false, small: vec![0; SMALL], others: HashMap::new(), shift: 0 }
    }

    fn add(&mut self, row: &Row<'_>) {
        if self.spoilt {
            return;
        }
        let Some(cell) = row.get(self.index) else { return };
        if let Some(count) = small_number(&cell).and_then(|value| self.small.get_mut(value)) {
            *count += 1;
        } else if let Some(value) = numeric(&cell) {
            *self.others.entry(key(value) >> self.shift).or_default() += 1;
            if self.others.len() > EXACT_VALUES {
                self.coarsen();
            }
        } else if self.strict && !is_missing(&cell) {
            self.spoilt = true;
            self.others = HashMap::new();
        }
    }

    /// Halves the precision until few enough values are left; the outcome doesn't depend on their order.
    fn coarsen(&mut self) {
        while self.others.len() > EXACT_VALUES {
            self.shift += 1;
            let mut merged = HashMap::with_capacity(self.others.len());
            for (key, count) in self.others.drain() {
                *merged.entry(key >> 1).or_default() += count;
            }
            self.others = merged;
        }
    }

    /// Quartiles by linear interpolation and one and a half times their distance; nothing without a spread.
    fn bounds(&self) -> Option<(f64, f64)> {
        if self.spoilt {
            return None;
        }
        let small = self
            .small
            .iter()
            .zip(0_u32..)
            .filter(|(count, _)| **count > 0)
            .map(|(count, value)| (f64::from(value), *count));
        let others = self.others.iter().map(|(key, count)| (value(key << self.shift), *count));
        let mut counts: Vec<(f64, u64)> = small.chain(others).collect();
        counts.sort_by(|left, right| left.0.total_cmp(&right.0));
        let total: u64 = counts.iter().map(|(_, count)| count).sum();
        let last = total.checked_sub(1)?;
        let quartile = |quarters: u64| {
            let place = last * quarters;
            let (low, high) = (nth(&counts, place / 4), nth(&counts, (place / 4 + 1).min(last)));
            let part = [0.0, 0.25, 0.5, 0.75].into_iter().nth(usize::try_from(place % 4).ok()?)?;
            Some(low? + (high? - low?) * part)
        };
        let (first, third) = (quartile(1)?, quartile(3)?);
        let spread = third - first;
        (spread > 0.0).then_some((first - 1.5 * spread, third + 1.5 * spread))
    }
}

fn nth(counts: &[(f64, u64)], place: u64) -> Option<f64> {
    let mut before = 0;
    counts.iter().find_map(|(value, count)| {
        before += count;
        (before > place).then_some(*value)
    })
}

/// A canonical whole number of at most four digits.
fn small_number(cell: &str) -> Option<usize> {
    let digits = cell.as_bytes();
    if digits.is_empty() || digits.len() > 4 {
        return None;
    }
    digits.iter().try_fold(0, |value, byte| byte.is_ascii_digit().then(|| value * 10 + usize::from(byte - b'0')))
}

/// Bits of a number in an order that is that of the numbers.
fn key(value: f64) -> u64 {
    let bits = (value + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | (1 << 63) }
}

fn value(key: u64) -> f64 {
    f64::from_bits(if key >> 63 == 1 { key & !(1 << 63) } else { !key })
}
