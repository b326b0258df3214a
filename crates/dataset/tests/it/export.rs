use std::{
    io::{Cursor, Read},
    path::Path,
    process::Command,
};

use arrow::{
    array::{Array, AsArray},
    datatypes::{DataType, Int64Type},
};
use bytes::Bytes;
use calamine::{Data, Reader as _, Xlsx};
use dallosh_dataset::{DatasetError, ExportFormat, ExportSource, Limits, detect, export};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;
use serde_json::Value;

use crate::{Cells, peer_read, peer_write};

const ANALYSED: &str = "id,full_text,sentiment,priority,main_topic,enrichment_status,enrichment_error\n\
    9007199254740993,a,negative,2,007,ok,\n00123,b,,,,failed,no_answer\n";

fn exported(csv: impl Read, source: ExportSource, format: ExportFormat) -> Result<Vec<u8>, DatasetError> {
    let mut output = Vec::new();
    export(csv, source, format, &mut output)?;
    Ok(output)
}

fn xlsx(is_safe: bool) -> ExportFormat {
    ExportFormat::Xlsx { is_safe, scratch: std::env::temp_dir() }
}

/// The names and the cells of lines of JSON; a null is an empty cell.
fn of_jsonl(bytes: &[u8]) -> Cells {
    let text = std::str::from_utf8(bytes).unwrap();
    let rows: Vec<Vec<(String, Value)>> =
        text.lines().map(|line| serde_json::from_str::<Pairs>(line).unwrap().0).collect();
    let names = rows.first().map(|row| row.iter().map(|(name, _)| name.clone()).collect());
    let cells = rows.into_iter().map(|row| row.into_iter().map(|(_, value)| as_cell(value)).collect());
    names.into_iter().chain(cells).collect()
}

fn as_cell(value: Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// An object with its pairs in their order.
struct Pairs(Vec<(String, Value)>);

impl<'de> serde::Deserialize<'de> for Pairs {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Pairs;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        input.deserialize_map(Visitor)
    }
}

/// The names and the cells of a Parquet file; a null is an empty cell.
fn of_parquet(bytes: Vec<u8>) -> Cells {
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes)).unwrap();
    let mut rows = vec![reader.schema().fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>()];
    for batch in reader.build().unwrap().map(Result::unwrap) {
        rows.extend((0..batch.num_rows()).map(|row| {
            let cells = batch.columns().iter().map(|column| match column.data_type() {
                _ if column.is_null(row) => String::new(),
                DataType::Int64 => column.as_primitive::<Int64Type>().value(row).to_string(),
                _ => column.as_string::<i32>().value(row).to_owned(),
            });
            cells.collect()
        }));
    }
    rows
}

/// The names and the cells of a workbook.
fn of_xlsx(bytes: Vec<u8>) -> Cells {
    let mut workbook = Xlsx::new(Cursor::new(bytes)).unwrap();
    let range = workbook.worksheet_range_at(0).unwrap().unwrap();
    let (height, width) = range.end().map_or((0, 0), |(row, column)| (row, column));
    let cell = |row, column| match range.get_value((row, column)) {
        None | Some(Data::Empty) => String::new(),
        Some(Data::String(text)) => text.clone(),
        Some(Data::Float(number)) => number.to_string(),
        Some(other) => panic!("{other:?} at {row}, {column}"),
    };
    (0..=height).map(|row| (0..=width).map(|column| cell(row, column)).collect()).collect()
}

/// A cell that some format may have its trouble with.
fn cell() -> impl Strategy<Value = String> {
    prop_oneof![
        "[0-9]{0,22}",
        "-?0{0,3}[0-9]{1,4}(\\.[0-9]{0,3})?",
        "(true|null|NaN|1e5|2024-01-31|_x0041_|_x000D_)",
        "[=+@\\-\t\u{ff1d}][a-z0-9(]{0,4}",
        "[a-z,;\"'\\\\\n\r\té🙏 <&>_\u{1}\u{b}\u{7f}\u{ffff}\u{2028}]{0,6}",
    ]
}

proptest! {
    #[test]
    fn every_format_holds_exactly_the_cells_of_the_file(
        mut rows in prop::collection::vec(prop::collection::vec(cell(), 4), 1..9),
    ) {
        rows.insert(0, ["zeta", "full text", "id", "Données, \"2\""].map(str::to_owned).to_vec());
        let csv = peer_write(&rows, ',', false, true);
        let of = |format| exported(csv.as_bytes(), ExportSource::Cleaned, format).unwrap();
        prop_assert_eq!(&of_jsonl(&of(ExportFormat::Jsonl)), &rows);
        prop_assert_eq!(&of_parquet(of(ExportFormat::Parquet)), &rows);
        let mut sheet = of_xlsx(of(xlsx(false)));
        // A sheet ends with its last filled row.
        sheet.resize(rows.len(), vec![String::new(); 4]);
        prop_assert_eq!(&sheet, &rows);
    }

    #[test]
    fn nothing_in_a_safe_file_begins_like_a_formula_and_nothing_else_is_changed(
        mut rows in prop::collection::vec(prop::collection::vec(cell(), 3), 1..9),
    ) {
        rows.insert(0, ["id", "=name", "text"].map(str::to_owned).to_vec());
        let csv = peer_write(&rows, ',', false, true);
        let safe = peer_read(&exported(csv.as_bytes(), ExportSource::Cleaned, ExportFormat::SafeCsv).unwrap());
        let mut sheet = of_xlsx(exported(csv.as_bytes(), ExportSource::Cleaned, xlsx(true)).unwrap());
        sheet.resize(rows.len(), vec![String::new(); 3]);
        prop_assert_eq!(&sheet, &safe);
        for (safe, own) in safe.iter().flatten().zip(rows.iter().flatten()) {
            prop_assert!(safe == own || safe.strip_prefix('\'') == Some(own));
            let number = safe.trim_start_matches(['-', '+']).replace(',', ".").parse::<f64>().is_ok();
            prop_assert!(number || !safe.starts_with(['=', '+', '-', '@', '\t', '\r', '\u{ff1d}']), "{safe:?}");
        }
    }
}

#[test]
fn formulas_are_disarmed_and_numbers_are_left() {
    let csv = "c\n=1+1\n+cmd\n-cmd|x\n@a\n\"\tb\"\n\"\rc\"\n＝1\n-5\n+33612345678\n-1.5\n\"-1,5\"\n-1-1\n-\n-1.\na=b\n";
    let safe = exported(csv.as_bytes(), ExportSource::Cleaned, ExportFormat::SafeCsv).unwrap();
    let cells: Vec<_> = peer_read(&safe).into_iter().flatten().collect();
    let wanted = [
        "c",
        "'=1+1",
        "'+cmd",
        "'-cmd|x",
        "'@a",
        "'\tb",
        "'\rc",
        "'＝1",
        "-5",
        "+33612345678",
        "-1.5",
        "-1,5",
        "'-1-1",
        "'-",
        "'-1.",
        "a=b",
    ];
    assert_eq!(cells, wanted);
}

#[test]
fn only_the_priority_that_an_analysed_file_got_is_an_integer() {
    let jsonl = exported(ANALYSED.as_bytes(), ExportSource::Analysed, ExportFormat::Jsonl).unwrap();
    let lines: Vec<_> = std::str::from_utf8(&jsonl).unwrap().lines().collect();
    assert_eq!(
        lines,
        [
            r#"{"id":"9007199254740993","full_text":"a","sentiment":"negative","priority":2,"main_topic":"007","enrichment_status":"ok","enrichment_error":""}"#,
            r#"{"id":"00123","full_text":"b","sentiment":"","priority":null,"main_topic":"","enrichment_status":"failed","enrichment_error":"no_answer"}"#,
        ]
    );
    let integers = |csv: &str, source| {
        let parquet = exported(csv.as_bytes(), source, ExportFormat::Parquet).unwrap();
        assert_eq!(of_parquet(parquet.clone()), peer_read(csv.as_bytes()));
        let schema = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(parquet)).unwrap().schema().clone();
        let fields = schema.fields().iter().filter(|field| *field.data_type() == DataType::Int64);
        fields.map(|field| field.name().clone()).collect::<Vec<_>>()
    };
    assert_eq!(integers(ANALYSED, ExportSource::Analysed), ["priority"]);
    assert_eq!(integers(ANALYSED, ExportSource::Cleaned), [""; 0], "a column of the uploader's");
    assert_eq!(integers("priority,sentiment\n1,x\nhigh,y\n", ExportSource::Analysed), [""; 0]);
    let mut workbook =
        Xlsx::new(Cursor::new(exported(ANALYSED.as_bytes(), ExportSource::Analysed, xlsx(true)).unwrap())).unwrap();
    let sheet = workbook.worksheet_range_at(0).unwrap().unwrap();
    assert_eq!(sheet.get_value((1, 0)), Some(&Data::String("9007199254740993".to_owned())));
    assert_eq!(sheet.get_value((1, 3)), Some(&Data::Float(2.0)));
    assert_eq!(sheet.get_value((2, 0)), Some(&Data::String("00123".to_owned())));
}

#[test]
fn an_original_is_read_in_its_own_dialect_and_without_the_rows_that_can_not_be() {
    let bytes = b"id;full_text\r\n1;caf\xe9\r\n2;one;too many\r\n3;\"a;b\"\r\n";
    let dialect = detect(bytes, true).unwrap();
    let of = |format| {
        let source = ExportSource::Original { dialect: dialect.clone(), limits: Limits::default() };
        exported(bytes.as_slice(), source, format).unwrap()
    };
    let wanted = [["id", "full_text"], ["1", "café"], ["3", "a;b"]].map(|row| row.map(str::to_owned).to_vec());
    assert_eq!(of_jsonl(&of(ExportFormat::Jsonl)), wanted);
    assert_eq!(of_parquet(of(ExportFormat::Parquet)), wanted);
    assert_eq!(of_xlsx(of(xlsx(false))), wanted);
    assert_eq!(peer_read(&of(ExportFormat::SafeCsv)), wanted);
    let damaged = exported(b"a,b\n1\n".as_slice(), ExportSource::Cleaned, ExportFormat::Jsonl);
    assert!(matches!(damaged, Err(DatasetError::TooManyRejects { .. })), "a file of ours is damaged then");
}

#[test]
fn a_file_without_rows_is_one_without_rows_in_every_format() {
    let csv = b"id,full_text\n".as_slice();
    let of = |format| exported(csv, ExportSource::Cleaned, format).unwrap();
    assert_eq!(of(ExportFormat::Jsonl), b"");
    assert_eq!(of_parquet(of(ExportFormat::Parquet)), [["id", "full_text"]]);
    assert_eq!(of_xlsx(of(xlsx(false))), [["id", "full_text"]]);
    assert_eq!(of(ExportFormat::SafeCsv), csv);
}

#[test]
fn huge_cells_are_gathered_in_small_row_groups_and_cut_for_a_sheet_alone() {
    let long = "é🙏".repeat(60_000);
    let csv = "id,text\n".to_owned() + &format!("1,{long}\n").repeat(250);
    let parquet = exported(csv.as_bytes(), ExportSource::Cleaned, ExportFormat::Parquet).unwrap();
    assert!(of_parquet(parquet)[1..].iter().all(|row| row[1] == long));
    let sheet =
        of_xlsx(exported(format!("id,text\n1,{long}\n").as_bytes(), ExportSource::Cleaned, xlsx(false)).unwrap());
    let units: Vec<u16> = sheet[1][1].encode_utf16().collect();
    assert_eq!(units.len(), 32_767);
    assert!(long.starts_with(sheet[1][1].strip_suffix('…').unwrap()));
}

/// A file of many rows that is made while it is read.
fn many(rows: u64) -> impl Read {
    b"a\n".chain(Repeated { left: rows })
}

struct Repeated {
    left: u64,
}

impl Read for Repeated {
    fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
        let rows = (room.len() / 2).min(usize::try_from(self.left).unwrap());
        room.chunks_exact_mut(2).take(rows).for_each(|row| row.copy_from_slice(b"1\n"));
        self.left -= rows as u64;
        Ok(rows * 2)
    }
}

#[test]
fn more_rows_than_a_sheet_holds_are_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let format = || ExportFormat::Xlsx { is_safe: false, scratch: folder.path().to_owned() };
    let mut output = Vec::new();
    let refused = export(many(1_048_576), ExportSource::Cleaned, format(), &mut output);
    assert!(matches!(refused, Err(DatasetError::SheetTooLarge)), "{refused:?}");
    assert_eq!(output, b"");
    assert_eq!(export(many(1_048_575), ExportSource::Cleaned, format(), &mut output).unwrap(), 1_048_575);
    assert_eq!(left_in(folder.path()), 0);
}

fn left_in(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

/// Says to the test that runs under a limit that it does.
const LIMITED: &str = "DALLOSH_TEST_LIMITED";

/// Runs itself with a limit of 512 KiB on every file, which writing meets as it meets a full disk.
#[test]
fn a_workbook_for_which_there_is_no_room_is_an_error_and_nothing_is_left() {
    if std::env::var_os(LIMITED).is_some() {
        let scratch = tempfile::tempdir().unwrap();
        // Random enough not to be kept back in some buffer.
        let rows = (0..40_000).map(|row| format!("{row},text {}\n", row * 7919)).collect::<Vec<_>>().concat();
        let format = ExportFormat::Xlsx { is_safe: true, scratch: scratch.path().to_owned() };
        let error = exported(format!("id,full_text\n{rows}").as_bytes(), ExportSource::Cleaned, format).unwrap_err();
        assert!(error.is_for_want_of_room(), "{error:?}");
        assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
        return;
    }
    let name = "export::a_workbook_for_which_there_is_no_room_is_an_error_and_nothing_is_left";
    let ran = Command::new("sh")
        .args(["-c", &format!("trap '' XFSZ && ulimit -f 1024 && exec \"$1\" --exact {name} --nocapture"), "sh"])
        .arg(std::env::current_exe().unwrap())
        .env(LIMITED, "")
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success() && printed.contains("1 passed"), "{printed}{}", String::from_utf8_lossy(&ran.stderr));
}
