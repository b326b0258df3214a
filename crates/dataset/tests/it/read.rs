use dallosh_dataset::{DatasetError, Encoding, Inspector, Limits, inspect, preview, write_rejects};
use proptest::prelude::*;

use crate::{comma, peer_write, read_all, read_within};

fn cells(rows: &[&[&str]]) -> Vec<Vec<String>> {
    rows.iter().map(|row| row.iter().map(|&cell| cell.to_owned()).collect()).collect()
}

#[test]
fn every_kind_of_line_end_gives_the_same_rows() {
    for text in ["id,text\n1,a\n2,b\n", "id,text\r\n1,a\r\n2,b", "id,text\r1,a\r2,b\r", "id,text\n1,a\r\n\r\n2,b\r"] {
        let (header, rows, rejects) = read_all(text.as_bytes(), &comma()).unwrap();
        assert_eq!(header, ["id", "text"]);
        assert_eq!(rows, cells(&[&["1", "a"], &["2", "b"]]), "{text:?}");
        assert!(rejects.is_empty());
    }
}

#[test]
fn quoted_delimiters_line_breaks_and_quotes_belong_to_the_cell() {
    let text = "id,text\n1,\"a, \"\"b\"\"\r\nc\rd \u{1f525}\"\n2,\"\"\n";
    let (_, rows, _) = read_all(text.as_bytes(), &comma()).unwrap();
    assert_eq!(rows, cells(&[&["1", "a, \"b\"\r\nc\rd \u{1f525}"], &["2", ""]]));
}

#[test]
fn a_bare_quote_inside_an_unquoted_cell_is_kept() {
    let (_, rows, rejects) = read_all(b"id,text\n1,a 5\" screen\n", &comma()).unwrap();
    assert_eq!(rows, cells(&[&["1", "a 5\" screen"]]));
    assert!(rejects.is_empty());
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_name() {
    let (header, ..) = read_all("\u{feff}id,text\n".as_bytes(), &comma()).unwrap();
    assert_eq!(header, ["id", "text"]);
}

#[test]
fn short_and_long_rows_are_rejected_with_line_and_column_and_the_rest_goes_on() {
    let (_, rows, rejects) = read_all(b"a,b,c\n1,2,3\n4,5\n\n6,7,8,9\n10,11,12\n", &comma()).unwrap();
    assert_eq!(rows, cells(&[&["1", "2", "3"], &["10", "11", "12"]]));
    let places: Vec<_> = rejects.iter().map(|reject| (reject.line, reject.column)).collect();
    assert_eq!(places, [(3, Some(3)), (5, Some(4))]);
    assert_eq!(rejects[1].raw, "6,7,8,9");
}

#[test]
fn text_behind_a_closing_quote_rejects_its_row_only() {
    let (_, rows, rejects) = read_all(b"a,b\n\"1\"x,2\n3,4\n", &comma()).unwrap();
    assert_eq!(rows, cells(&[&["3", "4"]]));
    assert_eq!((rejects[0].line, rejects[0].column), (2, Some(1)));
}

#[test]
fn a_byte_that_is_no_utf_8_rejects_its_row_with_line_and_offset() {
    let (_, rows, rejects) = read_all(b"id,text\n1,\"a\nb \xE9\"\n2,\xC3\xA9\n", &comma()).unwrap();
    assert_eq!(rows, cells(&[&["2", "é"]]));
    assert_eq!((rejects[0].line, rejects[0].column), (3, Some(2)));
    assert_eq!(rejects[0].reason, "byte 15 is not valid UTF-8");
    assert_eq!(rejects[0].raw, "1,\"a\nb \\xE9\"");
}

#[test]
fn a_quote_that_is_never_closed_is_found_where_it_opened() {
    let mut text = "id,text\n1,a\n2,\"b\n".to_owned();
    for id in 3..100 {
        text.push_str(&format!("{id},c\n"));
    }
    let error = read_all(text.as_bytes(), &comma()).unwrap_err();
    assert!(matches!(error, DatasetError::UnclosedQuote { line: 3, column: 2, offset: 14 }), "{error}");

    let limits = Limits { field_bytes: 100, ..Limits::default() };
    let error = read_within(text.as_bytes(), &comma(), limits).unwrap_err();
    assert!(matches!(error, DatasetError::UnclosedQuote { line: 3, column: 2, offset: 14 }), "{error}");
}

#[test]
fn what_is_too_large_is_an_error_that_names_the_line() {
    let limits = Limits { field_bytes: 10, row_bytes: 30, columns: 4, rows: 3 };
    let read = |text: &str| read_within(text.as_bytes(), &comma(), limits.clone());
    assert!(matches!(read("a,b\n1,2\n3,12345678901\n"), Err(DatasetError::FieldTooLarge { line: 3 })));
    assert!(matches!(
        read("a,b,c,d\n1234567890,1234567890,1234567890,1234567890\n"),
        Err(DatasetError::RowTooLarge { line: 2 })
    ));
    assert!(matches!(read("a,b,c,d,e\n"), Err(DatasetError::TooManyColumns { columns: 5, limit: 4 })));
    assert!(read("a\n1\n2\n3\n").is_ok());
    assert!(matches!(read("a\n1\n2\n3\n4\n"), Err(DatasetError::TooManyRows { limit: 3 })));
    assert!(matches!(read("a\n1\n\n\n\n\n"), Err(DatasetError::TooManyRows { limit: 3 })));
}

#[test]
fn a_huge_cell_is_refused_without_being_held() {
    struct Endless(u64);
    impl std::io::Read for Endless {
        fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
            room.fill(b'x');
            self.0 += room.len() as u64;
            assert!(self.0 < 4 << 20, "read on behind the limit");
            Ok(room.len())
        }
    }
    let input = std::io::Read::chain(&b"id,text\n1,"[..], Endless(0));
    let error = dallosh_dataset::survey(input, &comma(), &Limits::default(), std::io::sink()).unwrap_err();
    assert!(matches!(error, DatasetError::FieldTooLarge { line: 2 }));
}

#[test]
fn nul_bytes_are_binary() {
    let error = read_all(b"a,b\n1,\0\n", &comma()).unwrap_err();
    assert!(matches!(error, DatasetError::Binary { offset: 6 }), "{error}");
}

#[test]
fn repeated_and_empty_names_are_made_unique_with_a_warning() {
    let inspection = inspect(&b"id,name,name,,name_2\n1,a,b,c,d\n"[..], None, Limits::default()).unwrap();
    assert_eq!(inspection.columns, ["id", "name", "name_2", "column_4", "name_2_2"]);
    assert_eq!(inspection.warnings.len(), 3);
}

#[test]
fn two_text_columns_of_one_name_are_refused() {
    let error = inspect(&b"id,full_text,full_text\n1,abc,def\n"[..], None, Limits::default()).unwrap_err();
    assert!(matches!(error, DatasetError::DuplicateTextColumn { name } if name == "full_text"));
}

#[test]
fn a_file_with_nothing_in_it_is_empty_and_one_with_a_header_has_no_rows() {
    for text in ["", " \n\r\n\t\n", "\u{feff}", "\u{feff}\n \n"] {
        let found = inspect(text.as_bytes(), None, Limits::default());
        assert!(matches!(found, Err(DatasetError::Empty)), "{text:?} {found:?}");
    }
    let inspection = inspect(&b"id,full_text\n"[..], None, Limits::default()).unwrap();
    assert_eq!((inspection.row_count, inspection.text_column.as_deref()), (0, Some("full_text")));
}

#[test]
fn utf_16_and_windows_1252_are_decoded() {
    let text = "id,texte\n1,été à 5 €\n";
    let mut utf16 = vec![0xFF, 0xFE];
    text.encode_utf16().for_each(|unit| utf16.extend(unit.to_le_bytes()));
    let mut dialect = comma();
    dialect.encoding = Encoding::Utf16Le;
    assert_eq!(read_all(&utf16, &dialect).unwrap().1, cells(&[&["1", "été à 5 €"]]));
    dialect.encoding = Encoding::Windows1252;
    let (_, rows, _) = read_all(b"id,texte\n1,\xE9t\xE9 \xE0 5 \x80\n", &dialect).unwrap();
    assert_eq!(rows, cells(&[&["1", "été à 5 €"]]));
}

#[test]
fn half_a_surrogate_pair_is_an_encoding_error_with_its_place() {
    let mut utf16 = vec![0xFF, 0xFE];
    "id\n1\n".encode_utf16().chain([0xD800, 0x0061]).for_each(|unit| utf16.extend(unit.to_le_bytes()));
    let mut dialect = comma();
    dialect.encoding = Encoding::Utf16Le;
    let error = read_all(&utf16, &dialect).unwrap_err();
    assert!(matches!(error, DatasetError::Encoding { offset: 12, line: 3 }), "{error}");
}

#[test]
fn a_preview_shows_the_exact_cells_and_says_whether_there_is_more() {
    let text = "id,when,n,x,ok,code\n12345678901234567890,2024-01-31 10:00:00 +01:00,5,0.5,true,00123\n1,2024-02-01 10:00:00 +01:00,,7,false,NA\n";
    let shown = preview(text.as_bytes(), &comma(), 1, &Limits::default()).unwrap();
    assert_eq!(shown.rows[0][0], "12345678901234567890");
    assert!(!shown.complete);
    let shown = preview(text.as_bytes(), &comma(), 100, &Limits::default()).unwrap();
    let types: Vec<_> =
        shown.columns.iter().map(|column| serde_json::to_value(column).unwrap()["type"].clone()).collect();
    assert_eq!(types, ["text", "time", "integer", "number", "boolean", "text"]);
    assert!(shown.complete && shown.rows.len() == 2);
}

#[test]
fn a_preview_of_a_long_file_leaves_out_the_row_that_the_sample_cuts() {
    let text = "id,text\n".to_owned() + &"1,abcdefgh\n".repeat(40_000);
    let shown = preview(text.as_bytes(), &comma(), 50_000, &Limits::default()).unwrap();
    assert!(!shown.complete);
    assert!(shown.rows.iter().all(|row| row == &["1", "abcdefgh"]));
}

#[test]
fn rejects_are_written_as_csv() {
    let (_, _, rejects) = read_all(b"a,b\n1,\"x\"\"\n\",3\n", &comma()).unwrap();
    let mut out = Vec::new();
    write_rejects(&rejects, &mut out).unwrap();
    assert_eq!(
        crate::peer_read(&out),
        cells(&[&["line", "column", "reason", "raw"], &["2", "3", "3 cells instead of 2", "1,\"x\"\"\n\",3"]])
    );
}

#[test]
fn bytes_of_another_encoding_behind_the_sample_are_rejected_with_a_hint() {
    let mut bytes = b"id,text\n".to_vec();
    (0..30_000).for_each(|id| bytes.extend(format!("{id},hello\n").bytes()));
    bytes.extend(b"1,\xE9t\xE9\n");
    let inspection = inspect(&*bytes, None, Limits::default()).unwrap();
    assert_eq!((inspection.row_count, inspection.rejected_rows), (30_000, 1));
    assert!(inspection.warnings.iter().any(|warning| warning.contains("windows-1252")));
}

#[test]
fn the_text_column_is_found_by_name_or_by_its_prose_and_otherwise_left_open() {
    let text_column = |text: &str| inspect(text.as_bytes(), None, Limits::default()).unwrap().text_column;
    assert_eq!(text_column("id,Full_Text,name\n1,hello there,x\n").as_deref(), Some("Full_Text"));
    assert_eq!(text_column("ref,avis\n1,pas mal du tout\n").as_deref(), Some("avis"));
    assert_eq!(
        text_column("ref,zzz\n1,this shop is really not bad at all\n2,well I would come again any time\n").as_deref(),
        Some("zzz")
    );
    assert_eq!(text_column("a,b\n1,2\n3,4\n"), None);
    assert_eq!(text_column("text\nhello\n").as_deref(), Some("text"));
}

fn field() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z0-9]{0,6}",
        "[a-c ,;\"\n\r|\t\u{e9}\u{1f525}]{0,12}",
        Just("00123".to_owned()),
        Just("1e5".to_owned()),
        Just("null".to_owned()),
    ]
}

fn table() -> impl Strategy<Value = Vec<Vec<String>>> {
    (2_usize..6).prop_flat_map(|width| prop::collection::vec(prop::collection::vec(field(), width), 1..12))
}

fn messy() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        "[a-c,\"\n\r;é ]{0,120}".prop_map(String::into_bytes),
        prop::collection::vec(prop::sample::select(b"ab,\"\n\r\xE9\xC3\xA9 ".to_vec()), 0..120),
    ]
}

proptest! {
    #[test]
    fn what_others_write_is_read_cell_by_cell(rows in table(), crlf: bool, always: bool) {
        let mut dialect = comma();
        dialect.has_header = false;
        let text = peer_write(&rows, ',', crlf, always);
        let (_, read, rejects) = read_all(text.as_bytes(), &dialect).unwrap();
        prop_assert_eq!(read, rows);
        prop_assert!(rejects.is_empty());
    }

    #[test]
    fn chunks_of_any_size_give_the_same_as_the_whole(bytes in messy(), cuts in prop::collection::vec(1_usize..9, 1..20), small: bool) {
        let limits = if small { Limits { field_bytes: 12, row_bytes: 30, columns: 4, rows: 9 } } else { Limits::default() };
        for dialect in [None, Some(comma())] {
            let mut inspector = match &dialect {
                Some(dialect) => Inspector::with_dialect(dialect, limits.clone()).unwrap(),
                None => Inspector::new(limits.clone()),
            };
            let mut rest = &*bytes;
            let mut outcome = Ok(());
            for cut in cuts.iter().cycle() {
                let (chunk, behind) = rest.split_at((*cut).min(rest.len()));
                outcome = inspector.feed(chunk);
                rest = behind;
                if rest.is_empty() || outcome.is_err() {
                    break;
                }
            }
            let pieces = outcome.and_then(|()| inspector.finish());
            let whole = inspect(&*bytes, dialect.as_ref(), limits.clone());
            prop_assert_eq!(format!("{pieces:?}"), format!("{whole:?}"));
        }
    }

    #[test]
    fn nothing_that_is_fed_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = inspect(&*bytes, None, Limits::default());
        let _ = preview(&*bytes, &comma(), 10, &Limits::default());
    }
}
