use proptest::prelude::*;

use super::*;
use crate::provider::Usage;

fn answer(text: &str) -> Completion {
    Completion { text: text.to_owned(), usage: Usage::default(), finish: Finish::Stop }
}

fn label(sentiment: Sentiment, priority: Priority, topic: &str) -> Label {
    Label { sentiment, priority, main_topic: topic.to_owned() }
}

/// Checks one row with the given members beside its id.
fn one_row(members: &str) -> Result<Label, RowProblem> {
    let text = format!(r#"{{"rows":[{{"id":1,{members}}}]}}"#);
    let mut checked = check(&answer(&text), &[1]).unwrap();
    assert_eq!(checked.extra, 0);
    match checked.labels.remove(&1) {
        Some(label) => Ok(label),
        None => Err(checked.problems[&1]),
    }
}

fn sentiment_of(word: &str) -> Option<Sentiment> {
    one_row(&format!(r#""sentiment":"{word}","priority":0,"main_topic":"tv""#)).ok().map(|label| label.sentiment)
}

fn priority_of(json: &str) -> Option<Priority> {
    one_row(&format!(r#""sentiment":"neutral","priority":{json},"main_topic":"tv""#)).ok().map(|label| label.priority)
}

fn topic_of(topic: &str) -> Option<String> {
    let topic = serde_json::to_string(topic).unwrap();
    one_row(&format!(r#""sentiment":"neutral","priority":0,"main_topic":{topic}"#)).ok().map(|label| label.main_topic)
}

#[test]
fn rows_are_matched_by_id_in_any_order() {
    let text = r#"{"rows":[{"id":9,"sentiment":"positive","priority":0,"main_topic":"tv"},
        {"id":4,"sentiment":"negative","priority":2,"main_topic":"panne"}]}"#;
    let checked = check(&answer(text), &[4, 9]).unwrap();
    assert_eq!(checked.labels[&4], label(Sentiment::Negative, Priority::High, "panne"));
    assert_eq!(checked.labels[&9], label(Sentiment::Positive, Priority::Low, "tv"));
    assert!(checked.problems.is_empty());
}

#[test]
fn a_missing_row_is_named_and_a_foreign_one_ignored() {
    let text = r#"{"rows":[{"id":7,"sentiment":"positive","priority":0,"main_topic":"tv"},{"sentiment":"neutral"},3]}"#;
    let checked = check(&answer(text), &[1]).unwrap();
    assert!(checked.labels.is_empty());
    assert_eq!(checked.problems, BTreeMap::from([(1, RowProblem::Missing)]));
    assert_eq!(checked.extra, 3);
}

#[test]
fn of_two_rows_with_one_id_neither_counts() {
    let row = r#"{"id":1,"sentiment":"positive","priority":0,"main_topic":"tv"}"#;
    let checked = check(&answer(&format!(r#"{{"rows":[{row},{row}]}}"#)), &[1]).unwrap();
    assert!(checked.labels.is_empty());
    assert_eq!(checked.problems[&1], RowProblem::Duplicate);
}

#[test]
fn two_values_for_one_key_leave_the_row_without_a_label() {
    let row = r#""sentiment":"positive","sentiment":"negative","priority":0,"main_topic":"tv""#;
    assert_eq!(one_row(row), Err(RowProblem::BadSentiment));
}

#[test]
fn listed_synonyms_of_a_sentiment_count_and_no_others() {
    for word in ["Negative", "NEG", " négatif ", "ne\u{301}gative", "Très négatif", "very_negative"] {
        assert_eq!(sentiment_of(word), Some(Sentiment::Negative), "{word}");
    }
    for word in ["neutre", "NEUTRAL"] {
        assert_eq!(sentiment_of(word), Some(Sentiment::Neutral), "{word}");
    }
    for word in ["Positif", "plutôt positif"] {
        assert_eq!(sentiment_of(word), Some(Sentiment::Positive), "{word}");
    }
    for word in ["mixed", "mixte", "", "not positive", "positive|negative", "5", "angry", "negatively"] {
        assert_eq!(sentiment_of(word), None, "{word}");
    }
}

#[test]
fn a_priority_is_0_1_or_2_however_it_is_written() {
    for (json, priority) in [
        ("0", Priority::Low),
        ("2.0", Priority::High),
        ("\"1\"", Priority::Normal),
        ("\"High\"", Priority::High),
        ("\" low \"", Priority::Low),
        ("\"normal\"", Priority::Normal),
    ] {
        assert_eq!(priority_of(json), Some(priority), "{json}");
    }
    for json in
        ["3", "-1", "1.5", "256", "18446744073709551616", "null", "true", "[1]", "\"urgent\"", "\"\"", "\"2.0\""]
    {
        assert_eq!(priority_of(json), None, "{json}");
    }
}

#[test]
fn a_topic_becomes_one_short_line_of_plain_text() {
    assert_eq!(topic_of(" service \n client "), Some("service client".into()));
    assert_eq!(topic_of("<b onclick='x()'>fibre</b>"), Some("fibre".into()));
    assert_eq!(topic_of("=HYPERLINK(\"x\")"), Some("HYPERLINK(\"x\")".into()));
    assert_eq!(topic_of("＝cmd()"), Some("cmd()".into()));
    assert_eq!(topic_of("de\u{202e}bit\u{200b}"), Some("debit".into()));
    assert_eq!(topic_of("débit < 1 Mb/s"), Some("débit 1 Mb/s".into()));
    assert_eq!(topic_of(&"é".repeat(5000)), Some("é".repeat(64)));
    for topic in ["", "  ", "...", "<p></p>", "😡", "\u{200b}"] {
        assert_eq!(topic_of(topic), None, "{topic}");
    }
}

#[test]
fn a_row_that_lacks_a_member_is_named_by_it() {
    assert_eq!(one_row(r#""priority":0,"main_topic":"tv""#), Err(RowProblem::BadSentiment));
    assert_eq!(one_row(r#""sentiment":"neutral","main_topic":"tv""#), Err(RowProblem::BadPriority));
    assert_eq!(one_row(r#""sentiment":"neutral","priority":0"#), Err(RowProblem::BadTopic));
    assert_eq!(one_row(r#""sentiment":"neutral","priority":0,"main_topic":["tv"]"#), Err(RowProblem::BadTopic));
}

#[test]
fn an_id_counts_as_a_number_or_as_its_very_digits() {
    let row = |id: &str| format!(r#"{{"rows":[{{"id":{id},"sentiment":"neutral","priority":0,"main_topic":"tv"}}]}}"#);
    for id in ["1", "\"1\""] {
        assert_eq!(check(&answer(&row(id)), &[1]).unwrap().labels.len(), 1, "{id}");
    }
    for id in ["\"01\"", "\" 1\"", "1.0", "4294967297", "-1", "null"] {
        assert_eq!(check(&answer(&row(id)), &[1]).unwrap().extra, 1, "{id}");
    }
}

#[test]
fn the_older_shape_counts_only_when_every_length_fits() {
    let text = r#"{"analysis":["positive","bad"],"priority":[0,"high"],"topics":["tv","mail"]}"#;
    let checked = check(&answer(text), &[5, 3]).unwrap();
    assert_eq!(checked.labels, BTreeMap::from([(5, label(Sentiment::Positive, Priority::Low, "tv"))]));
    assert_eq!(checked.problems, BTreeMap::from([(3, RowProblem::BadSentiment)]));
    for asked in [&[5][..], &[5, 3, 1], &[], &[5, 5]] {
        assert_eq!(check(&answer(text), asked), Err(AnswerError::Shape));
    }
    let uneven = r#"{"analysis":["positive"],"priority":[0,1],"topics":["tv"]}"#;
    assert_eq!(check(&answer(uneven), &[1]), Err(AnswerError::Shape));
}

#[test]
fn whole_answers_are_refused_with_a_reason() {
    for (text, error) in [
        ("", AnswerError::Empty),
        (" \n", AnswerError::Empty),
        ("null", AnswerError::Empty),
        ("{}", AnswerError::Empty),
        ("\"\"", AnswerError::Empty),
        ("I cannot help with that.", AnswerError::NotJson),
        (r#"{"rows":[],}"#, AnswerError::NotJson),
        (r"{'rows':[]}", AnswerError::NotJson),
        (r#"{"rows":[]} {"rows":[]}"#, AnswerError::NotJson),
        ("[]", AnswerError::Shape),
        ("3", AnswerError::Shape),
        (r#"{"rows":{}}"#, AnswerError::Shape),
        (r#"{"rows":[],"rows":[]}"#, AnswerError::Shape),
        (r#"{"labels":[]}"#, AnswerError::Shape),
        (r#"{"error":"overloaded"}"#, AnswerError::Reported),
        (r#"{"error":{"code":1},"rows":[]}"#, AnswerError::Reported),
    ] {
        assert_eq!(check(&answer(text), &[1]), Err(error), "{text}");
    }
}

#[test]
fn an_answer_that_was_cut_off_is_refused_even_if_it_parses() {
    let text = r#"{"rows":[{"id":1,"sentiment":"neutral","priority":0,"main_topic":"tv"}]}"#;
    let cut = Completion { finish: Finish::Length, ..answer(text) };
    assert_eq!(check(&cut, &[1]), Err(AnswerError::Truncated));
    let nothing = Completion { finish: Finish::Length, ..answer("") };
    assert_eq!(check(&nothing, &[1]), Err(AnswerError::Empty));
    let refused = Completion { finish: Finish::Refused, ..answer(text) };
    assert_eq!(check(&refused, &[1]), Err(AnswerError::Refused));
}

#[test]
fn extra_keys_prose_and_a_fence_change_nothing() {
    let text = "Sure!\n```json\n{\"note\":\"x\",\"tool_calls\":[],\"rows\":[{\"id\":1,\"sentiment\":\"neutral\",\
                \"priority\":0,\"main_topic\":\"tv\",\"why\":\"https://example.org\"}]}\n```";
    assert_eq!(check(&answer(text), &[1]).unwrap().labels.len(), 1);
}

#[test]
fn topics_outside_a_given_list_are_refused_and_the_others_spelt_as_listed() {
    let text = r#"{"rows":[{"id":1,"sentiment":"neutral","priority":0,"main_topic":"Service Client"},
        {"id":2,"sentiment":"neutral","priority":0,"main_topic":"météo"}]}"#;
    let mut checked = check(&answer(text), &[1, 2]).unwrap();
    let free = checked.clone();
    checked.restrict_topics(&[]);
    assert_eq!(checked, free);
    checked.restrict_topics(&["service_client".to_owned(), "autre".to_owned()]);
    assert_eq!(checked.labels[&1].main_topic, "service_client");
    assert_eq!(checked.problems, BTreeMap::from([(2, RowProblem::BadTopic)]));
}

fn labels() -> impl Strategy<Value = BTreeMap<u32, Label>> {
    let sentiment = prop::sample::select(Sentiment::ALL.to_vec());
    let priority = prop::sample::select(Priority::ALL.to_vec());
    let one = (sentiment, priority, "[a-zé0-9][a-zé0-9_ ]{0,20}[a-z]")
        .prop_map(|(sentiment, priority, main_topic)| Label { sentiment, priority, main_topic });
    let one = one.prop_map(|one| Label { main_topic: clean_topic(&one.main_topic).unwrap(), ..one });
    prop::collection::btree_map(any::<u32>(), one, 0..20)
}

fn row(id: u32, label: &Label) -> serde_json::Value {
    let mut row = serde_json::to_value(label).unwrap();
    row["id"] = id.into();
    row
}

proptest! {
    #[test]
    fn no_input_at_all_makes_the_check_panic(text in any::<String>(), asked in prop::collection::vec(any::<u32>(), 0..5)) {
        let _ = check(&answer(&text), &asked);
    }

    #[test]
    fn no_bytes_at_all_make_the_check_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = check(&answer(&String::from_utf8_lossy(&bytes)), &[0, 1]);
    }

    #[test]
    fn json_like_noise_never_makes_the_check_panic(text in r#"[{}\[\]",:0-9a-z\\ <>]{0,80}"#) {
        let _ = check(&answer(&text), &[0, 1]);
        let _ = check(&answer(&format!(r#"{{"rows":[{{"id":0,"main_topic":{text}"#)), &[0, 1]);
    }

    #[test]
    fn a_correct_answer_in_any_order_gives_exactly_its_labels(
        labels in labels(), order in any::<u64>(), prose in "[^{}]{0,20}",
    ) {
        let mut rows: Vec<_> = labels.iter().map(|(id, label)| row(*id, label)).collect();
        rows.sort_by_key(|row| row["id"].as_u64().unwrap().wrapping_mul(order | 1));
        let text = format!("{prose}\n```json\n{}\n```{prose}", serde_json::json!({"rows": rows}));
        let asked: Vec<u32> = labels.keys().copied().collect();
        let checked = check(&answer(&text), &asked).unwrap();
        prop_assert_eq!(checked.labels, labels);
        prop_assert!(checked.problems.is_empty());
        prop_assert_eq!(checked.extra, 0);
    }

    #[test]
    fn every_label_was_in_the_answer_and_every_asked_id_is_accounted_for_once(
        labels in labels(), damage in prop::collection::vec((any::<prop::sample::Index>(), 0..7_u8), 0..6),
        unanswered in prop::collection::btree_set(any::<u32>(), 0..4),
    ) {
        let mut rows: Vec<_> = labels.iter().map(|(id, label)| row(*id, label)).collect();
        for (index, kind) in damage {
            if rows.is_empty() {
                break;
            }
            let at = index.index(rows.len());
            match kind {
                0 => drop(rows.remove(at)),
                1 => rows.push(rows[at].clone()),
                2 => rows[at]["sentiment"] = "mixed".into(),
                3 => rows[at]["priority"] = 7.into(),
                4 => rows[at]["main_topic"] = "=".into(),
                5 => rows[at]["id"] = serde_json::Value::Null,
                _ => rows[at] = serde_json::Value::Null,
            }
        }
        let asked: BTreeSet<u32> = labels.keys().copied().chain(unanswered).collect();
        let asked: Vec<u32> = asked.into_iter().collect();
        let text = serde_json::json!({"rows": rows}).to_string();
        let checked = check(&answer(&text), &asked).unwrap();
        for (id, label) in &checked.labels {
            prop_assert_eq!(Some(label), labels.get(id));
        }
        for id in &asked {
            prop_assert!(checked.labels.contains_key(id) != checked.problems.contains_key(id));
        }
        prop_assert_eq!(checked.labels.len() + checked.problems.len(), asked.len());
    }
}
