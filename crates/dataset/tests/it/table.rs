use std::ops::ControlFlow;

use arrow::{
    array::{Array, AsArray},
    datatypes::{Float64Type, Int64Type, TimestampMicrosecondType},
};
use bytes::Bytes;
use dallosh_dataset::{ColumnType, Table, TableSchema, TableSummary, table_schema, write_table};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;

use crate::peer_write;

fn tabulated(csv: &str) -> (TableSchema, TableSummary, Bytes) {
    let schema = table_schema(csv.as_bytes()).unwrap();
    let mut file = Vec::new();
    let summary = write_table(csv.as_bytes(), &schema, &mut file, |_| {}).unwrap();
    (schema, summary, file.into())
}

/// The cells of a table as text, without the twins.
fn cells(schema: &TableSchema, file: Bytes) -> Vec<Vec<String>> {
    let batches = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    let mut rows = Vec::new();
    for batch in batches.map(Result::unwrap) {
        for row in 0..batch.num_rows() {
            let cells = schema.columns.iter().map(|column| {
                let array = batch.column_by_name(&column.name).unwrap();
                if array.is_null(row) {
                    return String::new();
                }
                match column.column_type {
                    ColumnType::Text | ColumnType::Time => array.as_string::<i32>().value(row).to_owned(),
                    ColumnType::Integer => array.as_primitive::<Int64Type>().value(row).to_string(),
                    ColumnType::Number => array.as_primitive::<Float64Type>().value(row).to_string(),
                    ColumnType::Boolean => array.as_boolean().value(row).to_string(),
                }
            });
            rows.push(cells.collect());
        }
    }
    rows
}

#[test]
fn types_are_declared_only_where_nothing_is_lost() {
    use ColumnType::{Boolean, Integer, Number, Text, Time};

    let csv = "id,n,code,x,y,ok,when,user_id,views,big\n\
               1,5,00123,0.5,1.0,true,2024-01-31 10:00:00 +01:00,7,null,1234567890123456789\n\
               2,,1,-3,2,false,,8,4,5\n";
    let (schema, summary, file) = tabulated(csv);
    let types: Vec<_> = schema.columns.iter().map(|column| column.column_type).collect();
    assert_eq!(types, [Text, Integer, Text, Number, Text, Boolean, Time, Text, Text, Text]);
    assert_eq!((summary.rows, summary.row_groups, summary.bytes), (2, 1, file.len() as u64));
    let batch = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap().next().unwrap().unwrap();
    let utc = batch.column_by_name("when_utc").unwrap().as_primitive::<TimestampMicrosecondType>();
    assert_eq!((utc.value(0), utc.is_null(1)), (1_706_691_600_000_000, true));
    assert!(batch.column_by_name("n").unwrap().is_null(1));
}

#[test]
fn names_are_made_safe_and_unique_without_regard_to_case() {
    let (schema, ..) = tabulated("Prix €,prix__,PRIX__,1st\na,b,c,d\n");
    let names: Vec<_> = schema.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["Prix__", "prix___2", "PRIX___3", "_1st"]);
    assert_eq!(schema.columns[0].source, "Prix €");
}

#[test]
fn many_rows_are_cut_into_groups() {
    let csv = "id,text\n".to_owned() + &"1,a\n".repeat(150_000);
    let (_, summary, _) = tabulated(&csv);
    assert_eq!((summary.rows, summary.row_groups), (150_000, 2));
}

fn column() -> impl Strategy<Value = Vec<String>> {
    prop_oneof![
        prop::collection::vec("(-?[1-9][0-9]{0,19}|0|-0|)", 8),
        prop::collection::vec("(-?[0-9]{1,4}(\\.[0-9]{0,4})?|1e5|NaN|)", 8),
        prop::collection::vec("(true|false|)", 8),
        prop::collection::vec("(2024-0[1-9]-[0-3][0-9]( [0-2][0-9]:00:00( \\+02:00)?)?|)", 8),
        prop::collection::vec("[a-z,\"\né]{0,5}", 8),
    ]
}

proptest! {
    #[test]
    fn a_table_holds_exactly_the_cells_of_its_file(columns in prop::collection::vec(column(), 2..6)) {
        let mut rows = vec![(0..columns.len()).map(|index| format!("c{index}")).collect::<Vec<_>>()];
        rows.extend((0..8).map(|row| columns.iter().map(|column| column[row].clone()).collect()));
        let (schema, _, file) = tabulated(&peer_write(&rows, ',', false, false));
        prop_assert_eq!(cells(&schema, file.clone()), &rows[1..]);
        prop_assert_eq!(scanned(&schema, file, None), &rows[1..]);
    }
}

/// The cells of a table, or of some of its rows, as our own reader gives them.
fn scanned(schema: &TableSchema, file: Bytes, rows: Option<&[u64]>) -> Vec<Vec<String>> {
    let table = Table::open(file).unwrap();
    assert_eq!(table.columns(), schema.columns);
    let sources: Vec<_> = schema.columns.iter().map(|column| column.source.as_str()).collect();
    let mut found = Vec::new();
    table
        .scan(&sources, rows, |batch| {
            let columns: Vec<_> = sources.iter().map(|source| batch.cells(source).unwrap()).collect();
            found.extend((0..batch.rows()).map(|row| columns.iter().map(|cells| cells.text(row).into()).collect()));
            ControlFlow::Continue(())
        })
        .unwrap();
    found
}

#[test]
fn chosen_rows_are_read_from_every_group_and_nothing_else() {
    let mut csv = "id,n\n".to_owned();
    (0..150_000).for_each(|row| csv += &format!("x{row},{row}\n"));
    let (schema, _, file) = tabulated(&csv);
    let rows = [0, 99_999, 100_000, 149_999, 150_000];
    let wanted: Vec<_> = rows[..4].iter().map(|row| vec![format!("x{row}"), row.to_string()]).collect();
    assert_eq!(scanned(&schema, file.clone(), Some(&rows)), wanted);
    let table = Table::open(file).unwrap();
    let mut batches = 0;
    table
        .scan(&["n"], None, |batch| {
            assert!(batch.cells("id").is_none(), "a column that nobody asked for was read");
            batches += 1;
            ControlFlow::Break(())
        })
        .unwrap();
    assert_eq!((table.rows(), batches), (150_000, 1));
}

#[test]
fn cells_are_read_as_counts_and_times_only_when_they_are() {
    let csv = "n,when,odd\n5,2024-01-31 10:00:00 +01:00,null\n-3,2024-01-31,2024-01-31T09:00:00Z\n,,12\n";
    let (_, _, file) = tabulated(csv);
    let table = Table::open(file).unwrap();
    let mut found = Vec::new();
    table
        .scan(&["n", "when", "odd"], None, |batch| {
            let [n, when, odd] = ["n", "when", "odd"].map(|name| batch.cells(name).unwrap());
            found.extend((0..3).map(|row| (n.count(row), when.time(row), odd.count(row), odd.time(row))));
            ControlFlow::Continue(())
        })
        .unwrap();
    let nine = Some(1_706_691_600_000_000);
    let day = Some(1_706_659_200_000_000);
    assert_eq!(found, [(Some(5), nine, None, None), (None, day, None, nine), (None, None, Some(12), None)]);
}
