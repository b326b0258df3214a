//! The figures of analysed datasets, through the door, against an independent count of the downloaded rows.
#![expect(clippy::unwrap_used, reason = "a time or a row that can't be had is a failed test")]

#[path = "../../../../crates/analysis/tests/it/reference.rs"]
#[expect(clippy::cast_precision_loss, reason = "the counts of a test are small")]
mod reference;

use std::fmt::Write as _;

use anyhow::{Context, Result, ensure};
use dallosh_testkit::{Client, Stack, posts};
use reference::{Ask, Row, expected, rows, wanted};
use serde_json::{Value, json};

use crate::{DALLOSH, SAMPLE};

/// Posts with every column that a figure needs, around the two nights on which European clocks change.
fn conversation() -> Vec<u8> {
    const TEXTS: [&str; 6] = [
        "Plus d'internet depuis hier, c'est une honte",
        "Merci pour le dépannage, super service",
        "La fibre est lente ce soir, quelqu'un d'autre ?",
        "Ma facture a doublé sans explication, inadmissible",
        "Quand sort la nouvelle box ?",
        "Bonjour, envoyez-nous votre numéro en privé",
    ];
    let mut text =
        "id,created_at,full_text,screen_name,in_reply_to,favorite_count,retweet_count,quote_count,reply_count,\
                    views_count\n"
            .to_owned();
    for row in 0..400_usize {
        let begin = if row % 2 == 0 { 1_711_836_000 } else { 1_729_980_000 };
        let time = begin + i64::try_from(row * 397 % 50_000).unwrap_or(0) - 20_000;
        let zone = chrono::FixedOffset::east_opt(if row % 3 == 0 { 20_700 } else { 3_600 }).unwrap();
        let time = chrono::DateTime::from_timestamp(time, 0).unwrap().with_timezone(&zone);
        let created = if row % 41 == 0 { String::new() } else { time.format("%Y-%m-%d %H:%M:%S %:z").to_string() };
        let (kind, user) = (row % TEXTS.len(), row * 7 % 13);
        let (user, reply) = match kind {
            5 => ("helpdesk".to_owned(), format!("18457086272457{:05}", row - 5)),
            _ => (format!("user_{user}"), "null".to_owned()),
        };
        let views = if row % 9 == 0 { "null".to_owned() } else { (row * 31).to_string() };
        let body = if row % 57 == 0 { "https://t.co/x".to_owned() } else { format!("{} n° {row}", TEXTS[kind]) };
        let _ = writeln!(
            text,
            "18457086272457{row:05},{created},\"{body}\",{user},{reply},{},{},0,{},{views}",
            row % 5,
            row % 3,
            row % 2
        );
    }
    text.into_bytes()
}

/// Uploads a file and has it analysed: its id and the analysed rows.
async fn analysed(client: &Client, content: &[u8], options: Value) -> Result<(String, Vec<Row>)> {
    let (file, task) = client.new_task(content, options).await?;
    client.act(&task, "start").await?.expect(202)?;
    client.wait_for(&task, "done").await?;
    let rows = rows(&client.content(&file, "analysed").await?);
    Ok((file, rows))
}

fn path(base: &str, query: &[(&str, &str)]) -> Result<String> {
    let url = reqwest::Url::parse_with_params(&format!("http://door{base}"), query)?;
    Ok(format!("{}?{}", url.path(), url.query().unwrap_or_default()))
}

fn question(ask: &Ask) -> Vec<(&'static str, String)> {
    let time = |at: i64| chrono::DateTime::from_timestamp_micros(at).unwrap().to_rfc3339();
    let Ask { from, to, sentiment, priority, topic, q, user, weekday, hour, outcome, answered, tz, text: _ } = ask;
    let mut query = vec![("tz", tz.clone())];
    query.extend(from.map(|at| ("from", time(at))));
    query.extend(to.map(|at| ("to", time(at))));
    let texts = [("sentiment", sentiment), ("priority", priority), ("topic", topic), ("q", q), ("user", user)];
    query.extend(weekday.map(|weekday| ("weekday", weekday.to_string())));
    query.extend(hour.map(|hour| ("hour", hour.to_string())));
    query.extend(outcome.clone().map(|outcome| ("outcome", outcome)));
    query.extend(answered.map(|answered| ("answered", answered.to_string())));
    query.extend(texts.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))));
    query
}

/// Holds one answer and its posts against the independent count.
async fn check(client: &Client, file: &str, rows: &[Row], ask: &Ask) -> Result<()> {
    let query = question(ask);
    let query: Vec<_> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let answer = client.get(&path(&format!("/v1/analysis/{file}"), &query)?).await?.expect(200)?;
    let counted = expected(rows, ask);
    for part in ["kpis", "series"] {
        for (name, value) in counted[part].as_object().context("no object")? {
            ensure!(
                answer[part][name] == *value,
                "{part}.{name} of {ask:?}: {} instead of {value}",
                answer[part][name]
            );
        }
    }
    ensure!(
        answer["filters"]["tz"] == ask.tz && answer["filters"]["q"] == json!(ask.q),
        "filters: {}",
        answer["filters"]
    );
    let wanted: Vec<Value> = wanted(rows, ask).into_iter().map(|row| json!(row)).collect();
    let (mut listed, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let mut query = query.clone();
        query.extend([("limit", "150"), ("sort", "row")]);
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let page = client.get(&path(&format!("/v1/analysis/{file}/posts"), &query)?).await?.expect(200)?;
        ensure!(page["total"] == wanted.len(), "total {} instead of {}", page["total"], wanted.len());
        listed.extend(page["items"].as_array().context("no items")?.clone());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => break,
        }
    }
    ensure!(listed == wanted, "the posts behind {ask:?} are others, or not as they are in the file");
    Ok(())
}

#[tokio::test]
async fn every_figure_equals_an_independent_count_of_the_downloaded_rows() -> Result<()> {
    let stack = Stack::embedded(DALLOSH, &[]).await?;
    let client = stack.analyst().await?;
    let plain = |tz: &str| Ask { tz: tz.to_owned(), text: "full_text".to_owned(), ..Ask::default() };
    let word = |word: &str| Some(word.to_owned());
    for content in [SAMPLE.to_vec(), conversation()] {
        let (file, rows) = analysed(&client, &content, json!({})).await?;
        let times: Vec<_> = rows.iter().filter_map(reference::at).collect();
        let (first, last) = (times.iter().min().copied(), times.iter().max().copied());
        let topic = rows.iter().map(|row| row["main_topic"].clone()).find(|topic| !topic.is_empty());
        let asks = [
            plain("UTC"),
            plain("Europe/Paris"),
            plain("Asia/Kathmandu"),
            plain("Australia/Lord_Howe"),
            Ask { from: first, to: last, ..plain("Europe/Paris") },
            Ask { from: first.map(|at| at + 3_600_000_000), ..plain("America/St_Johns") },
            Ask { to: first, ..plain("UTC") },
            Ask { sentiment: word("negative"), ..plain("Europe/Paris") },
            Ask { priority: word("2"), ..plain("UTC") },
            Ask { topic: topic.clone(), ..plain("UTC") },
            Ask { topic, sentiment: word("negative"), priority: word("2"), from: first, to: last, ..plain("UTC") },
            Ask { q: word("FACTURE"), ..plain("UTC") },
            Ask { q: word("é"), sentiment: word("positive"), ..plain("Asia/Kathmandu") },
            Ask { user: word("user_3"), ..plain("Europe/Paris") },
            Ask { q: word("no such words"), ..plain("UTC") },
            Ask { weekday: Some(7), hour: Some(2), ..plain("Europe/Paris") },
            Ask { hour: Some(9), sentiment: word("negative"), ..plain("Australia/Lord_Howe") },
            Ask { weekday: Some(1), from: first, ..plain("Asia/Kathmandu") },
            Ask { outcome: word("labelled"), ..plain("UTC") },
            Ask { outcome: word("skipped"), ..plain("UTC") },
        ];
        for ask in asks {
            check(&client, &file, &rows, &ask).await?;
        }
    }
    assert_eq!(stack.stop().await?, [Some(0)]);
    Ok(())
}

#[tokio::test]
async fn the_most_critical_posts_are_shown_and_the_silent_ones_are_counted() -> Result<()> {
    let stack = Stack::embedded(DALLOSH, &[]).await?;
    let client = stack.analyst().await?;
    let (file, rows) = analysed(&client, &conversation(), json!({})).await?;
    let answer = client.get(&format!("/v1/analysis/{file}")).await?.expect(200)?;
    assert_eq!(answer["filters"]["tz"], "UTC", "the zone that was used is told");
    let kpis = &answer["kpis"];
    assert!(
        kpis["answered_complaints"].as_u64() > Some(0) && kpis["unanswered_complaints"].as_u64() > Some(0),
        "{kpis}"
    );
    let mut critical: Vec<_> =
        rows.iter().filter(|row| row["sentiment"] == "negative" || row["priority"] == "2").collect();
    let worst = |row: &Row| (row["priority"].clone(), row["sentiment"] == "negative", reference::engagement(row));
    critical.sort_by_key(|row| std::cmp::Reverse(worst(row)));
    for (answered, figure) in [("true", "answered_complaints"), ("false", "unanswered_complaints")] {
        let behind = client.get(&format!("/v1/analysis/{file}/posts?sentiment=negative&answered={answered}")).await?;
        assert_eq!(behind.expect(200)?["total"], kpis[figure], "{figure}");
    }
    let shown: Vec<_> = answer["series"]["critical_posts"].as_array().context("no posts")?.clone();
    let ids: Vec<_> = shown.iter().map(|post| post["id"].as_str().unwrap_or_default()).collect();
    let worst: Vec<_> = critical.iter().take(10).map(|row| row["id"].as_str()).collect();
    assert_eq!(ids, worst);
    assert_eq!(shown[0]["full_text"], critical[0]["full_text"]);
    let listed = client.get(&format!("/v1/analysis/{file}/posts?sort=-critical&limit=10")).await?.expect(200)?;
    let listed: Vec<_> =
        listed["items"].as_array().context("no items")?.iter().map(|post| post["id"].clone()).collect();
    assert_eq!(listed, worst);
    assert_eq!(stack.stop().await?, [Some(0)]);
    Ok(())
}

#[tokio::test]
async fn what_a_dataset_does_not_allow_is_named_and_never_zero() -> Result<()> {
    let stack = Stack::embedded(DALLOSH, &[]).await?;
    let client = stack.analyst().await?;
    let csv = "identifiant;commentaire;note\n0012;Panne totale, très déçu;3\n0013;Merci à tous;5\n0014;;2\n";
    let (file, rows) = analysed(&client, csv.as_bytes(), json!({ "text_column": "commentaire" })).await?;
    let ask = Ask { tz: "UTC".to_owned(), text: "commentaire".to_owned(), ..Ask::default() };
    check(&client, &file, &rows, &ask).await?;
    check(&client, &file, &rows, &Ask { q: Some("merci".to_owned()), ..ask }).await?;
    let answer = client.get(&format!("/v1/analysis/{file}")).await?.expect(200)?;
    assert_eq!((&answer["kpis"]["posts"], &answer["kpis"]["skipped"]), (&json!(3), &json!(1)));
    let reasons: Vec<_> =
        answer["unavailable"].as_array().context("no list")?.iter().map(|one| one["name"].as_str().unwrap()).collect();
    let wanted = [
        "sentiment_over_time",
        "hour_by_weekday",
        "undated",
        "spikes",
        "users",
        "top_users",
        "engagement",
        "engagement_per_post",
        "engagement_by_sentiment",
        "reach",
        "reach_weighted_negative_share",
        "answered_complaints",
        "unanswered_complaints",
        "response_rate",
    ];
    assert_eq!(reasons, wanted);
    for name in wanted {
        let (kpi, series) = (&answer["kpis"][name], &answer["series"][name]);
        let empty =
            series.as_array().is_none_or(Vec::is_empty) && series["points"].as_array().is_none_or(Vec::is_empty);
        assert!(kpi.is_null() && empty, "{name}: {kpi} {series}");
    }
    for (query, pointer) in [
        ("from=2024-01-01", "/from"),
        ("to=2024-01-01", "/to"),
        ("user=ana", "/user"),
        ("weekday=1", "/weekday"),
        ("hour=0", "/hour"),
        ("answered=true", "/answered"),
    ] {
        let refused = client.get(&format!("/v1/analysis/{file}?{query}")).await?;
        assert_eq!(refused.summary(), "422 validation");
        assert_eq!(refused.json()["errors"][0]["pointer"], pointer);
    }
    assert_eq!(stack.stop().await?, [Some(0)]);
    Ok(())
}

#[tokio::test]
async fn a_wrong_filter_is_refused_with_its_pointer_and_a_strange_cursor_too() -> Result<()> {
    let stack = Stack::embedded(DALLOSH, &[]).await?;
    let client = stack.analyst().await?;
    let (file, _) = analysed(&client, &posts(60), json!({})).await?;
    let table = [
        ("", "from=yesterday", "/from"),
        ("", "from=2024-13-01", "/from"),
        ("", "to=1e9", "/to"),
        ("", "from=2024-02-01&to=2024-02-01", "/to"),
        ("", "from=2024-02-02&to=2024-02-01T00:00:00Z", "/to"),
        ("", "sentiment=angry", "/sentiment"),
        ("", "priority=3", "/priority"),
        ("", "priority=+1", "/priority"),
        ("", "weekday=0", "/weekday"),
        ("", "weekday=8", "/weekday"),
        ("/posts", "hour=24", "/hour"),
        ("", "hour=-1", "/hour"),
        ("", "outcome=ok", "/outcome"),
        ("", "answered=1", "/answered"),
        ("", "tz=Mars/Olympus", "/tz"),
        ("", "q=%00", "/q"),
        ("/posts", "sort=colour", "/sort"),
        ("/posts", "cursor=abc", "/cursor"),
        ("/posts", "tz=+2", "/tz"),
    ];
    for (below, query, pointer) in table {
        let refused = client.get(&format!("/v1/analysis/{file}{below}?{query}")).await?;
        assert_eq!(refused.summary(), "422 validation", "{query}");
        assert_eq!(refused.json()["errors"][0]["pointer"], pointer, "{query}");
    }
    let several = client.get(&format!("/v1/analysis/{file}?tz=x&sentiment=y&priority=z")).await?.json();
    assert_eq!(several["errors"].as_array().map(Vec::len), Some(3));
    assert_eq!(client.get(&format!("/v1/analysis/{file}?colour=red")).await?.summary(), "422 validation");
    // A cursor is good for its own question alone, and for as long as the result is the same.
    let page = client.get(&format!("/v1/analysis/{file}/posts?limit=5")).await?.expect(200)?;
    let cursor = page["next_cursor"].as_str().context("no cursor")?;
    client.get(&format!("/v1/analysis/{file}/posts?cursor={cursor}")).await?.expect(200)?;
    let other = client.get(&format!("/v1/analysis/{file}/posts?sentiment=negative&cursor={cursor}")).await?;
    assert_eq!(other.summary(), "422 validation");
    let next = page["_links"]["next"].as_str().context("no link")?;
    client.get(next).await?.expect(200)?;
    assert_eq!(stack.stop().await?, [Some(0)]);
    Ok(())
}

#[tokio::test]
async fn a_dataset_is_analysed_only_for_who_may_see_it_and_only_once_it_has_a_result() -> Result<()> {
    let stack = Stack::embedded(DALLOSH, &[]).await?;
    let (admin, analyst, nobody) = (stack.admin().await?, stack.analyst().await?, Client::anonymous(&stack.base)?);
    let (file, task) = admin.new_task(&posts(30), json!({})).await?;
    for below in ["", "/posts"] {
        let path = format!("/v1/analysis/{file}{below}");
        assert_eq!(admin.get(&path).await?.summary(), "409 not_analysed");
        assert_eq!(analyst.get(&path).await?.summary(), "404 not_found");
        assert_eq!(nobody.get(&path).await?.summary(), "401 unauthorized");
        assert_eq!(admin.get(&format!("/v1/analysis/no-such-file{below}")).await?.summary(), "404 not_found");
    }
    admin.act(&task, "start").await?.expect(202)?;
    admin.wait_for(&task, "done").await?;
    admin.get(&format!("/v1/analysis/{file}")).await?.expect(200)?;
    assert_eq!(analyst.get(&format!("/v1/analysis/{file}")).await?.summary(), "404 not_found");
    admin.send(reqwest::Method::DELETE, &format!("/v1/tasks/{task}"), &[], None).await?.expect(204)?;
    admin.send(reqwest::Method::DELETE, &format!("/v1/files/{file}"), &[], None).await?.expect(204)?;
    assert_eq!(admin.get(&format!("/v1/analysis/{file}")).await?.summary(), "404 not_found");
    let left = std::fs::read_dir(stack.data().join("storage/tables").join(&file)).map_or(0, Iterator::count);
    assert_eq!(left, 0, "objects of a deleted dataset are left");
    assert_eq!(stack.stop().await?, [Some(0)]);
    Ok(())
}

#[tokio::test]
async fn a_result_without_a_readable_index_gives_the_same_answer() -> Result<()> {
    let stack = Stack::embedded(DALLOSH, &[]).await?;
    let client = stack.analyst().await?;
    let (file, _) = analysed(&client, &conversation(), json!({})).await?;
    let path = format!("/v1/analysis/{file}?tz=Asia/Kathmandu");
    let answer = client.get(&path).await?.expect(200)?;
    let index = stack.data().join(format!("storage/tables/{file}/analysed.index"));
    for damaged in [&b"dallosh1 but cut"[..], b""] {
        std::fs::write(&index, damaged)?;
        assert_eq!(client.get(&path).await?.expect(200)?, answer);
    }
    std::fs::remove_file(&index)?;
    assert_eq!(client.get(&path).await?.expect(200)?, answer);
    assert_eq!(stack.stop().await?, [Some(0)]);
    Ok(())
}

#[tokio::test]
async fn the_overview_adds_up_what_the_caller_may_see() -> Result<()> {
    let stack = Stack::embedded(DALLOSH, &[]).await?;
    let (admin, analyst) = (stack.admin().await?, stack.analyst().await?);
    let empty = analyst.get("/v1/overview").await?.expect(200)?;
    assert_eq!((&empty["files"]["files"], &empty["results"]["coverage"]), (&json!(0), &Value::Null));
    let (_, first) = analysed(&analyst, &posts(60), json!({})).await?;
    let (_, second) = analysed(&admin, &conversation(), json!({})).await?;
    analyst.new_task(&posts(20), json!({})).await?;
    let count = |rows: &[&[Row]], name: &str, word: &str| {
        rows.iter().flat_map(|rows| rows.iter()).filter(|row| row[name] == word).count()
    };
    for (client, rows, files) in [(&analyst, vec![&first[..]], 2), (&admin, vec![&first[..], &second[..]], 3)] {
        let seen = client.get("/v1/overview").await?.expect(200)?;
        assert_eq!((&seen["files"]["files"], &seen["files"]["analysed"]), (&json!(files), &json!(files - 1)));
        assert_eq!(seen["results"]["posts"], rows.iter().map(|rows| rows.len()).sum::<usize>());
        assert_eq!(seen["results"]["labelled"], count(&rows, "enrichment_status", "ok"));
        for word in ["negative", "neutral", "positive"] {
            assert_eq!(seen["results"][word], count(&rows, "sentiment", word));
        }
        assert_eq!(seen["tasks"]["by_status"], json!({ "added": 1, "done": files - 1 }));
        assert_eq!(seen["tasks"]["latest"].as_array().map(Vec::len), Some(files));
        assert_eq!(seen["tasks"]["latest"][0]["data"]["status"], "added", "the newest is the first");
        assert_eq!(seen["tasks"]["spend"]["cost"], "0");
    }
    assert_eq!(Client::anonymous(&stack.base)?.get("/v1/overview").await?.summary(), "401 unauthorized");
    assert_eq!(stack.stop().await?, [Some(0)]);
    Ok(())
}
