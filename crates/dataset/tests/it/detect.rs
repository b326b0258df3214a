use dallosh_dataset::{DatasetError, Encoding, detect};
use proptest::prelude::*;

use crate::{peer_write, read_all};

fn delimiter(text: &str) -> char {
    detect(text.as_bytes(), true).unwrap().delimiter
}

#[test]
fn the_delimiter_is_the_one_that_gives_every_row_the_same_cells() {
    assert_eq!(delimiter("id;prix\n1;2,5\n2;3,75\n"), ';');
    assert_eq!(delimiter("id\ttext\n1\ta, b; c\n2\td\n"), '\t');
    assert_eq!(delimiter("id|text\n1|\"a|b\"\n2|c, d\n"), '|');
    assert_eq!(delimiter("id,text\n1,\"a;b;c\"\n2,\"d;e\nf;g\"\n"), ',');
    assert_eq!(delimiter("1,5;2,5\n3,5;4,5\n5,5;6,25\n"), ';');
    assert_eq!(delimiter("id;text\n1;hello, you\n2;one, two, three\n3;bye\n"), ';');
    assert_eq!(delimiter("a,b,c\n1,2,3\n4,5\n6,7,8\n"), ',');
}

#[test]
fn one_column_without_delimiter_is_a_table() {
    let text = "comment\nnice, really\nbad\nso, so, so\n";
    let dialect = detect(text.as_bytes(), true).unwrap();
    assert!(dialect.has_header);
    let (header, ..) = read_all(text.as_bytes(), &dialect).unwrap();
    assert_eq!(header[0], "comment");
    let (_, rows, _) = read_all(b"text\nhello\nthere\n", &detect(b"text\nhello\nthere\n", true).unwrap()).unwrap();
    assert_eq!(rows.len(), 2);
}

#[test]
fn a_header_is_told_from_values() {
    let has_header = |text: &str| detect(text.as_bytes(), true).unwrap().has_header;
    assert!(has_header("id,text\n"));
    assert!(has_header("name,city\nAda,London\nEmil,Kiel\n"));
    assert!(has_header("when,n\n2024-01-31,5\n"));
    assert!(has_header("id,,text\n1,x,hello\n"));
    assert!(!has_header("1,hello\n2,there\n"));
    assert!(!has_header("Ada,2024-01-31\nEmil,2024-02-01\n"));
    assert!(!has_header("yes,no\nno,no\nyes,yes\n"));
}

#[test]
fn encodings_are_told_apart() {
    let encoding = |bytes: &[u8]| detect(bytes, true).map(|dialect| (dialect.encoding, dialect.bom));
    assert_eq!(encoding(b"id,text\n1,abc\n").unwrap(), (Encoding::Utf8, false));
    assert_eq!(encoding("\u{feff}id,été\n".as_bytes()).unwrap(), (Encoding::Utf8, true));
    assert_eq!(encoding(b"id,\xE9t\xE9\n1,\x80\n").unwrap(), (Encoding::Windows1252, false));
    assert_eq!(encoding(b"\xFF\xFEi\0,\0t\0\n\0").unwrap(), (Encoding::Utf16Le, true));
    assert_eq!(encoding(b"\xFE\xFF\0i\0,\0t\0\n").unwrap(), (Encoding::Utf16Be, true));
    let damaged = "id,été\n1,déjà vu\n2,".bytes().chain(*b"\xE9\n3,x\n").collect::<Vec<_>>();
    assert_eq!(encoding(&damaged).unwrap(), (Encoding::Utf8, false));
    assert!(matches!(encoding(b"i\0d\0,\0t\0\n\x001\0,\x002\0"), Err(DatasetError::Encoding { offset: 0, .. })));
    assert!(matches!(encoding(b"id,text\n1,\0\n"), Err(DatasetError::Binary { offset: 10 })));
}

#[test]
fn a_letter_that_the_sample_cuts_in_two_is_no_damage() {
    assert_eq!(detect(b"id,text\n1,ab\xC3", false).unwrap().encoding, Encoding::Utf8);
}

#[test]
fn other_formats_are_named_by_their_content() {
    for (head, what) in [
        (&b"\x1f\x8b\x08\0"[..], "gzip"),
        (b"PK\x03\x04\x14\0", "zip/xlsx"),
        (b"%PDF-1.7", "pdf"),
        (b"\x89PNG\r\n", "png"),
        (b"\n <!DOCTYPE HTML><html>", "html"),
    ] {
        assert!(matches!(detect(head, true), Err(DatasetError::NotText { what: found }) if found == what), "{what}");
    }
}

#[test]
fn an_unclosed_quote_does_not_keep_the_delimiter_from_being_found() {
    assert_eq!(delimiter("id;text\n1;a\n2;b\n3;\"c\n4;d\n"), ';');
    assert_eq!(delimiter("id;text\n1;\"never closed\n2;b\n"), ';');
}

fn cell() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,8}",
        "[0-9]{1,6}",
        "[a-z]{1,5}( [a-z]{1,5}){0,5}",
        "[a-z]{1,4}[,;|\t\"\n][a-z]{1,4}",
        "[\u{e0}-\u{f6}]{1,4} \u{20ac}[a-z]{1,3}",
    ]
}

fn table() -> impl Strategy<Value = Vec<Vec<String>>> {
    (2_usize..7).prop_flat_map(|width| {
        prop::collection::vec(prop::collection::vec(cell(), width), 4..20).prop_map(move |mut rows| {
            rows.insert(0, (1..=width).map(|number| format!("name{number}")).collect());
            rows
        })
    })
}

#[derive(Clone, Copy, Debug)]
enum Written {
    Utf8,
    Utf8Mark,
    Windows1252,
    Utf16,
}

fn encode(text: &str, written: Written) -> Vec<u8> {
    match written {
        Written::Utf8 => text.as_bytes().to_vec(),
        Written::Utf8Mark => ["\u{feff}", text].concat().into_bytes(),
        Written::Windows1252 => encoding_rs::WINDOWS_1252.encode(text).0.into_owned(),
        Written::Utf16 => [0xFF, 0xFE].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect(),
    }
}

proptest! {
    #[test]
    fn the_detected_dialect_reads_back_the_cells_that_were_written(
        rows in table(),
        delimiter in prop::sample::select(vec![',', ';', '\t', '|']),
        written in prop::sample::select(vec![Written::Utf8, Written::Utf8Mark, Written::Windows1252, Written::Utf16]),
        crlf: bool,
        always: bool,
    ) {
        let bytes = encode(&peer_write(&rows, delimiter, crlf, always), written);
        let dialect = detect(&bytes, true).unwrap();
        prop_assert_eq!(dialect.delimiter, delimiter);
        let (header, mut read, rejects) = read_all(&bytes, &dialect).unwrap();
        prop_assert!(rejects.is_empty());
        if dialect.has_header {
            read.insert(0, header);
        }
        prop_assert_eq!(read, rows);
    }
}
