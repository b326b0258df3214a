//! Models of one's own: tasks ask those that the settings name, and keys stay secret.

use std::{
    fs,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::{Context, Result, ensure};
use dallosh_testkit::{Client, Stack, posts};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::DALLOSH;

const KEY: &str = "sk-canary-4711";

/// A model that calls everything a promotion; it can be switched off.
struct Model {
    url: String,
    texts: Arc<Mutex<Vec<String>>>,
    off: Arc<AtomicBool>,
}

impl Model {
    async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/v1", listener.local_addr()?);
        let (texts, off) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (asked, is_off) = (texts.clone(), off.clone());
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let (asked, is_off) = (asked.clone(), is_off.clone());
                tokio::spawn(async move { answer(connection, &asked, &is_off).await });
            }
        });
        Ok(Self { url, texts, off })
    }

    fn asked(&self) -> usize {
        self.texts.lock().unwrap().len()
    }
}

/// One request, one answer.
async fn answer(mut connection: TcpStream, asked: &Mutex<Vec<String>>, off: &AtomicBool) -> Result<()> {
    let (mut bytes, mut piece) = (Vec::new(), [0; 4096]);
    let body = loop {
        let read = connection.read(&mut piece).await?;
        ensure!(read > 0, "the request is cut off");
        bytes.extend_from_slice(&piece[..read]);
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.trim().parse().ok());
            if body.len() >= length.unwrap_or(0) {
                ensure!(head.to_lowercase().contains(&format!("authorization: bearer {KEY}")), "the key is missing");
                break serde_json::from_str::<Value>(body)?;
            }
        }
    };
    let (status, reply) = if off.load(Ordering::Relaxed) {
        ("503 Service Unavailable", json!({ "error": { "message": "switched off" } }))
    } else {
        let texts: Value = serde_json::from_str(body["messages"][1]["content"].as_str().context("no texts")?)?;
        let texts = texts.as_array().context("no list")?;
        asked.lock().unwrap().extend(texts.iter().map(|text| text["text"].to_string()));
        let row = |text: &Value| json!({ "id": text["id"], "sentiment": "positive", "priority": 0, "main_topic": "promotion" });
        let content = json!({ "rows": texts.iter().map(row).collect::<Vec<_>>() }).to_string();
        let choice =
            json!({ "index": 0, "finish_reason": "stop", "message": { "role": "assistant", "content": content } });
        (
            "200 OK",
            json!({ "choices": [choice], "usage": { "prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500 } }),
        )
    };
    let reply = reply.to_string();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        reply.len()
    );
    connection.write_all(format!("{head}{reply}").as_bytes()).await?;
    Ok(())
}

/// Names the model in the settings; its id.
async fn register(admin: &Client, model: &Model) -> Result<String> {
    let body = json!({
        "kind": "external", "provider": "openai", "model": "tester", "baseUrl": model.url, "apiKey": KEY,
        "retryRequests": 1, "paginateRowsLimit": 100,
        "price": { "input_per_million_tokens": "1.00", "output_per_million_tokens": "2.00" },
    });
    let made = admin.post("/v1/settings/ai/models", &body).await?.expect(201)?;
    let uid = made["uid"].as_str().context("no uid")?.to_owned();
    let preferences = json!({ "preferences": { "mode": "external", "default_external_model_id": uid } });
    let answer = admin.get("/v1/settings/ai").await?;
    let tag = answer.headers.get("etag").and_then(|tag| tag.to_str().ok()).context("no ETag")?.to_owned();
    admin.send(Method::PATCH, "/v1/settings/ai", &[("if-match", &tag)], Some(&preferences)).await?.expect(200)?;
    Ok(uid)
}

#[tokio::test]
async fn a_task_asks_the_model_of_the_settings_and_its_key_is_nowhere_to_be_read() -> Result<()> {
    let (stack, model) = (Stack::embedded(DALLOSH, &[]).await?, Model::start().await?);
    let (admin, analyst) = (stack.admin().await?, stack.analyst().await?);
    let uid = register(&admin, &model).await?;
    let (file, task) = analyst.new_task(&posts(250), json!({})).await?;
    analyst.act(&task, "start").await?.expect(202)?;
    let done = analyst.wait_for(&task, "done").await?;
    ensure!(done["models_used"] == json!(["tester"]), "models: {done}");
    // Three pages of 1,000 and 500 tokens at 1 and 2 dollars a million.
    let usage = &done["usage"];
    ensure!(usage["prompt_tokens"] == 3000 && usage["completion_tokens"] == 1500, "usage: {usage}");
    ensure!(usage["cost"].as_str().and_then(|cost| cost.parse::<f64>().ok()) == Some(0.006), "cost: {usage}");
    let result = String::from_utf8(analyst.content(&file, "analysed").await?)?;
    ensure!(result.contains("positive,0,promotion,ok"), "the labels are not the model's");
    let counted = usize::try_from(done["counts"]["unique_texts"].as_u64().unwrap_or(0))?;
    ensure!(model.asked() == counted, "{} texts were asked instead of {counted}", model.asked());

    let shown = admin.get(&format!("/v1/settings/ai/models/{uid}")).await?.expect(200)?;
    ensure!(shown["data"]["has_key"] == true && shown["data"]["last4"] == "4711", "{shown}");
    let mut places = vec![shown.to_string(), done.to_string(), json!(analyst.history(&task).await?).to_string()];
    for name in ["dallosh.db", "dallosh.db-wal"] {
        places.push(String::from_utf8_lossy(&fs::read(stack.data().join(name)).unwrap_or_default()).into_owned());
    }
    places.push(fs::read_to_string(stack.data().with_file_name("log"))?);
    ensure!(places.iter().all(|place| !place.contains(KEY)), "the key can be read somewhere");
    Ok(())
}

#[tokio::test]
async fn an_outage_is_shown_and_waited_for_and_costs_no_row() -> Result<()> {
    let (stack, model) = (Stack::embedded(DALLOSH, &[]).await?, Model::start().await?);
    let (admin, analyst) = (stack.admin().await?, stack.analyst().await?);
    register(&admin, &model).await?;
    model.off.store(true, Ordering::Relaxed);
    let (_, task) = analyst.new_task(&posts(30), json!({})).await?;
    analyst.act(&task, "start").await?.expect(202)?;
    let waits = loop {
        let data = analyst.task(&task).await?;
        ensure!(data["status"] != "on_error" && data["status"] != "done", "it did not wait: {data}");
        if !data["waiting"].is_null() {
            break data;
        }
    };
    ensure!(waits["waiting"]["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{waits}");
    model.off.store(false, Ordering::Relaxed);
    let done = analyst.wait_for(&task, "done").await?;
    ensure!(done["progress"]["rows_failed"] == 0 && done["waiting"].is_null(), "{done}");
    Ok(())
}

#[tokio::test]
async fn a_task_without_a_model_that_it_may_ask_is_refused_at_its_start() -> Result<()> {
    let stack = Stack::embedded(DALLOSH, &[]).await?;
    let analyst = stack.analyst().await?;
    let (_, task) = analyst.new_task(&posts(5), json!({ "mode": "external" })).await?;
    ensure!(analyst.act(&task, "start").await?.summary() == "409 no_model", "it was started");
    Ok(())
}
