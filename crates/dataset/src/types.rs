//! What the cells of a column are, for previews and tables; the cells themselves stay text.

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use serde::{Deserialize, Serialize};

use crate::columns::is_id_name;

/// What every filled cell of a column is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnType {
    /// Anything.
    Text,
    /// A canonical integer of at most 18 digits, in a column that holds no ids.
    Integer,
    /// A number that prints back the same.
    Number,
    /// `true` or `false`.
    Boolean,
    /// A point in time, or a day.
    Time,
}

/// The narrowest type of one cell.
pub(crate) fn type_of(cell: &str) -> ColumnType {
    match cell.as_bytes().first() {
        Some(b't' | b'f') if cell == "true" || cell == "false" => ColumnType::Boolean,
        Some(b'0'..=b'9' | b'-') => {
            if is_integer(cell) {
                ColumnType::Integer
            } else if number(cell).is_some() {
                ColumnType::Number
            } else if time(cell).is_some() {
                ColumnType::Time
            } else {
                ColumnType::Text
            }
        }
        Some(b'A'..=b'Z') if time(cell).is_some() => ColumnType::Time,
        _ => ColumnType::Text,
    }
}

/// Gathers the type of a column from its cells.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TypeGuess {
    found: Option<ColumnType>,
    /// An integer was seen that would not print back the same as a number.
    wide: bool,
}

impl TypeGuess {
    pub fn new(name: &str) -> Self {
        Self { found: is_id_name(name).then_some(ColumnType::Text), wide: false }
    }

    pub fn add(&mut self, cell: &str) {
        if cell.is_empty() || self.found == Some(ColumnType::Text) {
            return;
        }
        let cell_type = type_of(cell);
        // Up to 15 digits every integer is a number too.
        self.wide = self.wide || (cell_type == ColumnType::Integer && cell.len() > 15 && number(cell).is_none());
        self.found = Some(match (self.found, cell_type) {
            (None, _) => cell_type,
            (Some(found), _) if found == cell_type => found,
            (Some(ColumnType::Integer | ColumnType::Number), ColumnType::Integer | ColumnType::Number)
                if !self.wide =>
            {
                ColumnType::Number
            }
            _ => ColumnType::Text,
        });
    }

    pub fn finish(self) -> ColumnType {
        self.found.unwrap_or(ColumnType::Text)
    }
}

/// Whether the cell is an integer exactly as it would be printed, of at most 18 digits.
pub(crate) fn is_integer(cell: &str) -> bool {
    let digits = cell.strip_prefix('-').unwrap_or(cell).as_bytes();
    let canonical = match digits {
        [b'0'] => !cell.starts_with('-'),
        [first, ..] => *first != b'0',
        [] => false,
    };
    canonical && digits.len() <= 18 && digits.iter().all(u8::is_ascii_digit)
}

/// A finite number that prints back the same.
pub(crate) fn number(cell: &str) -> Option<f64> {
    let value = cell.parse::<f64>().ok().filter(|value| value.is_finite())?;
    (value.to_string() == cell).then_some(value)
}

/// A time in microseconds since 1970 in UTC; one without an offset is taken for UTC.
pub(crate) fn time(cell: &str) -> Option<i64> {
    if !(8..=40).contains(&cell.len()) {
        return None;
    }
    if cell.starts_with(|first: char| first.is_ascii_uppercase()) {
        let time =
            DateTime::parse_from_str(cell, "%a %b %d %H:%M:%S %z %Y").or_else(|_| DateTime::parse_from_rfc2822(cell));
        return time.ok().map(|time| time.timestamp_micros());
    }
    if cell.as_bytes().get(4) != Some(&b'-') {
        return None;
    }
    if let Ok(day) = NaiveDate::parse_from_str(cell, "%Y-%m-%d") {
        return day.and_hms_opt(0, 0, 0).map(|time| time.and_utc().timestamp_micros());
    }
    let zoned =
        ["%Y-%m-%d %H:%M:%S%.f %:z", "%Y-%m-%dT%H:%M:%S%.f%:z", "%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M:%S%.f%#z"];
    if let Some(time) = zoned.iter().find_map(|format| DateTime::parse_from_str(cell, format).ok()) {
        return Some(time.timestamp_micros());
    }
    let bare = cell.strip_suffix('Z').unwrap_or(cell);
    ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(bare, format).ok())
        .map(|time| time.and_utc().timestamp_micros())
}
