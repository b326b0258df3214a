use std::io::Read;

use crate::{
    DatasetError, Dialect, Limits, SAMPLE_BYTES, Step,
    columns::{ColumnSample, id_by_name, text_column},
    detect,
    reader::Rows,
};

/// Rows from which the text column is guessed.
const SAMPLE_ROWS: u64 = 1_000;

/// What one look at a whole file tells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Inspection {
    /// How it is written.
    pub dialect: Dialect,
    /// Names of the columns, made unique.
    pub columns: Vec<String>,
    /// Rows that can be read, without header and rejects.
    pub row_count: u64,
    /// Rows that can't.
    pub rejected_rows: u64,
    /// The column to be labelled, when one is clear.
    pub text_column: Option<String>,
    /// The column that tells rows apart, when one is clear.
    pub id_column: Option<String>,
    /// What a person should know, in words.
    pub warnings: Vec<String>,
}

/// Inspects a file in the chunks in which it arrives.
pub struct Inspector {
    limits: Limits,
    /// The beginning, until there is enough of it to detect the dialect.
    head: Vec<u8>,
    count: Option<Count>,
}

impl Inspector {
    /// Detects the dialect by itself.
    pub fn new(limits: Limits) -> Self {
        Self { limits, head: Vec::new(), count: None }
    }

    /// Reads with a dialect that is given.
    pub fn with_dialect(dialect: &Dialect, limits: Limits) -> Result<Self, DatasetError> {
        let count = Some(Count::new(dialect, &limits)?);
        Ok(Self { limits, head: Vec::new(), count })
    }

    /// Takes the next bytes, however many.
    ///
    /// # Errors
    /// Fails as soon as it is clear that the file can't be read; nothing more is to be fed then.
    pub fn feed(&mut self, mut chunk: &[u8]) -> Result<(), DatasetError> {
        if self.count.is_none() {
            let wanted = SAMPLE_BYTES.saturating_sub(self.head.len()).min(chunk.len());
            let (head, rest) = chunk.split_at(wanted);
            self.head.extend_from_slice(head);
            if self.head.len() < SAMPLE_BYTES {
                return Ok(());
            }
            self.start(false)?;
            chunk = rest;
        }
        // Detection sees the same bytes whatever the chunks, and so do errors of rows.
        match &mut self.count {
            Some(count) => chunk.chunks(SAMPLE_BYTES).try_for_each(|part| count.feed(part)),
            None => Ok(()),
        }
    }

    /// Tells that the file is over.
    pub fn finish(mut self) -> Result<Inspection, DatasetError> {
        if self.count.is_none() {
            self.start(true)?;
        }
        match self.count {
            Some(count) => count.finish(),
            None => Err(DatasetError::Empty),
        }
    }

    fn start(&mut self, complete: bool) -> Result<(), DatasetError> {
        let head = std::mem::take(&mut self.head);
        if head.trim_ascii().is_empty() && complete {
            return Err(DatasetError::Empty);
        }
        let mut count = Count::new(&detect(&head, complete)?, &self.limits)?;
        count.feed(&head)?;
        self.count = Some(count);
        Ok(())
    }
}

/// Inspects a whole file, with its dialect detected unless one is given.
pub fn inspect(mut input: impl Read, dialect: Option<&Dialect>, limits: Limits) -> Result<Inspection, DatasetError> {
    let mut inspector = match dialect {
        Some(dialect) => Inspector::with_dialect(dialect, limits)?,
        None => Inspector::new(limits),
    };
    let mut buffer = vec![0; SAMPLE_BYTES];
    loop {
        match input.read(&mut buffer) {
            Ok(0) => return inspector.finish(),
            Ok(count) => inspector.feed(buffer.get(..count).unwrap_or_default())?,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}

struct Count {
    dialect: Dialect,
    rows: Rows,
    good: u64,
    rejected: u64,
    samples: Vec<ColumnSample>,
}

impl Count {
    fn new(dialect: &Dialect, limits: &Limits) -> Result<Self, DatasetError> {
        Ok(Self {
            dialect: dialect.clone(),
            rows: Rows::new(dialect, limits)?,
            good: 0,
            rejected: 0,
            samples: Vec::new(),
        })
    }

    fn feed(&mut self, chunk: &[u8]) -> Result<(), DatasetError> {
        self.rows.push(chunk);
        self.drain()
    }

    fn drain(&mut self) -> Result<(), DatasetError> {
        while let Some(step) = self.rows.next()? {
            match step {
                Step::Row(row) => {
                    if self.good < SAMPLE_ROWS {
                        self.samples.resize_with(row.len(), ColumnSample::default);
                        self.samples.iter_mut().zip(row.cells()).for_each(|(sample, cell)| sample.add(&cell));
                    }
                    self.good += 1;
                }
                Step::Reject(_) => self.rejected += 1,
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Inspection, DatasetError> {
        self.rows.end();
        self.drain()?;
        let Some(header) = self.rows.header() else { return Err(DatasetError::Empty) };
        let names = header.names();
        let name = |index: usize| names.get(index).cloned();
        let text_column = text_column(names, &self.samples).and_then(name);
        if let Some(name) = &text_column
            && header.repeats(name)
        {
            return Err(DatasetError::DuplicateTextColumn { name: name.clone() });
        }
        let mut warnings = header.warnings().to_vec();
        if self.rows.looks_single_byte() && self.dialect.encoding == crate::Encoding::Utf8 {
            warnings.push("some rows are not UTF-8; the file looks like windows-1252".to_owned());
        }
        if self.rejected > 0 {
            warnings.push(format!("{} rows can't be read", self.rejected));
        }
        Ok(Inspection {
            dialect: self.dialect,
            columns: names.to_vec(),
            row_count: self.good,
            rejected_rows: self.rejected,
            text_column,
            id_column: id_by_name(names).and_then(name),
            warnings,
        })
    }
}
