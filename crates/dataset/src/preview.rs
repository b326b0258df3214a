use std::io::Read;

use serde::{Deserialize, Serialize};

use crate::{ColumnType, DatasetError, Dialect, Header, Limits, SAMPLE_BYTES, Step, reader::Rows, types::TypeGuess};

/// A column as it is shown above a preview.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PreviewColumn {
    /// Its name.
    pub name: String,
    /// What the cells seen are.
    #[serde(rename = "type")]
    pub column_type: ColumnType,
}

/// The first rows of a file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Preview {
    /// The columns in order.
    pub columns: Vec<PreviewColumn>,
    /// The first rows that can be read, each cell as it stands in the file.
    pub rows: Vec<Vec<String>>,
    /// Whether the whole file was seen and holds no further row.
    pub complete: bool,
}

/// Shows the first rows, reading at most [`SAMPLE_BYTES`] of the input.
pub fn preview(input: impl Read, dialect: &Dialect, rows: usize, limits: &Limits) -> Result<Preview, DatasetError> {
    let mut sample = Vec::new();
    let taken = input.take(SAMPLE_BYTES as u64).read_to_end(&mut sample)?;
    let whole = taken < SAMPLE_BYTES;
    let mut source = Rows::new(dialect, limits)?;
    source.push(&sample);
    if whole {
        source.end();
    }
    let mut shown = Vec::new();
    let mut more = false;
    loop {
        match source.next()? {
            Some(Step::Row(_)) if shown.len() == rows => {
                more = true;
                break;
            }
            Some(Step::Row(row)) => shown.push(row.cells().map(Into::into).collect::<Vec<String>>()),
            Some(Step::Reject(_)) => {}
            None => break,
        }
    }
    let Some(header) = source.header() else { return Err(DatasetError::RowTooLarge { line: 1 }) };
    Ok(Preview { columns: typed(header, &shown), rows: shown, complete: whole && !more })
}

pub(crate) fn typed(header: &Header, rows: &[Vec<String>]) -> Vec<PreviewColumn> {
    let columns = header.names().iter().enumerate().map(|(index, name)| {
        let mut guess = TypeGuess::new(name);
        rows.iter().filter_map(|row| row.get(index)).for_each(|cell| guess.add(cell));
        PreviewColumn { name: name.clone(), column_type: guess.finish() }
    });
    columns.collect()
}
