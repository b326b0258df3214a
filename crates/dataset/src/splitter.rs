//! Splits decoded bytes into records, however they arrive, without copying cells.

use memchr::{memchr, memchr_iter, memchr3};

use crate::{DatasetError, Dialect, Encoding, Limits};

/// Where a cell lies in its record, without its quotes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub start: usize,
    pub end: usize,
    /// The cell holds doubled quotes.
    pub doubled: bool,
}

/// A whole record: its bytes are `buffer[start..end]`, its cells are in [`Splitter::spans`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    start: usize,
    end: usize,
    /// Line on which it begins.
    pub line: u64,
    /// Byte of the file on which it begins.
    pub offset: u64,
    /// Number of cells, also of those past the limit of columns, which have no span.
    pub width: usize,
    /// First column, from 0, with text behind its closing quote.
    pub broken: Option<usize>,
}

impl Record {
    pub fn is_blank(&self) -> bool {
        self.start == self.end
    }
}

#[derive(Debug)]
pub(crate) struct Splitter {
    delimiter: u8,
    quote: u8,
    limits: Limits,
    buffer: Vec<u8>,
    filled: usize,
    /// First byte that belongs to no record yet.
    start: usize,
    /// Offset of `buffer[0]` in the text.
    base: u64,
    encoding: Encoding,
    /// Byte of the file that `buffer[start]` was decoded from.
    place: u64,
    line: u64,
    after_return: bool,
    at_beginning: bool,
    /// Bytes to gather before an incomplete record is looked at again, so that long rows in small chunks cost no more.
    wanted: usize,
    spans: Vec<Span>,
    /// Why nothing is taken in any more; told once the records before it are out.
    stopped: Option<DatasetError>,
}

enum Scan {
    Complete { length: usize, terminator: Option<u8>, width: usize, broken: Option<usize> },
    Incomplete { open: Open },
}

/// The cell in which the bytes at hand end.
struct Open {
    column: usize,
    start: usize,
    quoted: bool,
}

impl Splitter {
    pub fn new(dialect: &Dialect, limits: Limits) -> Result<Self, DatasetError> {
        let (delimiter, quote) = (ascii(dialect.delimiter)?, ascii(dialect.quote)?);
        if delimiter == quote {
            return Err(DatasetError::UnsupportedDialect { what: "delimiter and quote are the same" });
        }
        Ok(Self {
            delimiter,
            quote,
            limits,
            buffer: Vec::new(),
            filled: 0,
            start: 0,
            base: 0,
            encoding: dialect.encoding,
            place: 0,
            line: 1,
            after_return: false,
            at_beginning: true,
            wanted: 0,
            spans: Vec::new(),
            stopped: None,
        })
    }

    /// Tells that the first byte is one in the middle of a file.
    pub fn begin_at(&mut self, offset: u64) {
        self.base = offset;
        self.place = offset;
        self.at_beginning = false;
    }

    /// Passes over bytes that need not be looked at again.
    fn advance(&mut self, bytes: usize) {
        let passed = self.buffer.get(self.start..self.start + bytes).unwrap_or_default();
        self.place += bytes_in_file(passed, self.encoding);
        self.start += bytes;
    }

    /// Room for at least `bytes` more, to be filled and then told to [`commit`](Self::commit).
    pub fn spare(&mut self, bytes: usize) -> &mut [u8] {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.filled, 0);
            self.base += self.start as u64;
            self.filled -= self.start;
            self.start = 0;
        }
        if self.buffer.len() < self.filled + bytes {
            self.buffer.resize(self.filled + bytes, 0);
        }
        self.buffer.get_mut(self.filled..).unwrap_or_default()
    }

    /// Takes in the first bytes of the spare room, up to a NUL byte.
    pub fn commit(&mut self, bytes: usize) {
        if self.stopped.is_some() {
            return;
        }
        let end = (self.filled + bytes).min(self.buffer.len());
        let fresh = self.buffer.get(self.filled..end).unwrap_or_default();
        if let Some(at) = memchr(0, fresh) {
            self.filled += at;
            self.stop(DatasetError::Binary { offset: self.base + self.filled as u64 });
        } else {
            self.filled = end;
        }
    }

    /// Takes nothing in any more and fails behind the records that are whole.
    pub fn stop(&mut self, error: DatasetError) {
        self.stopped.get_or_insert(error);
    }

    pub fn append(&mut self, bytes: &[u8]) {
        if let Some(room) = self.spare(bytes.len()).get_mut(..bytes.len()) {
            room.copy_from_slice(bytes);
        }
        self.commit(bytes.len());
    }

    /// Line of the last byte taken in.
    pub fn last_line(&self) -> u64 {
        self.line + line_breaks(self.unread())
    }

    pub fn bytes(&self, record: &Record) -> &[u8] {
        self.buffer.get(record.start..record.end).unwrap_or_default()
    }

    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    fn unread(&self) -> &[u8] {
        self.buffer.get(self.start..self.filled).unwrap_or_default()
    }

    /// The next record, or nothing when more bytes are needed; with `last` there are no more to come.
    pub fn next(&mut self, last: bool) -> Result<Option<Record>, DatasetError> {
        let found = self.find(last && self.stopped.is_none())?;
        match self.stopped.take_if(|_| found.is_none()) {
            Some(error) => Err(error),
            None => Ok(found),
        }
    }

    fn find(&mut self, last: bool) -> Result<Option<Record>, DatasetError> {
        if !self.skip_marks(last) {
            return Ok(None);
        }
        let data = self.buffer.get(self.start..self.filled).unwrap_or_default();
        if data.is_empty() || (!last && self.stopped.is_none() && data.len() < self.wanted) {
            return Ok(None);
        }
        let scan = scan(data, self.delimiter, self.quote, last, self.limits.columns, &mut self.spans);
        match scan {
            Scan::Complete { length, terminator, width, broken } => {
                if length > self.limits.field_bytes.min(self.limits.row_bytes) {
                    self.check_sizes(length, None)?;
                }
                let record = Record {
                    start: self.start,
                    end: self.start + length,
                    line: self.line,
                    offset: self.place,
                    width,
                    broken,
                };
                self.line += line_breaks(self.bytes(&record)) + u64::from(terminator.is_some());
                self.advance(length + usize::from(terminator.is_some()));
                self.after_return = terminator == Some(b'\r');
                self.wanted = 0;
                Ok(Some(record))
            }
            Scan::Incomplete { open } => {
                let length = data.len();
                self.check_sizes(length, Some(&open))?;
                if last {
                    return Err(self.unclosed(&open));
                }
                self.wanted = (length * 2).min(self.limits.row_bytes.max(length) + 1);
                Ok(None)
            }
        }
    }

    /// Skips a byte order mark and the line feed of a line end that was cut in two; tells whether to go on.
    fn skip_marks(&mut self, last: bool) -> bool {
        const MARK: &[u8] = "\u{feff}".as_bytes();
        if self.at_beginning {
            let data = self.unread();
            if data.len() < MARK.len() && MARK.starts_with(data) && !last {
                return false;
            }
            if data.starts_with(MARK) {
                self.advance(MARK.len());
            }
            self.at_beginning = false;
        }
        if self.after_return {
            match self.unread().first() {
                None => return false,
                Some(b'\n') => self.advance(1),
                Some(_) => {}
            }
            self.after_return = false;
        }
        true
    }

    /// Refuses a record whose cells or bytes are too many; gives the same answer for any chunks it came in.
    fn check_sizes(&self, length: usize, open: Option<&Open>) -> Result<(), DatasetError> {
        let data = self.unread();
        let closed = self.spans.iter().enumerate().map(|(column, span)| {
            let behind_quote = span.start > 0 && data.get(span.start - 1) == Some(&self.quote);
            (column, span.start, span.end, behind_quote)
        });
        // Cells past the limit of columns leave no span, so they are not looked at while open either.
        let open = open.filter(|open| open.column < self.limits.columns);
        let cells = closed.chain(open.map(|open| (open.column, open.start, length, open.quoted)));
        for (column, mut start, mut end, mut quoted) in cells {
            // With text behind its closing quote a cell begins at its opening one.
            if !quoted && data.get(start) == Some(&self.quote) {
                (start, quoted) = (start + 1, true);
            }
            // A quote at the very end may yet close the cell.
            if end == length && quoted && data.get(length - 1) == Some(&self.quote) {
                end -= 1;
            }
            if end.saturating_sub(start) <= self.limits.field_bytes
                || start + self.limits.field_bytes > self.limits.row_bytes
            {
                continue;
            }
            let head = data.get(start..=start + self.limits.field_bytes).unwrap_or_default();
            // Several lines in one huge quoted cell are rows behind a quote that was never closed.
            return Err(if quoted && line_breaks(head) > 2 {
                self.unclosed(&Open { column, start, quoted })
            } else {
                DatasetError::FieldTooLarge { line: self.line }
            });
        }
        if length > self.limits.row_bytes {
            return Err(DatasetError::RowTooLarge { line: self.line });
        }
        Ok(())
    }

    fn unclosed(&self, open: &Open) -> DatasetError {
        let quote = open.start.saturating_sub(1);
        DatasetError::UnclosedQuote {
            line: self.line + line_breaks(self.unread().get(..quote).unwrap_or_default()),
            column: open.column as u64 + 1,
            offset: self.base + (self.start + quote) as u64,
        }
    }
}

fn ascii(sign: char) -> Result<u8, DatasetError> {
    match u8::try_from(sign) {
        Ok(byte) if byte.is_ascii() && !matches!(byte, b'\n' | b'\r' | 0) => Ok(byte),
        _ => Err(DatasetError::UnsupportedDialect { what: "delimiter and quote have to be ASCII and no line end" }),
    }
}

/// How many bytes of the file a text was decoded from.
fn bytes_in_file(text: &[u8], encoding: Encoding) -> u64 {
    // Every character begins with a byte that goes on no other; those of two units of UTF-16 have four bytes.
    let characters = || text.iter().filter(|byte| !matches!(byte, 0x80..=0xBF)).count();
    let count = match encoding {
        Encoding::Utf8 => text.len(),
        Encoding::Windows1252 => characters(),
        Encoding::Utf16Le | Encoding::Utf16Be => 2 * (characters() + text.iter().filter(|byte| **byte >= 0xF0).count()),
    };
    count as u64
}

/// Line ends: `\n`, `\r\n` and a lone `\r`.
pub(crate) fn line_breaks(bytes: &[u8]) -> u64 {
    let feeds = memchr_iter(b'\n', bytes).count();
    let lone = memchr_iter(b'\r', bytes).filter(|at| bytes.get(at + 1) != Some(&b'\n')).count();
    (feeds + lone) as u64
}

/// Finds the end of the first record in `data` and the cells on the way.
fn scan(data: &[u8], delimiter: u8, quote: u8, last: bool, columns: usize, spans: &mut Vec<Span>) -> Scan {
    spans.clear();
    let (mut at, mut width, mut broken) = (0, 0, None);
    loop {
        let (start, mut end, mut doubled) = (at, None, false);
        let mut open = start;
        let quoted = data.get(at) == Some(&quote);
        if quoted {
            open = at + 1;
            let mut from = open;
            let close = loop {
                let Some(found) = memchr(quote, data.get(from..).unwrap_or_default()) else {
                    return Scan::Incomplete { open: Open { column: width, start: open, quoted } };
                };
                let close = from + found;
                if data.get(close + 1) == Some(&quote) {
                    doubled = true;
                    from = close + 2;
                } else {
                    break close;
                }
            };
            match data.get(close + 1) {
                None if last => end = Some(close),
                None => return Scan::Incomplete { open: Open { column: width, start: open, quoted } },
                Some(&sign) if sign == delimiter || sign == b'\n' || sign == b'\r' => end = Some(close),
                Some(_) => broken = broken.or(Some(width)),
            }
            at = close + 1;
        }
        let terminator = if end.is_some() {
            data.get(at).copied()
        } else {
            // An unquoted cell, or what stands behind a closing quote.
            match cell_end(data.get(at..).unwrap_or_default(), delimiter) {
                Some(length) => at += length,
                None if last => at = data.len(),
                None => return Scan::Incomplete { open: Open { column: width, start, quoted: false } },
            }
            data.get(at).copied()
        };
        if spans.len() < columns {
            spans.push(match end {
                Some(end) => Span { start: open, end, doubled },
                None => Span { start, end: at, doubled: false },
            });
        }
        width += 1;
        if terminator != Some(delimiter) {
            return Scan::Complete { length: at, terminator, width, broken };
        }
        at += 1;
    }
}

/// Length of an unquoted cell. Most are a few bytes, for which a plain loop beats a vectorised search.
fn cell_end(data: &[u8], delimiter: u8) -> Option<usize> {
    const SHORT: usize = 16;
    let is_end = |byte: &u8| *byte == delimiter || *byte == b'\n' || *byte == b'\r';
    let (head, tail) = data.split_at(data.len().min(SHORT));
    head.iter().position(is_end).or_else(|| memchr3(delimiter, b'\n', b'\r', tail).map(|at| at + SHORT))
}
