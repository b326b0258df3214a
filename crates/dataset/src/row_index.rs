//! Any rows of a file by their number, without reading the file up to them.

use std::io::Read;

use serde::{Deserialize, Serialize};

use crate::{
    DatasetError, Dialect, Header, IS_OUTLIER, Limits, PreviewColumn, Reader, Row, Step, preview::typed,
    types::TypeGuess,
};

/// A row is marked when this many rows or bytes lie behind the mark before it: what a page reads before its first row.
const SPACING: Spacing = Spacing { rows: 4_096, bytes: 1 << 20 };
/// Rows by whose cells the types of the columns are guessed.
const TYPED_ROWS: u64 = 500;
/// Bytes of the names and cells of a page, unless its only row has more.
const PAGE_BYTES: usize = 1 << 20;
/// Bytes of the file that a page reads when its rows are far apart.
const READ_BYTES: u64 = 8 << 20;

/// Which rows of a file are meant: those whose cell in a column begins with a word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RowFilter {
    column: &'static str,
    word: &'static str,
}

impl RowFilter {
    /// Of a cleaned or analysed file: rows with a number beyond its bounds.
    pub const OUTLIERS: Self = Self { column: IS_OUTLIER, word: "true" };
    /// Of the rows that cleaning removed: those that an earlier one repeats.
    pub const REMOVED_DUPLICATES: Self = Self { column: "reason", word: "duplicate" };
    /// Of the rows that cleaning removed: those with a number beyond its bounds.
    pub const REMOVED_OUTLIERS: Self = Self { column: "reason", word: "outlier" };
}

/// A filter and the place of its column.
struct Chosen(Option<(usize, &'static str)>);

impl Chosen {
    fn of(filter: Option<RowFilter>, header: &Header) -> Result<Self, DatasetError> {
        let place = |RowFilter { column, word }: RowFilter| header.get(column).map(|column| (column, word));
        Ok(Self(filter.map(place).transpose()?))
    }

    fn holds(&self, row: &Row<'_>) -> bool {
        self.0.is_none_or(|(column, word)| row.get(column).is_some_and(|cell| cell.starts_with(word)))
    }
}

#[derive(Clone, Copy)]
struct Spacing {
    rows: u64,
    bytes: u64,
}

/// The number of a row, counted from 0, and the byte of the file on which it begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Mark(u64, u64);

/// Where rows lie in a file, about one in each mebibyte. Rows that can't be read don't count.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RowIndex {
    /// The columns in the order of the file, with what the cells of the first rows are.
    pub columns: Vec<PreviewColumn>,
    /// How many rows there are.
    pub rows: u64,
    marks: Vec<Mark>,
}

/// What to read of a file for a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RowSpan {
    /// The byte on which a row begins.
    pub from: u64,
    /// The byte on which a row behind the page begins; `None` for the end of the file.
    pub until: Option<u64>,
    /// Rows before the page.
    skip: u64,
}

/// Some rows of a file, one behind the other.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RowPage {
    /// Each cell as it stands in the file.
    pub rows: Vec<Vec<String>>,
    /// Whether it ends early, as more rows would be too much at once.
    pub truncated: bool,
}

impl RowIndex {
    /// Reads the whole file.
    ///
    /// # Errors
    /// When the file can't be read, or does not have the column of the filter.
    pub fn build(
        input: impl Read,
        dialect: &Dialect,
        limits: Limits,
        only: Option<RowFilter>,
    ) -> Result<Self, DatasetError> {
        Self::with_spacing(SPACING, input, dialect, limits, only)
    }

    fn with_spacing(
        spacing: Spacing,
        input: impl Read,
        dialect: &Dialect,
        limits: Limits,
        only: Option<RowFilter>,
    ) -> Result<Self, DatasetError> {
        let mut reader = Reader::new(input, dialect, limits)?;
        let header = reader.header().clone();
        let chosen = Chosen::of(only, &header)?;
        let mut guesses: Vec<TypeGuess> = header.names().iter().map(|name| TypeGuess::new(name)).collect();
        let (mut marks, mut rows) = (Vec::<Mark>::new(), 0);
        let (mut seen, mut seen_at_mark) = (0_u64, 0);
        while let Some(step) = reader.read()? {
            let Step::Row(row) = step else { continue };
            seen += 1;
            if !chosen.holds(&row) {
                continue;
            }
            let is_far = |mark: &Mark| row.offset() - mark.1 >= spacing.bytes || seen - seen_at_mark >= spacing.rows;
            if marks.last().is_none_or(is_far) {
                marks.push(Mark(rows, row.offset()));
                seen_at_mark = seen;
            }
            if rows < TYPED_ROWS {
                guesses.iter_mut().zip(row.cells()).for_each(|(guess, cell)| guess.add(&cell));
            }
            rows += 1;
        }
        let columns = header.names().iter().zip(guesses);
        let columns =
            columns.map(|(name, guess)| PreviewColumn { name: name.clone(), column_type: guess.finish() }).collect();
        Ok(Self { columns, rows, marks })
    }

    /// What to read for `limit` rows from the row `offset` on, counted from 0; nothing when there are none.
    pub fn span(&self, offset: u64, limit: usize) -> Option<RowSpan> {
        let at = self.marks.partition_point(|mark| mark.0 <= offset).checked_sub(1).filter(|_| offset < self.rows)?;
        let Mark(before, from) = *self.marks.get(at)?;
        let behind = offset.saturating_add(limit as u64);
        let until = self.marks.iter().skip(at).find(|mark| mark.0 >= behind).map(|mark| mark.1);
        Some(RowSpan { from, until, skip: offset - before })
    }

    /// Reads a page out of the bytes of its span.
    ///
    /// # Errors
    /// When the bytes are not those of the file that the index was made of.
    pub fn page(
        &self,
        input: impl Read,
        span: RowSpan,
        dialect: &Dialect,
        limits: Limits,
        only: Option<RowFilter>,
        limit: usize,
    ) -> Result<RowPage, DatasetError> {
        let header = Header::from_cells(self.columns.iter().map(|column| &*column.name));
        let chosen = Chosen::of(only, &header)?;
        let mut reader = Reader::resume(input, header, span.from, dialect, limits)?;
        RowPage::take(&mut reader, &chosen, span.skip, limit)
    }
}

impl RowPage {
    /// Reads a page near the beginning of a file without an index. One without rows that is truncated lies too far from it.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn near(
        input: impl Read,
        dialect: &Dialect,
        limits: Limits,
        offset: u64,
        limit: usize,
    ) -> Result<(Vec<PreviewColumn>, Self), DatasetError> {
        let mut reader = Reader::new(input, dialect, limits)?;
        let page = Self::take(&mut reader, &Chosen(None), offset, limit)?;
        Ok((typed(reader.header(), &page.rows), page))
    }

    fn take<R: Read>(
        reader: &mut Reader<R>,
        chosen: &Chosen,
        mut skip: u64,
        limit: usize,
    ) -> Result<Self, DatasetError> {
        let names: usize = reader.header().names().iter().map(String::len).sum();
        let (mut rows, mut bytes, mut begin) = (Vec::<Vec<String>>::new(), 0, None);
        while rows.len() < limit {
            let row = match reader.read()? {
                Some(Step::Row(row)) => row,
                Some(Step::Reject(_)) => continue,
                None => break,
            };
            if row.offset() - *begin.get_or_insert(row.offset()) > READ_BYTES {
                return Ok(Self { rows, truncated: true });
            }
            if !chosen.holds(&row) {
                continue;
            }
            if skip > 0 {
                skip -= 1;
                continue;
            }
            bytes += names + row.raw().len();
            if bytes > PAGE_BYTES && !rows.is_empty() {
                return Ok(Self { rows, truncated: true });
            }
            rows.push(row.cells().map(Into::into).collect());
        }
        Ok(Self { rows, truncated: false })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Encoding;

    const CLOSE: Spacing = Spacing { rows: 3, bytes: 60 };

    fn encoded(text: &str, encoding: Encoding, bom: bool) -> Vec<u8> {
        let mark = if bom { "\u{feff}" } else { "" };
        match encoding {
            Encoding::Utf8 => format!("{mark}{text}").into_bytes(),
            Encoding::Windows1252 => encoding_rs::WINDOWS_1252.encode(text).0.into_owned(),
            Encoding::Utf16Le => format!("{mark}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect(),
            Encoding::Utf16Be => format!("{mark}{text}").encode_utf16().flat_map(u16::to_be_bytes).collect(),
        }
    }

    /// Every row of a file that is meant, read from its beginning.
    fn all(file: &[u8], dialect: &Dialect, only: Option<RowFilter>) -> Vec<Vec<String>> {
        let mut reader = Reader::new(file, dialect, Limits::default()).unwrap();
        let place = only.map(|filter| (reader.header().get(filter.column).unwrap(), filter.word));
        let mut rows = Vec::<Vec<String>>::new();
        while let Some(step) = reader.read().unwrap() {
            if let Step::Row(row) = step {
                rows.push(row.cells().map(Into::into).collect());
            }
        }
        rows.retain(|row| place.is_none_or(|(column, word)| row[column].starts_with(word)));
        rows
    }

    fn slice(file: &[u8], span: RowSpan) -> &[u8] {
        let place = |at: u64| usize::try_from(at).unwrap();
        &file[place(span.from)..span.until.map_or(file.len(), place)]
    }

    fn page(
        index: &RowIndex,
        file: &[u8],
        dialect: &Dialect,
        only: Option<RowFilter>,
        offset: u64,
        limit: usize,
    ) -> RowPage {
        let Some(span) = index.span(offset, limit) else { return RowPage { rows: Vec::new(), truncated: false } };
        index.page(slice(file, span), span, dialect, Limits::default(), only, limit).unwrap()
    }

    fn records() -> impl Strategy<Value = String> {
        let cell = prop_oneof![
            "[a-z0-9 ]{0,12}",
            Just("\"a\nb, \"\"c\"\"\r\nd\"".to_owned()),
            Just("\"é €\rü\"".to_owned()),
            Just("à😀ß".to_owned()),
            Just("true".to_owned()),
        ];
        // Three cells are a row; other numbers of them are rejects, and so is text behind a closing quote.
        let record = prop_oneof![
            6 => prop::collection::vec(cell, 3).prop_map(|cells| cells.join(",")),
            1 => Just("1,2".to_owned()),
            1 => Just("1,2,3,4".to_owned()),
            1 => Just("\"a\"b,2,3".to_owned()),
            1 => Just(String::new()),
        ];
        let end = prop_oneof![Just("\n"), Just("\r\n"), Just("\r")];
        (prop::collection::vec((record, end), 0..60), any::<bool>()).prop_map(|(records, whole)| {
            let mut text: String = records.into_iter().map(|(record, end)| record + end).collect();
            if !whole {
                text.push_str("x,y,z");
            }
            text
        })
    }

    proptest! {
        #[test]
        fn any_page_is_the_slice_of_a_whole_reading(
            records in records(),
            encoding in prop_oneof![
                Just(Encoding::Utf8), Just(Encoding::Windows1252), Just(Encoding::Utf16Le), Just(Encoding::Utf16Be)
            ],
            bom: bool,
            has_header: bool,
            filtered: bool,
            pages in prop::collection::vec((0_u64..70, 1_usize..70), 1..20),
        ) {
            let dialect = Dialect { encoding, bom, has_header, ..Dialect::ours() };
            // Windows-1252 has no smileys.
            let text = format!("{}\n{records}", if has_header { "id,text,is_outlier" } else { "1,a,true" });
            let text = if encoding == Encoding::Windows1252 { text.replace('😀', "") } else { text };
            let only = (filtered && has_header).then_some(RowFilter::OUTLIERS);
            let file = encoded(&text, encoding, bom);
            let expected = all(&file, &dialect, only);
            let index = RowIndex::with_spacing(CLOSE, &file[..], &dialect, Limits::default(), only).unwrap();
            prop_assert_eq!(index.rows, expected.len() as u64);
            for (offset, limit) in pages {
                let at = usize::try_from(offset).unwrap().min(expected.len());
                let slice = &expected[at..expected.len().min(at + limit)];
                let found = page(&index, &file, &dialect, only, offset, limit);
                prop_assert_eq!(&found.rows, slice);
                prop_assert!(!found.truncated);
                if only.is_none() {
                    let (columns, near) = RowPage::near(&file[..], &dialect, Limits::default(), offset, limit).unwrap();
                    prop_assert_eq!(&near.rows, slice);
                    prop_assert_eq!(columns.len(), index.columns.len());
                }
            }
        }
    }

    #[test]
    fn a_page_in_the_middle_of_a_large_file_reads_a_small_part_of_it() {
        let text =
            (0..200_000).map(|id| format!("{id},post number {id} about the network\n")).collect::<Vec<_>>().concat();
        let file = format!("id,text\n{text}").into_bytes();
        let index = RowIndex::build(&file[..], &Dialect::ours(), Limits::default(), None).unwrap();
        for offset in [0, 4_095, 4_096, 123_456, 199_950] {
            let span = index.span(offset, 100).unwrap();
            assert!(slice(&file, span).len() < 1 << 20, "{span:?}");
            let rows = page(&index, &file, &Dialect::ours(), None, offset, 100).rows;
            assert_eq!(rows[0][0], offset.to_string());
            assert_eq!(rows.len(), usize::try_from(200_000 - offset).unwrap().min(100));
        }
        assert_eq!(index.span(200_000, 100), None);
        assert_eq!(index.span(u64::MAX, 100), None);
    }

    #[test]
    fn a_page_ends_early_before_it_holds_too_much_but_never_without_a_row() {
        let cell = "x".repeat(200_000);
        let text = (0..20).map(|id| format!("{id},{cell}\n")).collect::<Vec<_>>().concat();
        let file = format!("id,text\n{text}").into_bytes();
        let index = RowIndex::build(&file[..], &Dialect::ours(), Limits::default(), None).unwrap();
        let found = page(&index, &file, &Dialect::ours(), None, 3, 10);
        assert_eq!((found.rows.len(), found.truncated, &*found.rows[0][0]), (5, true, "3"));

        let huge = format!("id,text\n1,{}\n2,b\n", "x".repeat(2 << 20)).into_bytes();
        let index = RowIndex::build(&huge[..], &Dialect::ours(), Limits::ours(), None).unwrap();
        let span = index.span(0, 10).unwrap();
        let found = index.page(slice(&huge, span), span, &Dialect::ours(), Limits::ours(), None, 10).unwrap();
        assert_eq!((found.rows.len(), found.truncated), (1, true));
    }

    #[test]
    fn rows_that_are_far_apart_come_a_few_at_a_time_and_each_begins_where_the_page_before_ended() {
        let filler = "x".repeat(1_000);
        let text = (0..30_000).map(|id| format!("{id},{filler},{}\n", id % 1_000 == 0)).collect::<Vec<_>>().concat();
        let file = format!("id,clean_text,is_outlier\n{text}").into_bytes();
        let only = Some(RowFilter::OUTLIERS);
        let index = RowIndex::build(&file[..], &Dialect::ours(), Limits::ours(), only).unwrap();
        let (mut found, mut pages) = (Vec::new(), 0);
        while (found.len() as u64) < index.rows {
            let page = page(&index, &file, &Dialect::ours(), only, found.len() as u64, 30);
            assert!(!page.rows.is_empty());
            found.extend(page.rows.into_iter().map(|mut row| row.remove(0)));
            pages += 1;
        }
        assert_eq!(found, (0..30).map(|id| (id * 1_000).to_string()).collect::<Vec<_>>());
        assert!(pages > 2, "{pages}");
    }
}
