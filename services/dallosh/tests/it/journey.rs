//! The end-to-end suite. It takes an address; nothing in it knows what runs behind.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use dallosh_testkit::{Client, posts};
use serde_json::json;

use crate::SAMPLE;

/// How soon what an administrator decides holds everywhere.
const REVOKED: std::time::Duration = std::time::Duration::from_secs(5);

/// The statuses of an undisturbed task, in the order of the contract.
const STATUSES: [&str; 8] = [
    "added",
    "in_queue",
    "reading_dataset",
    "process_cleaning",
    "sending_to_llm",
    "appending_columns",
    "saving_file",
    "done",
];

/// Everything.
pub async fn suite(base: &str) -> Result<()> {
    let admin = Client::login(base, "admin@free.com", "123456").await?;
    let analyst = Client::login(base, "user@free.com", "123456").await?;
    main_job(&admin, SAMPLE).await.context("the main job on the sample")?;
    main_job(&analyst, &posts(1500)).await.context("the main job on made-up posts")?;
    other_dialects(&analyst).await.context("other dialects")?;
    refusals(base, &admin, &analyst).await.context("refusals")?;
    bad_files(&analyst).await.context("bad files")?;
    control(&analyst).await.context("control")?;
    revocation(base, &admin).await.context("an account that is disabled")?;
    service(base).await.context("the service itself")
}

/// Who is disabled is refused by every service within five seconds, and their streams end.
async fn revocation(base: &str, admin: &Client) -> Result<()> {
    let roles = admin.get("/v1/roles?q=analyst").await?.expect(200)?;
    let new = json!({"email": "leaver@example.com", "password": "correct horse", "role_id": roles["items"][0]["uid"]});
    let account = admin.post("/v1/users", &new).await?.expect(201)?;
    let path = format!("/v1/users/{}", account["uid"].as_str().context("no uid")?);
    let leaver = Client::login(base, "leaver@example.com", "correct horse").await?;
    let (_, task) = leaver.new_task(SAMPLE, json!({})).await?;
    // One service each, behind the door that believes nobody either.
    let places = ["/v1/files", "/v1/tasks", "/v1/overview", "/v1/auth/me"];
    for place in places {
        leaver.get(place).await?.expect(200)?;
    }
    let login = json!({"email": "leaver@example.com", "password": "correct horse"});
    let login = Client::anonymous(base)?.post("/v1/auth/login", &login).await?.expect(200)?;
    let (http, token) = (reqwest::Client::new(), login["access_token"].as_str().context("no token")?);
    let mut streams = Vec::new();
    for path in ["/v1/events", &format!("/v1/tasks/{task}/events")] {
        let request = http.get(format!("{base}{path}")).header("accept", "text/event-stream").bearer_auth(token);
        streams.push(request.send().await?.error_for_status()?);
    }
    let disabled = json!({ "disabled": true });
    admin.send(reqwest::Method::PATCH, &path, &[], Some(&disabled)).await?.expect(200)?;
    let deadline = tokio::time::Instant::now() + REVOKED;
    for stream in streams {
        tokio::time::timeout_at(deadline, stream.text()).await.context("a stream goes on")??;
    }
    for place in places {
        while leaver.get(place).await?.status != 401 {
            ensure!(tokio::time::Instant::now() < deadline, "{place} is still open");
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }
    Ok(())
}

/// From upload to download, watched live.
async fn main_job(client: &Client, original: &[u8]) -> Result<()> {
    let (header, rows) = table(original)?;
    let file = client.upload("posts.csv", original).await?.expect(201)?;
    let data = &file["data"];
    ensure!(data["row_count"] == rows.len() && data["rejected_rows"] == 0, "counts: {data}");
    ensure!(data["columns"] == json!(header) && data["text_column"] == "full_text", "columns: {data}");
    let file = file["uid"].as_str().context("no uid")?;
    let preview = client.get(&format!("/v1/files/{file}/preview?rows=100&stage=original")).await?.expect(200)?;
    let shown = preview["rows"].as_array().context("no rows")?;
    ensure!(shown.len() == rows.len().min(100) && preview["total_rows"] == rows.len(), "preview: {} rows", shown.len());
    for (shown, row) in shown.iter().zip(&rows) {
        ensure!(
            header.iter().zip(row).all(|(name, cell)| shown[name] == **cell),
            "the preview changes a cell: {shown}"
        );
    }
    let task = client.post("/v1/tasks", &json!({ "file_id": file })).await?.expect(201)?;
    ensure!(task["data"]["status"] == "added" && task["data"]["allowed_actions"][0] == "start", "a new task: {task}");
    let task = task["uid"].as_str().context("no uid")?;
    client.act(task, "start").await?.expect(202)?;
    let seen = client.stream(task, 0).await?;
    let mut statuses: Vec<_> =
        seen.iter().map(|event| event.name.as_str()).filter(|name| *name != "progress").collect();
    statuses.dedup();
    ensure!(statuses == STATUSES, "statuses: {statuses:?}");
    ensure!(seen.iter().zip(1..).all(|(event, seq)| event.id == seq && event.data["seq"] == seq), "seq has a gap");
    let streamed: Vec<_> = seen.iter().map(|event| event.data.clone()).collect();
    ensure!(client.history(task).await? == streamed, "the history is not what was streamed");
    let middle = i64::try_from(seen.len())? / 2;
    let rest = client.stream(task, middle).await?;
    ensure!(rest == seen[usize::try_from(middle)?..], "Last-Event-ID does not replay exactly the rest");

    let done = client.task(task).await?;
    let ids: BTreeSet<_> = rows.iter().map(|row| &row[0]).collect();
    let (counts, progress) = (&done["counts"], &done["progress"]);
    ensure!(
        counts["rows_read"] == rows.len() && counts["duplicates_removed"] == rows.len() - ids.len(),
        "counts: {counts}"
    );
    ensure!(
        progress["percent"] == 100.0 && progress["rows_done"] == progress["rows_total"] && progress["rows_failed"] == 0,
        "progress: {progress}"
    );
    ensure!(done["models_used"] == json!(["builtin"]), "models: {done}");
    ensure!(client.content(file, "original").await? == original, "the original is not what was uploaded");
    let (found_header, found) = table(&client.content(file, "analysed").await?)?;
    ensure!(found_header[..header.len()] == header, "the original columns do not come first");
    let place =
        |name: &str| found_header.iter().position(|found| found == name).with_context(|| format!("no column {name}"));
    let (status, sentiment, priority, topic) =
        (place("enrichment_status")?, place("sentiment")?, place("priority")?, place("main_topic")?);
    let mut remaining = rows.iter();
    for row in &found {
        ensure!(remaining.any(|original| original[..] == row[..header.len()]), "a row was changed or moved: {row:?}");
        let labelled = ["negative", "neutral", "positive"].contains(&row[sentiment].as_str())
            && ["0", "1", "2"].contains(&row[priority].as_str())
            && !row[topic].is_empty();
        let empty = row[sentiment].is_empty() && row[priority].is_empty() && row[topic].is_empty();
        ensure!(if row[status] == "ok" { labelled } else { empty }, "a label was invented or lost: {row:?}");
    }
    ensure!(found.len() == ids.len(), "{} rows instead of {}", found.len(), ids.len());
    Ok(())
}

async fn other_dialects(client: &Client) -> Result<()> {
    let text = "identifiant;commentaire;note\r\n0012;\"Panne totale; très déçu\";1e5\r\n0013;Merci à tous;NA\r\n";
    let cp1252 = text.chars().map(|letter| u8::try_from(u32::from(letter)).unwrap_or(b'?')).collect();
    let utf16: Vec<u8> = [0xFF, 0xFE].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    for content in [text.as_bytes().to_vec(), cp1252, utf16] {
        let (file, task) = client.new_task(&content, json!({ "text_column": "commentaire" })).await?;
        client.act(&task, "start").await?.expect(202)?;
        client.wait_for(&task, "done").await?;
        let (_, rows) = table(&client.content(&file, "analysed").await?)?;
        let cells: Vec<_> = rows.iter().map(|row| row[..3].to_vec()).collect();
        ensure!(
            cells == [["0012", "Panne totale; très déçu", "1e5"], ["0013", "Merci à tous", "NA"]],
            "cells: {cells:?}"
        );
    }
    Ok(())
}

async fn refusals(base: &str, admin: &Client, analyst: &Client) -> Result<()> {
    let nobody = Client::anonymous(base)?;
    let (file, task) = admin.new_task(&posts(20), json!({})).await?;
    let paths = [format!("/v1/files/{file}"), format!("/v1/tasks/{task}"), format!("/v1/tasks/{task}/events")];
    for path in &paths {
        ensure!(nobody.get(path).await?.summary() == "401 unauthorized", "{path} without a token");
        ensure!(analyst.get(path).await?.summary() == "404 not_found", "{path} of somebody else");
    }
    ensure!(
        analyst.post("/v1/tasks", &json!({ "file_id": file })).await?.status == 404,
        "a task on somebody else's file"
    );
    ensure!(analyst.act(&task, "start").await?.status == 404, "starting somebody else's task");
    let table = [
        (admin.get("/v1/files/no-such-file").await?, "404 not_found"),
        (admin.get("/v1/nothing").await?, "404 not_found"),
        (admin.act(&task, "pause").await?, "409 illegal_transition"),
        (admin.act(&task, "retry").await?, "409 illegal_transition"),
        (admin.post(&format!("/v1/tasks/{task}/retry"), &json!({ "failed_rows": "yes" })).await?, "422 validation"),
        (admin.post("/v1/tasks", &json!([file])).await?, "422 validation"),
        (admin.post("/v1/tasks", &json!({ "file_id": file, "colour": "red" })).await?, "422 validation"),
        (
            admin.post("/v1/tasks", &json!({ "file_id": file, "budget": { "max_cost": "-1.00" } })).await?,
            "422 validation",
        ),
        (
            admin.post("/v1/tasks", &json!({ "file_id": file, "options": { "paginate_rows_limit": 0 } })).await?,
            "422 validation",
        ),
        (
            admin.post("/v1/tasks", &json!({ "file_id": file, "options": { "text_column": "nope" } })).await?,
            "422 missing_column",
        ),
    ];
    for (answer, wanted) in table {
        ensure!(answer.summary() == wanted, "{} instead of {wanted}: {}", answer.summary(), answer.json());
        let kind = answer.headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        ensure!(kind.starts_with("application/problem+json"), "{wanted}: {kind}");
        let problem = answer.json();
        ensure!(
            ["type", "title", "detail", "request_id"]
                .iter()
                .all(|name| problem[name].as_str().is_some_and(|text| !text.is_empty())),
            "{problem}"
        );
    }
    let refused = admin.act(&task, "pause").await?.json();
    ensure!(
        refused["detail"].as_str().is_some_and(|detail| detail.contains("added")),
        "the state is not named: {refused}"
    );
    admin.act(&task, "start").await?.expect(202)?;
    admin.wait_for(&task, "done").await?;
    ensure!(admin.act(&task, "start").await?.summary() == "409 illegal_transition", "a second start of a done task");
    Ok(())
}

async fn bad_files(client: &Client) -> Result<()> {
    let table: [(&str, &[u8], &str); 6] = [
        ("empty", b"", "422 csv_empty"),
        ("an archive", b"PK\x03\x04\x14\x00\x00\x00", "415 unsupported_media_type"),
        ("a compressed file", b"\x1f\x8b\x08\x00\x00\x00", "415 unsupported_media_type"),
        ("a picture", b"\x89PNG\r\n\x1a\n\x00\x00", "415 unsupported_media_type"),
        ("binary", b"id,text\n1,a\x00b\n", "422 csv_binary"),
        ("an unclosed quote", b"id,text\n1,\"opens here\n2,x\n", "422 csv_unclosed_quote"),
    ];
    let before = client.get("/v1/files?limit=200").await?.expect(200)?["items"].as_array().map_or(0, Vec::len);
    for (name, content, wanted) in table {
        let answer = client.upload("posts.csv", content).await?;
        ensure!(answer.summary() == wanted, "{name}: {} instead of {wanted}: {}", answer.summary(), answer.json());
    }
    let after = client.get("/v1/files?limit=200").await?.expect(200)?["items"].as_array().map_or(0, Vec::len);
    ensure!(before == after, "a refused file was kept");
    // Only a header: kept, but there is nothing to do.
    let (_, task) = client.new_task(b"id,full_text\n", json!({})).await?;
    ensure!(client.act(&task, "start").await?.summary() == "422 no_rows", "a file without rows");
    // No column that is clearly the one: kept, and the task asks for it.
    let file = client.upload("numbers.csv", b"a,b\n1,2\n3,4\n").await?.expect(201)?;
    ensure!(file["data"]["text_column"].is_null(), "a text column was guessed from numbers: {file}");
    let refused = client.post("/v1/tasks", &json!({ "file_id": file["uid"] })).await?;
    ensure!(refused.summary() == "422 text_column_required", "{}", refused.summary());
    Ok(())
}

async fn control(client: &Client) -> Result<()> {
    let (file, task) = client.new_task(&posts(50), json!({})).await?;
    let stopped = client.act(&task, "stop").await?.expect(202)?;
    ensure!(stopped["data"]["status"] == "stopped", "a task that never ran: {stopped}");
    client.act(&task, "retry").await?.expect(202)?;
    client.wait_for(&task, "done").await?;
    let first = client.content(&file, "analysed").await?;
    client.act(&task, "restart").await?.expect(202)?;
    client.wait_for(&task, "done").await?;
    ensure!(client.content(&file, "analysed").await? == first, "a second run gives another result");
    let path = format!("/v1/tasks/{task}");
    client.send(reqwest::Method::DELETE, &path, &[], None).await?.expect(204)?;
    ensure!(client.get(&path).await?.status == 404, "a deleted task is still there");
    client.send(reqwest::Method::DELETE, &format!("/v1/files/{file}"), &[], None).await?.expect(204)?;
    ensure!(
        client.get(&format!("/v1/files/{file}/content?stage=analysed")).await?.status == 404,
        "its result is still there"
    );
    Ok(())
}

async fn service(base: &str) -> Result<()> {
    let nobody = Client::anonymous(base)?;
    for path in ["/healthz", "/readyz", "/metrics", "/openapi.json", "/docs"] {
        let answer = nobody.get(path).await?;
        ensure!(answer.status == 200, "{path}: {}", answer.summary());
    }
    let document = nobody.get("/openapi.json").await?.json();
    ensure!(
        document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")),
        "openapi {}",
        document["openapi"]
    );
    ensure!(
        document["paths"].get("/v1/files").is_some() && document["paths"].get("/v1/tasks").is_some(),
        "paths are missing"
    );
    Ok(())
}

/// Header and rows of a CSV, every cell as it is.
pub fn table(content: &[u8]) -> Result<(Vec<String>, Vec<Vec<String>>)> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(content.strip_prefix("\u{feff}".as_bytes()).unwrap_or(content));
    let mut rows = reader.records().map(|row| Ok(row?.iter().map(str::to_owned).collect()));
    let header = rows.next().context("no header")??;
    Ok((header, rows.collect::<Result<_>>()?))
}
