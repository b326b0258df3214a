//! The crate as its callers use it.
#![allow(
    clippy::expect_used,
    clippy::format_push_string,
    clippy::indexing_slicing,
    clippy::needless_for_each,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that goes wrong is to stop"
)]

mod clean;
mod detect;
mod export;
mod profile;
mod read;
mod table;
mod text;

use dallosh_dataset::{DatasetError, Dialect, Limits, Reader, Reject, Step};

type Cells = Vec<Vec<String>>;

/// Header, rows and rejects of a file.
fn read_all(bytes: &[u8], dialect: &Dialect) -> Result<(Vec<String>, Cells, Vec<Reject>), DatasetError> {
    read_within(bytes, dialect, Limits::default())
}

fn read_within(
    bytes: &[u8],
    dialect: &Dialect,
    limits: Limits,
) -> Result<(Vec<String>, Cells, Vec<Reject>), DatasetError> {
    let mut reader = Reader::new(bytes, dialect, limits)?;
    let header = reader.header().names().to_vec();
    let (mut rows, mut rejects) = (Vec::new(), Vec::new());
    while let Some(step) = reader.read()? {
        match step {
            Step::Row(row) => rows.push(row.cells().map(Into::into).collect()),
            Step::Reject(reject) => rejects.push(reject),
        }
    }
    Ok((header, rows, rejects))
}

/// Rows as other people's code reads our files.
fn peer_read(bytes: &[u8]) -> Cells {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
    reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect()
}

/// A table as other people's code writes it.
fn peer_write(rows: &[Vec<String>], delimiter: char, crlf: bool, always: bool) -> String {
    let mut writer = csv::WriterBuilder::new()
        .has_headers(false)
        .delimiter(u8::try_from(delimiter).unwrap())
        .terminator(if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') })
        .quote_style(if always { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary })
        .from_writer(Vec::new());
    rows.iter().for_each(|row| writer.write_record(row).unwrap());
    String::from_utf8(writer.into_inner().unwrap()).unwrap()
}

fn comma() -> Dialect {
    dallosh_dataset::detect(b"id,text\n1,a\n", true).unwrap()
}
