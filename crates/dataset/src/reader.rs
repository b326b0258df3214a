//! Reads rows one by one: from anything that can be read, or from chunks as they arrive.

use std::{borrow::Cow, fmt::Write, io::Read};

use encoding_rs::{Decoder, DecoderResult, UTF_16BE, UTF_16LE, WINDOWS_1252};

use crate::{
    DatasetError, Dialect, Encoding, Header, Reject,
    splitter::{Record, Span, Splitter, line_breaks},
};

/// Bytes asked of the input at once.
const CHUNK: usize = 256 * 1024;

/// Longest excerpt of a row that can't be read.
const RAW_BYTES: usize = 8 * 1024;

/// What a file may hold; all are enforced while streaming.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes of one cell, as UTF-8.
    pub field_bytes: usize,
    /// Bytes of one row, as UTF-8.
    pub row_bytes: usize,
    /// Columns.
    pub columns: usize,
    /// Rows, with rejects and blank lines.
    pub rows: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { field_bytes: 256 * 1024, row_bytes: 1024 * 1024, columns: 1_000, rows: 5_000_000 }
    }
}

impl Limits {
    /// Those of files that this crate wrote: they were within limits when they were read, and cells were added since.
    pub fn ours() -> Self {
        let limit = 16 * 1024 * 1024;
        Self { field_bytes: limit, row_bytes: limit * 2, columns: usize::MAX, rows: u64::MAX - 1 }
    }
}

/// One step through a file.
#[derive(Debug)]
pub enum Step<'a> {
    /// A row with as many cells as there are columns.
    Row(Row<'a>),
    /// A row that can't be read; the ones behind it can.
    Reject(Reject),
}

/// A row, borrowed from the reader's buffer.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    text: &'a str,
    spans: &'a [Span],
    line: u64,
    offset: u64,
    delimiter: u8,
    quote: u8,
}

impl<'a> Row<'a> {
    /// Line on which the row begins, counted from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Byte of the file on which the row begins; [`Reader::resume`] goes on there.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Number of cells.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there are no cells, which no row has.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// A cell; it is copied only when it holds doubled quotes.
    pub fn get(&self, index: usize) -> Option<Cow<'a, str>> {
        self.spans.get(index).map(|span| self.cell(span))
    }

    /// The cells in order.
    pub fn cells(&self) -> impl Iterator<Item = Cow<'a, str>> + use<'a> {
        let row = *self;
        self.spans.iter().map(move |span| row.cell(span))
    }

    /// The row as it stands in the file, without its line end, decoded.
    pub fn raw(&self) -> &'a str {
        self.text
    }

    /// Whether the raw row can be written to a file of ours as it stands.
    pub(crate) fn is_plain(&self) -> bool {
        self.delimiter == b',' && self.quote == b'"' && !self.text.is_empty()
    }

    fn cell(&self, span: &Span) -> Cow<'a, str> {
        let text = self.text.get(span.start..span.end).unwrap_or_default();
        if span.doubled {
            let quote = char::from(self.quote);
            let mut cell = String::with_capacity(text.len());
            let mut parts = text.split(quote);
            cell.push_str(parts.next().unwrap_or_default());
            // Every second part stands between the two signs of a doubled quote and is empty.
            while let (Some(_), Some(part)) = (parts.next(), parts.next()) {
                cell.push(quote);
                cell.push_str(part);
            }
            Cow::Owned(cell)
        } else {
            Cow::Borrowed(text)
        }
    }
}

/// Rows of bytes that are pushed in.
pub(crate) struct Rows {
    splitter: Splitter,
    decoder: Option<Decoder>,
    dialect: Dialect,
    limits: Limits,
    header: Option<Header>,
    /// The first record of a file without a header was read for its width and is still to be given out.
    replay: Option<Record>,
    /// Bytes of the file that went through the decoder.
    decoded: u64,
    last: bool,
    /// Rows, rejects and blank lines.
    seen: u64,
    undecoded: u64,
    beyond_ascii: bool,
}

impl Rows {
    pub fn new(dialect: &Dialect, limits: &Limits) -> Result<Self, DatasetError> {
        let decoder = match dialect.encoding {
            Encoding::Utf8 => None,
            Encoding::Windows1252 => Some(WINDOWS_1252.new_decoder_without_bom_handling()),
            Encoding::Utf16Le => Some(UTF_16LE.new_decoder_without_bom_handling()),
            Encoding::Utf16Be => Some(UTF_16BE.new_decoder_without_bom_handling()),
        };
        Ok(Self {
            splitter: Splitter::new(dialect, limits.clone())?,
            decoder,
            dialect: dialect.clone(),
            limits: limits.clone(),
            header: None,
            replay: None,
            decoded: 0,
            last: false,
            seen: 0,
            undecoded: 0,
            beyond_ascii: false,
        })
    }

    pub fn header(&self) -> Option<&Header> {
        self.header.as_ref()
    }

    /// Whether rows were rejected for bytes that no other row explains as UTF-8.
    pub fn looks_single_byte(&self) -> bool {
        self.undecoded > 0 && !self.beyond_ascii
    }

    /// Takes in bytes of the file.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.decoder.is_some() {
            self.decode(bytes, false);
        } else {
            self.splitter.append(bytes);
        }
    }

    /// Tells that the file ends here.
    pub fn end(&mut self) {
        self.last = true;
        self.decode(&[], true);
    }

    /// Reads once from an input; the caller asks again until [`next`](Self::next) has something.
    fn fill(&mut self, input: &mut impl Read, scratch: &mut Vec<u8>) -> std::io::Result<()> {
        let count = if self.decoder.is_some() {
            scratch.resize(CHUNK, 0);
            let count = read(input, scratch)?;
            self.decode(scratch.get(..count).unwrap_or_default(), false);
            count
        } else {
            let count = read(input, self.splitter.spare(CHUNK))?;
            self.splitter.commit(count);
            count
        };
        if count == 0 {
            self.end();
        }
        Ok(())
    }

    fn decode(&mut self, bytes: &[u8], last: bool) {
        let Some(decoder) = &mut self.decoder else { return };
        let room = decoder.max_utf8_buffer_length_without_replacement(bytes.len()).unwrap_or(bytes.len() * 3 + 16);
        let (result, read, written) =
            decoder.decode_to_utf8_without_replacement(bytes, self.splitter.spare(room), last);
        self.splitter.commit(written);
        self.decoded += read as u64;
        if let DecoderResult::Malformed(length, after) = result {
            self.splitter.stop(DatasetError::Encoding {
                offset: self.decoded.saturating_sub(u64::from(length) + u64::from(after)),
                line: self.splitter.last_line(),
            });
        }
    }

    /// The next step, or nothing when more bytes are needed or the file is over.
    pub fn next(&mut self) -> Result<Option<Step<'_>>, DatasetError> {
        if self.header.is_none() && !self.begin()? {
            return Ok(None);
        }
        let Some(record) = self.advance()? else { return Ok(None) };
        Ok(Some(self.step(&record)))
    }

    /// The next record that isn't blank, the replayed one first.
    fn advance(&mut self) -> Result<Option<Record>, DatasetError> {
        match self.replay.take() {
            Some(record) => Ok(Some(record)),
            None => self.record(),
        }
    }

    /// The cells of the next record whatever their number, and whether text stands behind a closing quote.
    pub fn next_ragged(&mut self) -> Result<Option<(Vec<String>, bool)>, DatasetError> {
        let Some(record) = self.record()? else { return Ok(None) };
        let text = String::from_utf8_lossy(self.splitter.bytes(&record));
        let cells = self.row(&text, &record).cells().map(Cow::into_owned).collect();
        Ok(Some((cells, record.broken.is_some())))
    }

    /// Reads the header, or gives the columns names; tells whether there was enough to do so.
    pub fn begin(&mut self) -> Result<bool, DatasetError> {
        if self.header.is_some() {
            return Ok(true);
        }
        let Some(record) = self.record()? else {
            return if self.last { Err(DatasetError::Empty) } else { Ok(false) };
        };
        if record.width > self.limits.columns {
            return Err(DatasetError::TooManyColumns {
                columns: record.width as u64,
                limit: self.limits.columns as u64,
            });
        }
        let bytes = self.splitter.bytes(&record);
        self.header = Some(if self.dialect.has_header {
            let text = std::str::from_utf8(bytes).map_err(|error| DatasetError::Encoding {
                offset: record.offset + error.valid_up_to() as u64,
                line: record.line,
            })?;
            self.seen = 0;
            let row = self.row(text, &record);
            let cells: Vec<_> = row.cells().collect();
            Header::from_cells(cells.iter().map(AsRef::as_ref))
        } else {
            self.replay = Some(record);
            Header::generated(record.width)
        });
        Ok(true)
    }

    fn row<'a>(&'a self, text: &'a str, record: &Record) -> Row<'a> {
        // Both signs were checked to be ASCII when the splitter was made.
        let byte = |sign: char| u8::try_from(sign).unwrap_or_default();
        Row {
            text,
            spans: self.splitter.spans(),
            line: record.line,
            offset: record.offset,
            delimiter: byte(self.dialect.delimiter),
            quote: byte(self.dialect.quote),
        }
    }

    /// The next record that isn't blank.
    fn record(&mut self) -> Result<Option<Record>, DatasetError> {
        loop {
            let Some(record) = self.splitter.next(self.last)? else { return Ok(None) };
            self.seen += 1;
            if self.seen > self.limits.rows + u64::from(self.header.is_none() && self.dialect.has_header) {
                return Err(DatasetError::TooManyRows { limit: self.limits.rows });
            }
            let one_column = self.header.as_ref().is_some_and(|header| header.len() == 1);
            let blank = record.is_blank()
                || (record.width == 1 && !one_column && self.splitter.bytes(&record).trim_ascii().is_empty());
            if !blank {
                return Ok(Some(record));
            }
        }
    }

    fn step(&mut self, record: &Record) -> Step<'_> {
        let width = self.header.as_ref().map_or(0, Header::len);
        let bytes = self.splitter.bytes(record);
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                self.undecoded += 1;
                return Step::Reject(self.invalid(record, error.valid_up_to()));
            }
        };
        let (column, reason) = if let Some(column) = record.broken {
            (Some(column as u64 + 1), "text behind a closing quote".to_owned())
        } else if record.width != width {
            (Some(record.width.min(width) as u64 + 1), format!("{} cells instead of {width}", record.width))
        } else {
            self.beyond_ascii = self.beyond_ascii || !text.is_ascii();
            return Step::Row(self.row(text, record));
        };
        Step::Reject(Reject { line: record.line, column, reason, raw: excerpt(bytes) })
    }

    fn invalid(&self, record: &Record, valid: usize) -> Reject {
        let bytes = self.splitter.bytes(record);
        let column = self.splitter.spans().iter().position(|span| span.end > valid);
        Reject {
            line: record.line + line_breaks(bytes.get(..valid).unwrap_or_default()),
            column: column.map(|column| column as u64 + 1),
            reason: format!("byte {} is not valid UTF-8", record.offset + valid as u64),
            raw: excerpt(bytes),
        }
    }
}

/// Bytes as text, with `\xE9` for what is none.
fn excerpt(bytes: &[u8]) -> String {
    let mut cut = bytes.get(..RAW_BYTES).unwrap_or(bytes);
    if let Some(Err(error)) = (cut.len() < bytes.len()).then(|| std::str::from_utf8(cut))
        && error.error_len().is_none()
    {
        cut = cut.get(..error.valid_up_to()).unwrap_or(cut);
    }
    let mut text = String::with_capacity(cut.len());
    for chunk in cut.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02X}");
        }
    }
    text
}

fn read(input: &mut impl Read, room: &mut [u8]) -> std::io::Result<usize> {
    loop {
        match input.read(room) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// Reads a file row by row in bounded memory.
pub struct Reader<R> {
    input: R,
    rows: Rows,
    scratch: Vec<u8>,
    header: Header,
}

impl<R: Read> Reader<R> {
    /// Reads the header.
    pub fn new(mut input: R, dialect: &Dialect, limits: Limits) -> Result<Self, DatasetError> {
        let mut rows = Rows::new(dialect, &limits)?;
        let mut scratch = Vec::new();
        while !rows.begin()? {
            rows.fill(&mut input, &mut scratch)?;
        }
        let header = rows.header().cloned().unwrap_or_else(|| Header::generated(0));
        Ok(Self { input, rows, scratch, header })
    }

    /// Goes on in the middle of a file: `input` begins at a [`Row::offset`] of it. Lines count from there.
    pub fn resume(
        input: R,
        header: Header,
        offset: u64,
        dialect: &Dialect,
        limits: Limits,
    ) -> Result<Self, DatasetError> {
        let mut rows = Rows::new(dialect, &limits)?;
        rows.splitter.begin_at(offset);
        rows.header = Some(header.clone());
        Ok(Self { input, rows, scratch: Vec::new(), header })
    }

    /// The columns.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The next row or reject, or nothing at the end of the file.
    pub fn read(&mut self) -> Result<Option<Step<'_>>, DatasetError> {
        let record = loop {
            if let Some(record) = self.rows.advance()? {
                break record;
            }
            if self.rows.last {
                return Ok(None);
            }
            self.rows.fill(&mut self.input, &mut self.scratch)?;
        };
        Ok(Some(self.rows.step(&record)))
    }
}
