use std::time::Duration;

use anyhow::{Context, Result, bail};
use reqwest::{Method, StatusCode, header::HeaderMap};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

/// How long anything may take that a test waits for.
const PATIENCE: Duration = Duration::from_secs(90);

/// How long nobody looks again at what is waited for: half of the requests that a user has.
const PAUSE: Duration = Duration::from_millis(20);

/// A client of the door with a token, or without.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
}

/// What the door answered.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as it came.
    pub body: Vec<u8>,
}

/// One message of an event stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// `id:`.
    pub id: i64,
    /// `event:`.
    pub name: String,
    /// `data:`.
    pub data: Value,
}

impl Answer {
    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Status and, of a problem, its code.
    pub fn summary(&self) -> String {
        let code = self.json().get("code").and_then(Value::as_str).map(str::to_owned);
        [Some(self.status.as_u16().to_string()), code].into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    /// The body as JSON when the status is this one.
    pub fn expect(self, status: u16) -> Result<Value> {
        if self.status.as_u16() != status {
            bail!("answered {} instead of {status}: {}", self.status, String::from_utf8_lossy(&self.body));
        }
        Ok(self.json())
    }
}

impl Client {
    /// Nobody in particular.
    pub fn anonymous(base: &str) -> Result<Self> {
        Ok(Self { http: reqwest::Client::builder().no_proxy().build()?, base: base.to_owned(), token: None })
    }

    /// Signs in.
    pub async fn login(base: &str, email: &str, password: &str) -> Result<Self> {
        let client = Self::anonymous(base)?;
        let body =
            client.post("/v1/auth/login", &json!({ "email": email, "password": password })).await?.expect(200)?;
        let token = body.get("access_token").and_then(Value::as_str).context("no access token")?.to_owned();
        Ok(Self { token: Some(token), ..client })
    }

    /// The same client at another address, after a restart.
    #[must_use]
    pub fn at(&self, base: &str) -> Self {
        Self { base: base.to_owned(), ..self.clone() }
    }

    /// Any call.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Answer> {
        let mut request = self.http.request(method, format!("{}{path}", self.base)).timeout(PATIENCE);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        read(request.send().await?).await
    }

    /// A call with a body of bytes, which may come slowly.
    pub async fn send_bytes(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<reqwest::Body>,
    ) -> Result<Answer> {
        let mut request = self.http.request(method, format!("{}{path}", self.base)).timeout(PATIENCE).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        read(request.send().await?).await
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.send(Method::GET, path, &[], None).await
    }

    /// POST of JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        self.send(Method::POST, path, &[], Some(body)).await
    }

    /// Uploads a file.
    pub async fn upload(&self, name: &str, content: &[u8]) -> Result<Answer> {
        let part = reqwest::multipart::Part::bytes(content.to_vec()).file_name(name.to_owned());
        let form = reqwest::multipart::Form::new().part("file", part);
        let mut request = self.http.post(format!("{}/v1/files", self.base)).timeout(PATIENCE).multipart(form);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        read(request.send().await?).await
    }

    /// Uploads a file and makes a task for it: their ids.
    pub async fn new_task(&self, content: &[u8], options: Value) -> Result<(String, String)> {
        let file = id(&self.upload("posts.csv", content).await?.expect(201)?)?;
        let task = self.post("/v1/tasks", &json!({ "file_id": file, "options": options })).await?.expect(201)?;
        Ok((file, id(&task)?))
    }

    /// Does something to a task.
    pub async fn act(&self, task: &str, action: &str) -> Result<Answer> {
        self.post(&format!("/v1/tasks/{task}/{action}"), &json!({})).await
    }

    /// What a task says.
    pub async fn task(&self, task: &str) -> Result<Value> {
        let answer = self.get(&format!("/v1/tasks/{task}")).await?.expect(200)?;
        Ok(answer.get("data").cloned().unwrap_or_default())
    }

    /// Waits until a task has this status.
    pub async fn wait_for(&self, task: &str, status: &str) -> Result<Value> {
        let reached = self.wait_until(task, |data| status_of(data) == status).await;
        reached.with_context(|| format!("the task is not {status}"))
    }

    /// Waits until something is so of a task, which fails when the task ended before.
    pub async fn wait_until(&self, task: &str, is_so: impl Fn(&Value) -> bool) -> Result<Value> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let data = self.task(task).await?;
            if is_so(&data) {
                return Ok(data);
            }
            let status = status_of(&data);
            if Instant::now() > deadline || ["done", "stopped", "on_error"].contains(&status) {
                bail!("the task stays {status}: {data}");
            }
            sleep(PAUSE).await;
        }
    }

    /// Waits until a path is answered so.
    pub async fn wait_answer(&self, path: &str, status: u16) -> Result<Answer> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.get(path).await?;
            if answer.status.as_u16() == status {
                return Ok(answer);
            }
            if Instant::now() > deadline {
                bail!("{path} is answered {} instead of {status}", answer.summary());
            }
            sleep(PAUSE).await;
        }
    }

    /// A stage of a dataset.
    pub async fn content(&self, file: &str, stage: &str) -> Result<Vec<u8>> {
        let answer = self.get(&format!("/v1/files/{file}/content?stage={stage}&format=csv")).await?;
        if answer.status != StatusCode::OK {
            bail!("{stage} answered {}", answer.summary());
        }
        Ok(answer.body)
    }

    /// The stored events of a task, all pages.
    pub async fn history(&self, task: &str) -> Result<Vec<Value>> {
        let (mut items, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("/v1/tasks/{task}/events?limit=100{cursor}")).await?.expect(200)?;
            items.extend(page.get("items").and_then(Value::as_array).cloned().unwrap_or_default());
            match page.get("next_cursor").and_then(Value::as_str) {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(items),
            }
        }
    }

    /// The events of a task after `last`, as the server streams them until it ends the stream.
    pub async fn stream(&self, task: &str, last: i64) -> Result<Vec<Event>> {
        let mut request = self.http.get(format!("{}/v1/tasks/{task}/events", self.base));
        request = request.header("accept", "text/event-stream").header("last-event-id", last);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await?.error_for_status()?;
        let text = timeout(PATIENCE, response.text()).await.context("the stream does not end")??;
        text.split("\n\n").filter(|message| message.contains("data:")).map(event).collect()
    }
}

impl Client {
    /// Follows a stream of events until `most` of them and an id came, or the server ended it: their data, and the last id.
    pub async fn follow(&self, path: &str, last: Option<&str>, most: usize) -> Result<(Vec<Value>, Option<String>)> {
        let mut request = self.http.get(format!("{}{path}", self.base)).header("accept", "text/event-stream");
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let mut response = request.send().await?.error_for_status()?;
        let (mut text, mut events, mut id) = (String::new(), Vec::new(), last.map(str::to_owned));
        while events.len() < most || id.is_none() {
            let piece = timeout(PATIENCE, response.chunk()).await.context("the stream is silent")??;
            let Some(piece) = piece else { break };
            text.push_str(&String::from_utf8_lossy(&piece));
            while (events.len() < most || id.is_none())
                && let Some((message, rest)) = text.split_once("\n\n")
            {
                for line in message.lines() {
                    if let Some(value) = line.strip_prefix("id: ") {
                        id = Some(value.to_owned());
                    } else if let Some(data) = line.strip_prefix("data: ") {
                        events.push(serde_json::from_str(data)?);
                    }
                }
                text = rest.to_owned();
            }
        }
        Ok((events, id))
    }
}

fn event(message: &str) -> Result<Event> {
    let field = |name: &str| {
        let line = message
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .with_context(|| format!("no {name} in {message:?}"))?;
        Ok::<_, anyhow::Error>(line.trim_start())
    };
    Ok(Event {
        id: field("id:")?.parse()?,
        name: field("event:")?.to_owned(),
        data: serde_json::from_str(field("data:")?)?,
    })
}

fn status_of(task: &Value) -> &str {
    task.get("status").and_then(Value::as_str).unwrap_or_default()
}

fn id(resource: &Value) -> Result<String> {
    Ok(resource.get("uid").and_then(Value::as_str).context("no uid")?.to_owned())
}

async fn read(response: reqwest::Response) -> Result<Answer> {
    let (status, headers) = (response.status(), response.headers().clone());
    Ok(Answer { status, headers, body: response.bytes().await?.to_vec() })
}
