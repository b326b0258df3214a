use std::collections::HashMap;

use dallosh_dataset::{
    AppendCounts, CLEAN_TEXT, CleanCounts, CleanOptions, DatasetError, Dialect, Label, LabelColumns, Limits, Survey,
    TextRow, TextRows, append, append_as, clean, dry_run, survey, text_key, unique_texts,
};
use proptest::prelude::*;

use crate::{comma, peer_read, peer_write};

struct Cleaned {
    survey: Survey,
    counts: CleanCounts,
    bytes: Vec<u8>,
    removed: Vec<u8>,
}

fn cleaned_as(text: &str, dialect: &Dialect, drop_outliers: bool) -> Result<Cleaned, DatasetError> {
    let limits = Limits::default();
    let survey = survey(text.as_bytes(), dialect, &limits, std::io::sink())?;
    let options = CleanOptions { text_column: "text".into(), drop_outliers };
    let (mut bytes, mut removed) = (Vec::new(), Vec::new());
    let counts = clean(text.as_bytes(), dialect, &limits, &survey, &options, &mut bytes, &mut removed)?;
    Ok(Cleaned { survey, counts, bytes, removed })
}

fn cleaned(text: &str) -> Cleaned {
    cleaned_as(text, &comma(), false).unwrap()
}

fn written(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn cells_stay_as_they_are_with_the_clean_text_and_the_mark_behind_them() {
    let cleaned =
        cleaned("id,text,code\n1343458257915031553,\"a &amp; \"\"b\"\"\r\n  c\",00123\n2,NA,1e5\n3,null,2024-02-30\n");
    assert_eq!(
        written(&cleaned.bytes),
        "id,text,code,clean_text,is_outlier\n\
         1343458257915031553,\"a &amp; \"\"b\"\"\r\n  c\",00123,\"a & \"\"b\"\" c\",false\n\
         2,NA,1e5,NA,false\n3,null,2024-02-30,null,false\n"
    );
}

#[test]
fn the_first_row_of_each_id_is_kept_and_the_others_are_listed() {
    let cleaned = cleaned("id,text,n\n1,a,1\n2,b,1\n1,a,1\n1,a,2\n,c,1\n,c,1\n,d,1\n3,e,1\n4,f,1\n5,g,1\n");
    let ids: Vec<_> = peer_read(&cleaned.bytes).into_iter().map(|row| row[0].clone()).collect();
    assert_eq!(ids, ["id", "1", "2", "", "", "3", "4", "5"]);
    let counts = &cleaned.counts;
    assert_eq!((counts.rows_read, counts.rows_kept), (10, 7));
    assert_eq!((counts.duplicates_removed, counts.exact_duplicates), (3, 2));
    assert_eq!(
        written(&cleaned.removed),
        "line,reason,same_as,id,text,n\n4,duplicate row,1,1,a,1\n5,duplicate id,1,1,a,2\n7,duplicate row,5,,c,1\n"
    );
    assert_eq!(counts.warnings.len(), 1);
}

#[test]
fn ids_in_exponent_form_or_hardly_distinct_ones_remove_nothing_but_equal_rows() {
    for text in ["id,text\n5.7E+17,a\n5.7E+17,b\n5.8E+17,c\n5.7E+17,a\n", "id,text\n1,a\n1,b\n1,c\n1,a\n"] {
        let cleaned = cleaned(text);
        assert_eq!(cleaned.survey.id_column, None);
        assert_eq!(cleaned.survey.warnings.len(), 1);
        assert_eq!((cleaned.counts.rows_kept, cleaned.counts.duplicates_removed), (3, 1));
    }
}

#[test]
fn a_column_that_has_the_name_of_an_added_one_is_kept_under_another() {
    let cleaned = cleaned("id,text,clean_text\n1,a,mine\n");
    assert_eq!(written(&cleaned.bytes), "id,text,clean_text_original,clean_text,is_outlier\n1,a,mine,a,false\n");
    assert_eq!(cleaned.counts.warnings.len(), 1);
}

#[test]
fn outliers_are_marked_and_left_out_only_when_asked() {
    let mut text = "id,text,favorite_count,views_count\n".to_owned();
    (1..=20).for_each(|id| text.push_str(&format!("{id},t{id},{},null\n", id % 5)));
    text.push_str("21,viral,900,null\n");
    let marked = cleaned(&text);
    assert_eq!(marked.survey.bounds.len(), 1);
    assert_eq!((marked.counts.rows_kept, marked.counts.outliers_flagged, marked.counts.outliers_removed), (21, 1, 0));
    assert!(written(&marked.bytes).ends_with("21,viral,900,null,viral,true\n"));
    let dropped = cleaned_as(&text, &comma(), true).unwrap();
    assert_eq!((dropped.counts.rows_kept, dropped.counts.outliers_removed), (20, 1));
    assert!(written(&dropped.removed).ends_with("22,outlier,,21,viral,900,null\n"));
}

#[test]
fn bounds_are_those_of_quartiles_by_linear_interpolation() {
    let text = "id,text,price\n1,a,-1.5\n2,b,2\n3,c,3\n4,d,1e3\n5,e,\n6,f,7.25\n";
    let bounds = &cleaned(text).survey.bounds[0];
    // Quartiles of -1.5, 2, 3, 7.25, 1000 are 2 and 7.25.
    assert_eq!((bounds.column.as_str(), bounds.lower, bounds.upper), ("price", 2.0 - 7.875, 7.25 + 7.875));
}

#[test]
fn a_column_of_one_usual_value_has_no_outliers() {
    let mut text = "id,text,quote_count\n".to_owned();
    (1..=20).for_each(|id| text.push_str(&format!("{id},t{id},{}\n", u32::from(id == 20))));
    assert!(cleaned(&text).survey.bounds.is_empty());
}

#[test]
fn more_values_than_are_counted_exactly_still_give_close_bounds() {
    let mut text = "id,text,x\n".to_owned();
    (0..100_000).for_each(|id| text.push_str(&format!("{id},t,{id}.5\n")));
    let bounds = survey(text.as_bytes(), &comma(), &Limits::default(), std::io::sink()).unwrap().bounds;
    assert!((bounds[0].upper - 150_000.0).abs() < 150.0, "{bounds:?}");
}

#[test]
fn a_few_rejects_are_set_aside_and_too_many_are_an_error_that_names_the_first() {
    let mut text = "id,text\n".to_owned();
    (0..1_000).for_each(|id| text.push_str(&format!("{id},t{id}\n")));
    text.push_str("broken\n");
    let mut rejects = Vec::new();
    let found = survey(text.as_bytes(), &comma(), &Limits::default(), &mut rejects).unwrap();
    assert_eq!((found.rows_read, found.rejected), (1_000, 1));
    assert_eq!(written(&rejects), "line,column,reason,raw\n1002,2,1 cells instead of 2,broken\n");
    text.push_str(&"broken\n".repeat(30));
    let error = survey(text.as_bytes(), &comma(), &Limits::default(), std::io::sink()).unwrap_err();
    let DatasetError::TooManyRejects { rejected: 31, rows: 1_031, first } = error else { panic!("{error}") };
    assert_eq!((first.len(), first[0].line), (20, 1002));
}

#[test]
fn a_missing_text_column_is_named_with_its_nearest() {
    let error = cleaned_as("id,Text ,body\n1,a,b\n", &comma(), false).err().unwrap();
    let DatasetError::MissingColumn { name, nearest } = error else { panic!("{error}") };
    assert_eq!((name.as_str(), nearest[0].as_str()), ("text", "Text "));
}

#[test]
fn a_survey_survives_being_stored() {
    let survey = cleaned("id,text,n\n1,a,1\n2,b,2\n3,c,9\n").survey;
    let stored = serde_json::to_string(&survey).unwrap();
    assert_eq!(serde_json::from_str::<Survey>(&stored).unwrap(), survey);
}

fn labels() -> HashMap<u128, (&'static str, u8, &'static str)> {
    HashMap::from([(text_key("good"), ("positive", 0, "tv")), (text_key("bad"), ("negative", 2, "net, \"fibre\""))])
}

fn appended(cleaned: &Cleaned) -> (AppendCounts, String) {
    let labels = labels();
    let mut out = Vec::new();
    let look_up = |key| {
        let (sentiment, priority, main_topic) = labels.get(&key)?;
        Some(Label::Ok { sentiment, priority: *priority, main_topic, note: "" })
    };
    let counts = append(&*cleaned.bytes, CLEAN_TEXT, look_up, &mut out).unwrap();
    (counts, String::from_utf8(out).unwrap())
}

#[test]
fn labels_come_by_the_key_of_the_text_and_none_is_invented() {
    let (counts, text) = appended(&cleaned("id,text,priority\n1,Good!,x\n2,\"bad \",y\n3,,z\n4,odd,w\n5,good,v\n"));
    assert_eq!(
        text,
        "id,text,priority_original,clean_text,is_outlier,sentiment,priority,main_topic,enrichment_status,enrichment_error\n\
         1,Good!,x,Good!,false,positive,0,tv,ok,\n\
         2,\"bad \",y,bad,false,negative,2,\"net, \"\"fibre\"\"\",ok,\n\
         3,,z,,false,,,,skipped,empty_text\n\
         4,odd,w,odd,false,,,,failed,no_answer\n\
         5,good,v,good,false,positive,0,tv,ok,\n"
    );
    assert_eq!((counts.rows, counts.ok, counts.failed, counts.skipped), (5, 3, 1, 1));
    assert_eq!(counts.warnings.len(), 1);
}

#[test]
fn the_added_columns_can_be_called_otherwise() {
    let columns = LabelColumns { sentiment: "mood".into(), ..LabelColumns::default() };
    let mut out = Vec::new();
    append_as(&b"id,clean_text\n1,a\n"[..], CLEAN_TEXT, &columns, |_| None, &mut out).unwrap();
    assert!(written(&out).starts_with("id,clean_text,mood,priority,"));
}

#[test]
fn each_text_is_asked_about_once_in_the_order_of_its_first_row() {
    let cleaned = cleaned("id,text\n1,b\n2,a\n3,\n4,B!\n5,c\n");
    let texts: Vec<_> = unique_texts(&*cleaned.bytes, CLEAN_TEXT).unwrap().map(Result::unwrap).collect();
    assert_eq!(texts.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>(), ["b", "a", "c"]);
    assert_eq!(texts[0].0, text_key("b"));
    assert_eq!(cleaned.counts.unique_texts, 3);
    assert_eq!(cleaned.counts.empty_texts, 1);
}

/// Offsets, keys and raw rows from here on.
fn rest(mut rows: TextRows<&[u8]>) -> Vec<(u64, u128, String)> {
    let mut all = Vec::new();
    while let Some(TextRow { row, key, .. }) = rows.next_row().unwrap() {
        all.push((row.offset(), key, row.raw().to_owned()));
    }
    all
}

#[test]
fn reading_can_go_on_at_any_row_of_a_cleaned_file() {
    let text = "id,text\n1,\"two\nlines, \"\"quoted\"\"\"\n2,é\r\n3,\n4,last";
    let bytes = cleaned(text).bytes;
    let rows = TextRows::new(&*bytes, CLEAN_TEXT).unwrap();
    let header = rows.header().clone();
    let whole = rest(rows);
    assert_eq!(whole.len(), 4);
    for (place, (offset, ..)) in whole.iter().enumerate() {
        let behind = &bytes[usize::try_from(*offset).unwrap()..];
        let resumed = TextRows::resume(behind, header.clone(), *offset, CLEAN_TEXT).unwrap();
        assert_eq!(rest(resumed), whole[place..]);
    }
}

fn cell() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{0,3}", "[0-9]{1,20}", "[ab ,;\"\n\r\u{e9}\u{1f525}&]{0,10}", Just("1e5".to_owned())]
}

proptest! {
    #[test]
    fn rows_survive_cleaning_and_appending_cell_by_cell(
        rows in prop::collection::vec((cell(), cell()), 0..15),
        delimiter in prop::sample::select(vec![',', ';', '\t']),
        crlf: bool,
    ) {
        let mut table = vec![vec!["id".to_owned(), "text".to_owned(), "other".to_owned()]];
        table.extend(rows.into_iter().enumerate().map(|(id, (text, other))| vec![format!("00{id}"), text, other]));
        let mut dialect = comma();
        dialect.delimiter = delimiter;
        let cleaned = cleaned_as(&peer_write(&table, delimiter, crlf, false), &dialect, false).unwrap();
        let (counts, text) = appended(&cleaned);
        prop_assert_eq!(counts.rows, table.len() as u64 - 1);
        let found: Vec<Vec<String>> = peer_read(text.as_bytes()).into_iter().map(|row| row[..3].to_vec()).collect();
        prop_assert_eq!(found, table);
    }
}

#[test]
fn a_dry_run_counts_rows_and_texts_as_a_task_would_and_fails_as_it_would() {
    let text = "id,text\n1,a\n1,a\n2, a \n3,b\n4,\n5,b\n";
    let options = CleanOptions { text_column: "text".into(), drop_outliers: false };
    let mut texts = Vec::new();
    let limits = Limits::default();
    let counts = dry_run(text.as_bytes(), text.as_bytes(), &comma(), &limits, &options, |text| {
        texts.push(text.to_owned());
    });
    assert_eq!((counts.unwrap(), texts), (cleaned(text).counts, vec!["a".to_owned(), "b".to_owned()]));
    let options = CleanOptions { text_column: "post".into(), drop_outliers: false };
    let failed = dry_run(text.as_bytes(), text.as_bytes(), &comma(), &limits, &options, |_| {});
    assert!(matches!(failed, Err(DatasetError::MissingColumn { .. })), "{failed:?}");
}
