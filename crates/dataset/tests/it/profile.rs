//! Profiles, against figures that are computed the slow way by another reader.
#![expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "the counts of a test are small")]

use std::collections::{BTreeMap, HashSet};

use dallosh_dataset::{ColumnProfile, ColumnType, Dialect, Limits, Profile, estimated_tokens, profile};
use proptest::prelude::*;

use crate::peer_write;

fn profiled(csv: &str, text: Option<&str>) -> Profile {
    profile(csv.as_bytes(), &Dialect::ours(), Limits::default(), text).unwrap()
}

/// The filled cells of every column, as the csv crate reads them.
fn peer_columns(csv: &str) -> Vec<Vec<String>> {
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let mut columns = vec![Vec::new(); reader.headers().unwrap().len()];
    for record in reader.records() {
        for (column, cell) in columns.iter_mut().zip(&record.unwrap()) {
            column.push(cell.to_owned());
        }
    }
    columns
}

fn counted(values: &[&str]) -> Vec<(String, u64)> {
    let mut counts = BTreeMap::<&str, u64>::new();
    values.iter().for_each(|value| *counts.entry(value).or_default() += 1);
    let mut counts: Vec<_> = counts.into_iter().map(|(value, count)| (value.to_owned(), count)).collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    counts
}

fn agrees_with_the_slow_way(column: &ColumnProfile, cells: &[String]) {
    let filled: Vec<&str> = cells.iter().map(String::as_str).filter(|cell| !cell.trim().is_empty()).collect();
    assert_eq!(column.blank as usize, cells.len() - filled.len());
    let distinct: HashSet<&&str> = filled.iter().collect();
    assert_eq!((column.distinct.count as usize, column.distinct.is_estimate), (distinct.len(), false));
    let top: Vec<_> = column.top_values.iter().map(|value| (value.value.clone(), value.count)).collect();
    assert_eq!(top, counted(&filled).into_iter().take(10).collect::<Vec<_>>());
    let lengths: Vec<u64> = filled.iter().map(|cell| cell.chars().count() as u64).collect();
    match column.lengths {
        None => assert!(lengths.is_empty() && column.column_type.is_none()),
        Some(found) => {
            assert_eq!((Some(&found.min), Some(&found.max)), (lengths.iter().min(), lengths.iter().max()));
            let mean = lengths.iter().sum::<u64>() as f64 / lengths.len() as f64;
            assert!((found.mean - mean).abs() < 1e-9);
        }
    }
    if let Some(ColumnType::Integer | ColumnType::Number) = column.column_type {
        let mut numbers: Vec<f64> = filled.iter().map(|cell| cell.parse().unwrap()).collect();
        numbers.sort_by(f64::total_cmp);
        let told = |text: &Option<String>| text.as_ref().unwrap().parse::<f64>().unwrap();
        assert_eq!((told(&column.min), told(&column.max)), (numbers[0], numbers[numbers.len() - 1]));
        let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
        assert!((told(&column.mean) - mean).abs() <= mean.abs() * 1e-9 + 1e-6);
        for bin in &column.histogram {
            let (from, to): (f64, f64) = (bin.from.parse().unwrap(), bin.to.parse().unwrap());
            assert_eq!(bin.count as usize, numbers.iter().filter(|number| (from..to).contains(*number)).count());
        }
        assert_eq!(column.histogram.iter().map(|bin| bin.count).sum::<u64>() as usize, numbers.len());
        assert!(column.histogram.len() <= 20);
    } else {
        assert!(column.min.is_none() || column.column_type == Some(ColumnType::Time));
    }
}

fn cell() -> impl Strategy<Value = String> {
    prop_oneof![
        (-500..500_i32).prop_map(|number| number.to_string()),
        (-50..50_i32).prop_map(|number| (f64::from(number) / 8.0).to_string()),
        "[ab,\"\n é😀]{0,6}",
        Just(String::new()),
        Just("  ".to_owned()),
        Just("2024-02-29".to_owned()),
    ]
}

proptest! {
    #[test]
    fn every_column_agrees_with_the_slow_way(
        rows in prop::collection::vec((cell(), (-9..9_i32).prop_map(|number| number.to_string()), cell()), 1..60),
    ) {
        let header = ["any".to_owned(), "n".to_owned(), "other".to_owned()];
        let lines: Vec<Vec<String>> =
            std::iter::once(header.to_vec()).chain(rows.into_iter().map(|(a, b, c)| vec![a, b, c])).collect();
        let csv = peer_write(&lines, ',', false, false);
        let found = profiled(&csv, None);
        for (column, cells) in found.columns.iter().zip(peer_columns(&csv)) {
            agrees_with_the_slow_way(column, &cells);
        }
        prop_assert_eq!(found.columns[1].column_type, Some(ColumnType::Integer));
    }
}

#[test]
fn types_ranges_and_times_are_told_and_ids_are_never_numbers() {
    let csv = "id,when,ok,big,nothing\n\
               9007199254740993,2024-01-01T00:00:00+01:00,true,900719925474099267,\n\
               2,2024-01-03,false,900719925474099266, \n";
    let found = profiled(csv, None);
    let [id, when, ok, big, nothing] = found.columns.as_slice() else { panic!("{found:?}") };
    assert_eq!((id.column_type, &id.min), (Some(ColumnType::Text), &None));
    assert_eq!(when.column_type, Some(ColumnType::Time));
    let time = |text: &str| Some(text.to_owned());
    assert_eq!((&when.min, &when.max), (&time("2023-12-31T23:00:00Z"), &time("2024-01-03T00:00:00Z")));
    assert_eq!(when.mean, time("2024-01-01T23:30:00Z"));
    assert_eq!(when.histogram.iter().map(|bin| bin.count).sum::<u64>(), 2);
    assert_eq!(ok.column_type, Some(ColumnType::Boolean));
    assert_eq!((&big.min, &big.max), (&time("900719925474099266"), &time("900719925474099267")), "the same as numbers");
    assert_eq!((nothing.column_type, nothing.blank, nothing.lengths), (None, 2, None));
}

#[test]
fn many_values_are_estimated_and_said_to_be_so() {
    let mut csv = "id,n,often\n".to_owned();
    for number in 0..200_000_u64 {
        let often = if number % 2 == 0 { "yes".to_owned() } else { format!("v{number}") };
        csv.push_str(&format!("x{number},{},{often}\n", number % 4_096));
    }
    let found = profiled(&csv, None);
    let [id, n, often] = found.columns.as_slice() else { panic!("three columns") };
    assert!(id.distinct.is_estimate);
    assert!((190_000..210_000).contains(&id.distinct.count), "{}", id.distinct.count);
    assert!(id.top_values.is_empty() && id.top_values_are_estimates, "none is frequent");
    assert_eq!((n.distinct.count, n.distinct.is_estimate), (4_096, false));
    let top: Vec<_> = often.top_values.iter().map(|value| value.value.as_str()).collect();
    assert_eq!(top, ["yes"]);
    assert!(often.top_values_are_estimates && (98_000..=100_000).contains(&often.top_values[0].count));
}

#[test]
fn the_texts_are_counted_cleaned_and_their_languages_told() {
    let mut csv = "id,full_text\n".to_owned();
    for number in 0..30 {
        csv.push_str(&format!("{number},Le réseau ne marche plus depuis ce matin dans le quartier numéro {number}\n"));
    }
    for number in 30..40 {
        csv.push_str(&format!("{number},The network has been down in my street since this morning number {number}\n"));
    }
    csv.push_str(
        "40,@you LE RÉSEAU ne marche plus depuis ce matin dans le quartier numéro 0!\n41,https://t.co/x\n42,\n",
    );
    let text = profiled(&csv, Some("full_text")).text.unwrap();
    assert_eq!((text.column.as_str(), text.empty, text.unique.count), ("full_text", 2, 40));
    assert!(!text.unique.is_estimate);
    assert_eq!(text.sampled, 41);
    let languages: Vec<_> = text.languages.iter().map(|share| (share.language, share.texts)).collect();
    assert_eq!(languages, [("fra", 31), ("eng", 10)]);
    assert_eq!(text.lengths.iter().map(|bin| bin.count).sum::<u64>(), 41);
    let characters: usize = peer_columns(&csv)[1].iter().map(|cell| cell.chars().count()).sum();
    assert_eq!(text.estimated_tokens, estimated_tokens((characters - "https://t.co/x".len()) as u64));
    assert_eq!(profiled(&csv, Some("none")).text, None);
}

#[test]
fn rows_that_can_not_be_read_are_counted_and_described_nowhere() {
    let found = profiled("a,b\n1,2\n3\n4,5\n", None);
    assert_eq!((found.rows, found.rejected_rows), (2, 1));
    assert_eq!(found.columns[0].max.as_deref(), Some("4"));
}
