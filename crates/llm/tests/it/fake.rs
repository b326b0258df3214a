//! A model server that does what a test tells it: the shapes of `OpenAI` and of Ollama, one connection per request, no randomness.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What the next request meets; without one it gets a right answer.
#[derive(Debug, Clone)]
pub enum Fault {
    /// A status with headers and a body.
    Status(u16, Vec<(&'static str, String)>, String),
    /// An answer of these words that ended for this reason.
    Says(String, &'static str),
    /// Labels for ids that nobody asked about.
    WrongIds,
    /// A right answer with these headers.
    Headers(Vec<(&'static str, String)>),
    /// Nothing, with the connection open.
    Hang,
    /// The connection is reset before a byte of the answer.
    Reset,
    /// The connection is reset in the middle of the answer.
    ResetHalfway,
    /// One byte at a time, slowly.
    Drip,
    /// 100 MiB, with their length told or not.
    Huge { declared: bool },
    /// Something that is no HTTP.
    NotHttp,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    pub path: String,
    pub authorization: Option<String>,
    pub body: Value,
}

pub struct FakeModel {
    pub origin: String,
    state: Arc<State>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    script: Mutex<VecDeque<Fault>>,
    asked: Mutex<Vec<Asked>>,
    written: AtomicU64,
}

impl FakeModel {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State::default());
        let served = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&served);
                tokio::spawn(async move { serve(stream, &state).await });
            }
        });
        Self { origin, state, task }
    }

    /// Says what the next requests meet, one each.
    pub fn script(&self, faults: impl IntoIterator<Item = Fault>) {
        self.state.script.lock().unwrap().extend(faults);
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.state.asked.lock().unwrap().clone()
    }

    /// Bytes of huge answers that a connection took.
    pub fn written(&self) -> u64 {
        self.state.written.load(Ordering::Relaxed)
    }
}

impl Drop for FakeModel {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(stream: TcpStream, state: &State) -> Option<()> {
    let mut stream = BufReader::new(stream);
    let asked = read(&mut stream).await?;
    let fault = state.script.lock().unwrap().pop_front();
    state.asked.lock().unwrap().push(asked.clone());
    let ids = ids(&asked);
    match fault {
        None => answer(&mut stream, &asked, &labels(&ids), "stop", &[]).await,
        Some(Fault::Headers(headers)) => answer(&mut stream, &asked, &labels(&ids), "stop", &headers).await,
        Some(Fault::Says(words, reason)) => answer(&mut stream, &asked, &words, reason, &[]).await,
        Some(Fault::WrongIds) => {
            let others: Vec<u64> = ids.iter().map(|id| id + 1_000_000).collect();
            answer(&mut stream, &asked, &labels(&others), "stop", &[]).await
        }
        Some(Fault::Status(status, headers, body)) => send(&mut stream, status, &headers, body.as_bytes()).await,
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::Reset) => stream.get_ref().set_zero_linger().ok(),
        Some(Fault::ResetHalfway) => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"choices\"").await.ok()?;
            stream.flush().await.ok()?;
            stream.get_ref().set_zero_linger().ok()
        }
        Some(Fault::Drip) => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n").await.ok()?;
            let mut tick = tokio::time::interval(std::time::Duration::from_millis(20));
            for _ in 0..1000 {
                tick.tick().await;
                stream.write_all(b" ").await.ok()?;
                stream.flush().await.ok()?;
            }
            Some(())
        }
        Some(Fault::Huge { declared }) => {
            let length = if declared { "Content-Length: 104857600\r\n" } else { "" };
            stream.write_all(format!("HTTP/1.1 200 OK\r\n{length}\r\n").as_bytes()).await.ok()?;
            let part = vec![b' '; 64 << 10];
            for _ in 0..1600 {
                stream.write_all(&part).await.ok()?;
                state.written.fetch_add(64 << 10, Ordering::Relaxed);
            }
            Some(())
        }
        Some(Fault::NotHttp) => {
            stream.write_all(b"220 mail.example ESMTP\r\n").await.ok()?;
            stream.flush().await.ok()
        }
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Asked> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let (mut length, mut authorization) = (0, None);
    loop {
        line.clear();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "authorization" => authorization = Some(value.to_owned()),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Asked { path, authorization, body: serde_json::from_slice(&body).ok()? })
}

fn ids(asked: &Asked) -> Vec<u64> {
    let user = asked.body["messages"][1]["content"].as_str().unwrap_or("[]");
    let texts: Vec<Value> = serde_json::from_str(user).unwrap_or_default();
    texts.iter().filter_map(|text| text["id"].as_u64()).collect()
}

fn labels(ids: &[u64]) -> String {
    let row = |id| json!({"id": id, "sentiment": "neutral", "priority": 0, "main_topic": "autre"});
    json!({"rows": ids.iter().map(row).collect::<Vec<_>>()}).to_string()
}

async fn answer(
    stream: &mut BufReader<TcpStream>,
    asked: &Asked,
    words: &str,
    reason: &str,
    headers: &[(&'static str, String)],
) -> Option<()> {
    let body = if asked.path.ends_with("/api/chat") {
        json!({"model": "fake", "message": {"role": "assistant", "content": words}, "done": true, "done_reason": reason,
            "prompt_eval_count": 70, "eval_count": 30})
    } else {
        json!({"choices": [{"index": 0, "message": {"role": "assistant", "content": words}, "finish_reason": reason}],
            "usage": {"prompt_tokens": 70, "completion_tokens": 30, "total_tokens": 100}})
    };
    send(stream, 200, headers, body.to_string().as_bytes()).await
}

async fn send(
    stream: &mut BufReader<TcpStream>,
    status: u16,
    headers: &[(&'static str, String)],
    body: &[u8],
) -> Option<()> {
    let mut head = format!("HTTP/1.1 {status} Told\r\nContent-Length: {}\r\nConnection: close\r\n", body.len());
    for (name, value) in headers {
        head = format!("{head}{name}: {value}\r\n");
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await.ok()?;
    stream.write_all(body).await.ok()?;
    stream.flush().await.ok()
}
