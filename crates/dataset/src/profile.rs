//! What the columns of a file hold, in one pass and in memory that does not grow with the rows.

mod distinct;
mod frequent;
mod histogram;
mod text;

use std::io::Read;

use xxhash_rust::xxh3::xxh3_64;

use self::{
    distinct::DistinctValues,
    frequent::FrequentValues,
    histogram::{NumberHistogram, TimeHistogram, time_text},
    text::Texts,
};
use crate::{
    ColumnType, DatasetError, Dialect, Limits, Reader, Step,
    types::{TypeGuess, number, time},
};

pub use self::{
    distinct::Distinct,
    frequent::FrequentValue,
    histogram::HistogramBin,
    text::{LanguageShare, TextProfile, estimated_tokens},
};

/// Different values of a column that are counted exactly.
const EXACT: usize = 4_096;
/// Values that are counted one by one, in all columns together, and at least in each.
const COUNTED: (usize, usize) = (65_536, 64);

/// What a file holds.
#[derive(Clone, PartialEq, Debug)]
pub struct Profile {
    /// Rows that can be read.
    pub rows: u64,
    /// Rows that can't.
    pub rejected_rows: u64,
    /// The columns in order.
    pub columns: Vec<ColumnProfile>,
    /// The column of the posts, when there is one.
    pub text: Option<TextProfile>,
}

/// What a column holds. A cell that is empty or blank counts as blank and as nothing else.
#[derive(Clone, PartialEq, Debug)]
pub struct ColumnProfile {
    /// Its name.
    pub name: String,
    /// What every filled cell is; nothing when there are none.
    pub column_type: Option<ColumnType>,
    /// Empty and blank cells.
    pub blank: u64,
    /// Different values.
    pub distinct: Distinct,
    /// Of numbers and times: the least of them. A time is told in UTC.
    pub min: Option<String>,
    /// The greatest.
    pub max: Option<String>,
    /// The mean.
    pub mean: Option<String>,
    /// Characters of the cells.
    pub lengths: Option<Lengths>,
    /// Of numbers and times: at most 20 bins of equal width.
    pub histogram: Vec<HistogramBin>,
    /// The most frequent values, at most 10.
    pub top_values: Vec<FrequentValue>,
    /// Whether the counts of these may be too low, and frequent values missing.
    pub top_values_are_estimates: bool,
}

/// Characters of the filled cells of a column.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Lengths {
    /// Of the shortest.
    pub min: u64,
    /// Of the longest.
    pub max: u64,
    /// On average.
    pub mean: f64,
}

/// Reads a file once and describes its columns; that of the posts, when it is there, in more detail.
pub fn profile(
    input: impl Read,
    dialect: &Dialect,
    limits: Limits,
    text_column: Option<&str>,
) -> Result<Profile, DatasetError> {
    let mut reader = Reader::new(input, dialect, limits)?;
    let names = reader.header().names().to_vec();
    let mut text = text_column.and_then(|name| reader.header().find(name)).map(Texts::new);
    let counted = (COUNTED.0 / names.len().max(1)).max(COUNTED.1);
    let mut columns: Vec<_> = names.iter().map(|name| Column::new(name, counted)).collect();
    let (mut rows, mut rejected_rows) = (0, 0);
    while let Some(step) = reader.read()? {
        match step {
            Step::Row(row) => {
                rows += 1;
                columns.iter_mut().zip(row.cells()).for_each(|(column, cell)| column.add(&cell));
                if let Some(text) = &mut text {
                    text.add(&row);
                }
            }
            Step::Reject(_) => rejected_rows += 1,
        }
    }
    Ok(Profile {
        rows,
        rejected_rows,
        columns: names.into_iter().zip(columns).map(|(name, column)| column.finish(name)).collect(),
        text: text.map(|text| text.finish(text_column.unwrap_or_default().to_owned())),
    })
}

/// Gathers a [`ColumnProfile`] cell by cell.
struct Column {
    guess: TypeGuess,
    blank: u64,
    filled: u64,
    distinct: DistinctValues,
    frequent: FrequentValues,
    characters: u64,
    shortest: u64,
    longest: u64,
    numbers: Numbers,
    times: Times,
}

impl Column {
    fn new(name: &str, counted: usize) -> Self {
        Self {
            guess: TypeGuess::new(name),
            blank: 0,
            filled: 0,
            distinct: DistinctValues::new(EXACT),
            frequent: FrequentValues::new(counted),
            characters: 0,
            shortest: u64::MAX,
            longest: 0,
            numbers: Numbers::default(),
            times: Times::default(),
        }
    }

    fn add(&mut self, cell: &str) {
        if cell.trim().is_empty() {
            self.blank += 1;
            return;
        }
        self.filled += 1;
        let hash = xxh3_64(cell.as_bytes());
        self.distinct.add(hash);
        self.frequent.add(hash, cell);
        let characters = u64::try_from(cell.chars().count()).unwrap_or(u64::MAX);
        self.characters = self.characters.saturating_add(characters);
        self.shortest = self.shortest.min(characters);
        self.longest = self.longest.max(characters);
        self.guess.add(cell);
        match self.guess.finish() {
            ColumnType::Integer | ColumnType::Number => self.numbers.add(cell),
            ColumnType::Time => self.times.add(cell),
            ColumnType::Text | ColumnType::Boolean => {}
        }
    }

    fn finish(self, name: String) -> ColumnProfile {
        let column_type = (self.filled > 0).then(|| self.guess.finish());
        let lengths = (self.filled > 0).then(|| Lengths {
            min: self.shortest,
            max: self.longest,
            mean: float(self.characters) / float(self.filled),
        });
        let (top_values, top_values_are_estimates) = self.frequent.finish();
        let (range, mean, histogram) = match column_type {
            Some(kind @ (ColumnType::Integer | ColumnType::Number)) => {
                let Numbers { range, sum, histogram } = self.numbers;
                let mean = (sum / float(self.filled)).to_string();
                let range = range.map(|(least, most)| (least.1, most.1));
                (range, Some(mean), histogram.finish(kind == ColumnType::Integer))
            }
            Some(ColumnType::Time) => {
                let Times { range, sum, histogram } = self.times;
                let mean = i64::try_from(sum / i128::from(self.filled)).ok().and_then(time_text);
                let range = range.and_then(|(least, most)| Some((time_text(least)?, time_text(most)?)));
                (range, mean, histogram.finish())
            }
            _ => (None, None, Vec::new()),
        };
        let (min, max) = range.unzip();
        ColumnProfile {
            name,
            column_type,
            blank: self.blank,
            distinct: self.distinct.finish(),
            min,
            max,
            mean,
            lengths,
            histogram,
            top_values,
            top_values_are_estimates,
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of cells and characters stay below 2^53, up to which this is exact"
)]
fn float(count: u64) -> f64 {
    count as f64
}

/// The numbers of a column as far as all its cells are some; the least and the greatest as they stand in the file.
#[derive(Default)]
struct Numbers {
    range: Option<((f64, String), (f64, String))>,
    sum: f64,
    histogram: NumberHistogram,
}

impl Numbers {
    fn add(&mut self, cell: &str) {
        // Eighteen digits are an integer without being a number that prints back the same.
        let Some(value) = number(cell).or_else(|| cell.parse().ok()) else { return };
        self.sum += value;
        self.histogram.add(value);
        match &mut self.range {
            None => self.range = Some(((value, cell.to_owned()), (value, cell.to_owned()))),
            Some((least, most)) => {
                if is_before((value, cell), (least.0, &least.1)) {
                    *least = (value, cell.to_owned());
                }
                if is_before((most.0, &most.1), (value, cell)) {
                    *most = (value, cell.to_owned());
                }
            }
        }
    }
}

/// Whether a number is smaller; integers that are the same as numbers are told apart exactly.
fn is_before(one: (f64, &str), other: (f64, &str)) -> bool {
    one.0 < other.0
        || (one.0 <= other.0 && one.1.parse::<i64>().ok().zip(other.1.parse().ok()).is_some_and(|(a, b)| a < b))
}

/// The times of a column.
#[derive(Default)]
struct Times {
    range: Option<(i64, i64)>,
    sum: i128,
    histogram: TimeHistogram,
}

impl Times {
    fn add(&mut self, cell: &str) {
        let Some(micros) = time(cell) else { return };
        self.sum += i128::from(micros);
        self.histogram.add(micros);
        let (least, most) = self.range.unwrap_or((micros, micros));
        self.range = Some((least.min(micros), most.max(micros)));
    }
}
