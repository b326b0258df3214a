//! The figures of random datasets under random filters and zones, against the slow way of computing them.
#![allow(
    clippy::format_push_string,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that goes wrong is to stop"
)]
#![allow(clippy::cast_precision_loss, reason = "the counts of a test are small")]

mod reference;

use std::ops::ControlFlow;

use bytes::Bytes;
use dallosh_analysis::{
    Columns, Filter, Index, IndexBuilder, Outcome, PostOrder, RowSet, Sentiment, Totals, Zone, analyse, page,
};
use dallosh_dataset::{Table, table_schema, write_table};
use proptest::{option, prelude::*, sample::select};
use serde_json::{Value, json};

use crate::reference::Ask;

const ZONES: [&str; 6] =
    ["UTC", "Europe/Paris", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Havana", "America/St_Johns"];
const COLUMNS: [&str; 9] = [
    "id",
    "created_at",
    "full_text",
    "screen_name",
    "in_reply_to",
    "favorite_count",
    "reply_count",
    "views_count",
    "bookmark_count",
];

/// Seconds around changes of the clocks: hours, weeks and years apart.
fn moment() -> impl Strategy<Value = i64> {
    let changes = select(vec![1_711_846_800, 1_729_987_200, 1_728_142_200, 1_712_415_600, 1_710_046_800]);
    prop_oneof![
        4 => (changes.clone(), -40_000..40_000_i64).prop_map(|(change, beside)| change + beside),
        2 => (changes.clone(), -4_000_000..4_000_000_i64).prop_map(|(change, beside)| change + beside),
        1 => (changes, -90_000_000..90_000_000_i64).prop_map(|(change, beside)| change + beside),
    ]
}

prop_compose! {
    fn row()(
        at in option::weighted(0.95, moment()),
        offset in select(vec![0, 3600, 20_700, -12_600]),
        text in "(panne|fibre|Éa|ÉA|merci| ){1,3}",
        (user, reply) in (select(vec!["ana", "bob", "Chloé", "", "dan"]), option::of(0..30_usize)),
        counts in prop::array::uniform4(select(vec!["0", "1", "7", "250", "null", "", "x"])),
        label in prop_oneof![
            6 => (select(vec!["negative", "neutral", "positive"]), 0..3_u8, select(vec!["panne", "fibre, débit", "autre"]))
                .prop_map(|(sentiment, priority, topic)| [sentiment.to_owned(), priority.to_string(), topic.to_owned(), "ok".to_owned()]),
            1 => select(vec!["failed", "skipped"]).prop_map(|status| [String::new(), String::new(), String::new(), status.to_owned()]),
        ],
    ) -> (Vec<String>, [String; 4]) {
        let zone = chrono::FixedOffset::east_opt(offset).unwrap();
        let at = at.map(|at| chrono::DateTime::from_timestamp(at, 0).unwrap().with_timezone(&zone));
        let created = at.map(|at| at.format("%Y-%m-%d %H:%M:%S %:z").to_string()).unwrap_or_default();
        let reply = reply.map_or("null".to_owned(), |row| format!("p{row}"));
        let mut cells = vec![created, text, user.to_owned(), reply];
        cells.extend(counts.map(str::to_owned));
        (cells, label)
    }
}

/// An analysed CSV, some of whose columns may be missing.
fn dataset() -> impl Strategy<Value = Vec<u8>> {
    let absent = prop::collection::vec(select(COLUMNS[..8].to_vec()), 0..3);
    (prop::collection::vec(row(), 1..40), option::weighted(0.3, absent)).prop_map(|(rows, absent)| {
        let absent = absent.unwrap_or_default();
        let kept: Vec<_> = (0..COLUMNS.len()).filter(|place| !absent.contains(&COLUMNS[*place])).collect();
        let mut writer = csv::Writer::from_writer(Vec::new());
        let labels = ["sentiment", "priority", "main_topic", "enrichment_status", "enrichment_error"];
        writer.write_record(kept.iter().map(|place| COLUMNS[*place]).chain(labels)).unwrap();
        for (number, (cells, label)) in rows.into_iter().enumerate() {
            let cells: Vec<_> = [format!("p{number}")].into_iter().chain(cells).collect();
            let label = label.into_iter().chain([String::new()]);
            writer.write_record(kept.iter().map(|place| cells[*place].clone()).chain(label)).unwrap();
        }
        writer.into_inner().unwrap()
    })
}

fn ask() -> impl Strategy<Value = Ask> {
    let words =
        |words: &[&str]| option::weighted(0.3, select(words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()));
    (
        (option::weighted(0.3, moment()), option::weighted(0.3, moment())),
        words(&["negative", "neutral", "positive"]),
        words(&["0", "1", "2"]),
        words(&["panne", "fibre, débit", "none such"]),
        words(&["éa", "panne f", "nowhere"]),
        words(&["ana", "Chloé", "nobody"]),
        (option::weighted(0.2, 1..=7_i8), option::weighted(0.2, 0..24_i8)),
        (words(&["labelled", "failed", "skipped"]), option::weighted(0.2, any::<bool>())),
        select(ZONES.to_vec()),
    )
        .prop_map(|((from, to), sentiment, priority, topic, q, user, (weekday, hour), (outcome, answered), tz)| {
            Ask {
                from: from.map(|at| at * 1_000_000),
                to: to.map(|at| at * 1_000_000),
                sentiment,
                priority,
                topic,
                q,
                user,
                weekday,
                hour,
                outcome,
                answered,
                tz: tz.to_owned(),
                text: "full_text".to_owned(),
            }
        })
}

/// The table of a CSV, and the index as it is made while the table is written.
fn tabulated(csv: &[u8]) -> (Table<Bytes>, Index) {
    let schema = table_schema(csv).unwrap();
    let mut file = Vec::new();
    let mut index = IndexBuilder::new(Columns::find(&schema.columns, Some("full_text")));
    write_table(csv, &schema, &mut file, |batch| index.push(batch)).unwrap();
    (Table::open(file.into()).unwrap(), index.finish())
}

/// The index of a table that was written without one.
fn rebuilt(table: &Table<Bytes>) -> Index {
    let columns = Columns::find(table.columns(), Some("full_text"));
    let mut index = IndexBuilder::new(columns.clone());
    let each = |batch: &dallosh_dataset::TableBatch| {
        index.push(batch);
        ControlFlow::Continue(())
    };
    table.scan(&columns.names(), None, each).unwrap();
    index.finish()
}

fn filter_of(ask: &Ask) -> Filter {
    Filter {
        from: ask.from,
        to: ask.to,
        sentiment: ask.sentiment.as_deref().and_then(Sentiment::of_word),
        priority: ask.priority.as_ref().map(|priority| priority.parse().unwrap()),
        topic: ask.topic.clone(),
        user: ask.user.clone(),
        weekday: ask.weekday.map(|weekday| weekday.try_into().unwrap()),
        hour: ask.hour.map(|hour| hour.try_into().unwrap()),
        outcome: ask.outcome.as_deref().and_then(Outcome::of_word),
        answered: ask.answered,
    }
}

/// The rows that hold the searched text.
fn searched(rows: &[reference::Row], ask: &Ask) -> Option<RowSet> {
    let only = Ask { q: ask.q.clone(), text: ask.text.clone(), ..Ask::default() };
    ask.q.as_ref()?;
    let mut found = RowSet::default();
    let wanted = reference::wanted(rows, &only);
    for (number, row) in rows.iter().enumerate() {
        if wanted.iter().any(|other| std::ptr::eq(*other, row)) {
            found.insert(number);
        }
    }
    Some(found)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn every_figure_is_what_the_slow_way_gives(csv in dataset(), ask in ask()) {
        let rows = reference::rows(&csv);
        let (_, index) = tabulated(&csv);
        let (filter, found) = (filter_of(&ask), searched(&rows, &ask));
        let zone = Zone::named(&ask.tz).unwrap();
        let analysis = analyse(&index, &filter, found.as_ref(), &zone);
        let given = json!({ "kpis": analysis.kpis, "series": analysis.series });
        let wanted = reference::expected(&rows, &ask);
        for part in ["kpis", "series"] {
            for (name, value) in wanted[part].as_object().unwrap() {
                prop_assert_eq!(&given[part][name], value, "{}.{}", part, name);
            }
            prop_assert_eq!(given[part].as_object().unwrap().len(), wanted[part].as_object().unwrap().len());
        }
        // What is null or empty although there are posts is explained.
        let explained: Vec<_> = analysis.unavailable.iter().map(|one| one.name).collect();
        for (name, value) in given["kpis"].as_object().unwrap() {
            let shares = name.ends_with("share") || name.ends_with("rate") || name.ends_with("per_post");
            if value.is_null() && !shares && name != "coverage" && name != "net_sentiment" {
                prop_assert!(explained.contains(&name.as_str()), "{} is null without a reason", name);
            }
        }
    }

    #[test]
    fn a_page_of_posts_holds_the_rows_of_the_figure_in_order(csv in dataset(), ask in ask(), limit in 1..9_usize) {
        let rows = reference::rows(&csv);
        let (table, index) = tabulated(&csv);
        let (filter, found) = (filter_of(&ask), searched(&rows, &ask));
        let mut wanted = reference::wanted(&rows, &ask);
        wanted.sort_by_key(|row| reference::at(row).map_or(i64::MAX, |at| -at));
        let wanted: Vec<Value> = wanted.into_iter().map(|row| json!(row)).collect();
        let mut given = Vec::new();
        loop {
            let (total, numbers) = page(&index, &filter, found.as_ref(), &Zone::named(&ask.tz).unwrap(), PostOrder::Newest, given.len(), limit);
            prop_assert_eq!(total, wanted.len());
            if numbers.is_empty() {
                break;
            }
            prop_assert!(numbers.len() <= limit);
            for number in numbers {
                table.scan(&table.columns().iter().map(|column| &*column.source).collect::<Vec<_>>(), Some(&[number]), |batch| {
                    let cells = batch.columns().iter().map(|column| (&column.source, batch.cells(&column.source).unwrap().text(0)));
                    given.push(json!(cells.collect::<std::collections::BTreeMap<_, _>>()));
                    ControlFlow::Continue(())
                }).unwrap();
            }
        }
        prop_assert_eq!(given, wanted);
    }

    #[test]
    fn an_index_is_the_same_however_it_came_to_be(csv in dataset()) {
        let (table, index) = tabulated(&csv);
        let bytes = index.to_bytes().unwrap();
        prop_assert_eq!(&Index::from_bytes(&bytes).unwrap(), &index);
        prop_assert_eq!(&rebuilt(&table), &index);
        prop_assert_eq!(Totals::of_stored(&bytes), Some(index.totals()));
        prop_assert!(Index::from_bytes(&bytes[..bytes.len() / 2]).is_err());
    }
}

#[test]
fn critical_posts_are_high_or_negative_ones_the_worst_first() {
    let csv = "id,full_text,favorite_count,sentiment,priority,main_topic,enrichment_status,enrichment_error\n\
               a,x,900,positive,0,t,ok,\nb,x,5,negative,1,t,ok,\nc,x,1,positive,2,t,ok,\nd,x,0,negative,2,t,ok,\n\
               e,x,9,negative,1,t,ok,\nf,x,9,,,,failed,no\ng,x,5,negative,1,t,ok,\nh,x,3,neutral,1,t,ok,\n";
    let (_, index) = tabulated(csv.as_bytes());
    let found = analyse(&index, &Filter::default(), None, &Zone::utc());
    assert_eq!(found.critical, [3, 2, 4, 1, 6]);
    let reasons: Vec<_> = found.unavailable.iter().map(|one| one.name).collect();
    assert!(
        ["sentiment_over_time", "hour_by_weekday", "spikes", "top_users", "reach"]
            .iter()
            .all(|name| reasons.contains(name))
    );
    assert!(!reasons.contains(&"engagement"));
}

#[test]
fn a_burst_on_a_thursday_is_found_and_named() {
    let mut csv =
        "id,created_at,full_text,sentiment,priority,main_topic,enrichment_status,enrichment_error\n".to_owned();
    let day = |day: i64| chrono::DateTime::from_timestamp(1_727_308_800 + day * 86_400, 0).unwrap();
    for number in 0..42 {
        let posts = if number == 35 { 80 } else { 5 + number % 3 };
        for post in 0..posts {
            let at = day(number).format("%Y-%m-%d 22:30:00 +00:00");
            csv += &format!("{number}-{post},{at},x,negative,2,panne,ok,\n");
        }
    }
    let (_, index) = tabulated(csv.as_bytes());
    let found = analyse(&index, &Filter::default(), None, &Zone::named("Europe/Paris").unwrap());
    let [spike] = &found.spikes[..] else { panic!("{:?}", found.spikes) };
    // 22:30 UTC on the 31st is 23:30 in Paris, one hour after the clocks were set back.
    assert_eq!((spike.topic.as_str(), spike.day.as_str(), spike.posts, spike.weeks), ("panne", "2024-10-31", 80, 4));
    assert!(!found.unavailable.iter().any(|one| one.name == "spikes"));
}
