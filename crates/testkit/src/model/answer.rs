//! What is asked, and the answers to it in both protocols.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};
use tokio::{io::BufReader, net::TcpStream};

use super::{
    Billed, RightLabel,
    fault::{Fault, Mistake, RetryAfter},
    http, right_label,
};

/// Stands for bytes that no JSON writer writes.
const NO_UTF8: &str = "@no-utf8@";
const HUGE: u32 = 100 << 20;

/// Whose protocol a path speaks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Api {
    OpenAi,
    Ollama,
}

/// A call, read.
pub struct Question {
    api: Api,
    pub texts: Vec<(u64, String)>,
    topics: Vec<String>,
    prompt_bytes: usize,
    pub max_tokens: Option<u64>,
    outdated: Option<(&'static str, &'static str, &'static str)>,
}

/// What a call gets.
pub struct Reply {
    fault: Option<Fault>,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    billed: Billed,
    right_texts: Vec<String>,
}

/// The words of an answer and how it ended.
struct Said {
    content: Value,
    finish: &'static str,
    refusal: Option<&'static str>,
    tool_calls: Option<Value>,
    tokens: u64,
}

impl Api {
    pub fn of(path: &str) -> Option<Self> {
        match path {
            "/api/chat" => Some(Self::Ollama),
            path if path.ends_with("/chat/completions") => Some(Self::OpenAi),
            _ => None,
        }
    }
}

impl Question {
    pub fn read(api: Api, body: &Value) -> Self {
        let messages = body.get("messages").and_then(Value::as_array).cloned().unwrap_or_default();
        let content = |message: &Value| message.get("content").and_then(Value::as_str).unwrap_or_default().to_owned();
        let contents: Vec<String> = messages.iter().map(content).collect();
        let rows: Vec<Value> =
            contents.last().and_then(|content| serde_json::from_str(content).ok()).unwrap_or_default();
        let text = |row: &Value| Some((row.get("id")?.as_u64()?, row.get("text")?.as_str()?.to_owned()));
        let schema = match api {
            Api::OpenAi => body.pointer("/response_format/json_schema/schema"),
            Api::Ollama => body.get("format"),
        };
        let topics = schema.and_then(|schema| schema.pointer("/properties/rows/items/properties/main_topic/enum"));
        let topic = |topic: &Value| topic.as_str().map(str::to_owned);
        let number = |pointer: &str| body.pointer(pointer).and_then(Value::as_u64);
        Self {
            api,
            texts: rows.iter().filter_map(text).collect(),
            topics: topics
                .and_then(Value::as_array)
                .map(|all| all.iter().filter_map(topic).collect())
                .unwrap_or_default(),
            prompt_bytes: contents.iter().map(String::len).sum(),
            max_tokens: number("/max_completion_tokens")
                .or_else(|| number("/max_tokens"))
                .or_else(|| number("/options/num_predict")),
            outdated: outdated(body),
        }
    }

    pub fn prompt_tokens(&self) -> u64 {
        tokens(self.prompt_bytes)
    }

    /// Of prompt and right answer together, as a provider counts them against its limits.
    pub fn expected_tokens(&self) -> u64 {
        self.prompt_tokens().saturating_add(self.bounded(tokens(rows(&self.right()).to_string().len())))
    }

    /// The parameter that newer models refuse, its code and the words about it.
    pub fn outdated(&self) -> Option<(&'static str, &'static str, &'static str)> {
        self.outdated
    }

    fn bounded(&self, tokens: u64) -> u64 {
        self.max_tokens.map_or(tokens, |most| tokens.min(most))
    }

    fn right(&self) -> Vec<(u64, RightLabel)> {
        self.texts.iter().map(|(id, text)| (*id, right_label(text, &self.topics))).collect()
    }

    /// The right answer; cut off where the call's limit of tokens ends it.
    fn rightly(&self) -> Said {
        let content = rows(&self.right()).to_string();
        let tokens = tokens(content.len());
        if self.bounded(tokens) == tokens {
            return Said { tokens, ..Said::new(content, "stop") };
        }
        let tokens = self.bounded(tokens);
        let bytes = usize::try_from(tokens.saturating_mul(4)).unwrap_or(usize::MAX);
        let end = (0..=bytes.min(content.len())).rev().find(|end| content.is_char_boundary(*end)).unwrap_or(0);
        Said { tokens, ..Said::new(content.get(..end).unwrap_or_default(), "length") }
    }

    fn mistaken(&self, mistake: Mistake) -> Said {
        let right = self.right();
        let json = rows(&right).to_string();
        let of_rows = |change: &dyn Fn(usize, &mut Value)| {
            let mut answer = rows(&right);
            let list = answer.get_mut("rows").and_then(Value::as_array_mut);
            list.into_iter().flatten().enumerate().for_each(|(place, row)| change(place, row));
            answer.to_string()
        };
        let with = |field: &'static str, value: &dyn Fn(&Value) -> Value| {
            of_rows(&|_, row| {
                if let Some(found) = row.get_mut(field) {
                    *found = value(found);
                }
            })
        };
        let content = match mistake {
            Mistake::Prose => "Most of these customers are unhappy; the first one may leave.".to_owned(),
            Mistake::ProseAround => format!("Here are the labels:\n{json}\nTell me if you need more."),
            Mistake::CodeFence => format!("```json\n{json}\n```"),
            Mistake::TrailingComma => json.replace("}]", "},]"),
            Mistake::SingleQuotes => json.replace('"', "'"),
            Mistake::OneMissing => rows(right.get(..right.len().saturating_sub(1)).unwrap_or_default()).to_string(),
            Mistake::OneMore => {
                let more = right.iter().chain(right.first()).enumerate();
                let more: Vec<_> = more
                    .map(|(place, (id, label))| {
                        let id = if place < right.len() { *id } else { id.saturating_add(1_000_000) };
                        (id, label.clone())
                    })
                    .collect();
                rows(&more).to_string()
            }
            Mistake::UnequalLists => {
                let list = |field: fn(&RightLabel) -> Value| -> Vec<Value> {
                    right.iter().map(|(_, label)| field(label)).collect()
                };
                let topics: Vec<Value> = list(|label| json!(label.main_topic)).into_iter().skip(1).collect();
                json!({"analysis": list(|label| json!(label.sentiment)), "priority": list(|label| json!(label.priority)),
                    "topics": topics})
                .to_string()
            }
            Mistake::DuplicateId => {
                let other = right
                    .first()
                    .map(|(id, label)| (*id, RightLabel { priority: (label.priority + 1) % 3, ..label.clone() }));
                rows(&right.iter().cloned().chain(other).collect::<Vec<_>>()).to_string()
            }
            Mistake::ForeignIds => with("id", &|id| json!(id.as_u64().map(|id| id.saturating_add(1_000_000)))),
            Mistake::IdsAsText => with("id", &|id| json!(id.to_string())),
            Mistake::EmptyObject => "{}".to_owned(),
            Mistake::EmptyText | Mistake::ReasoningOnly | Mistake::ContentFilter | Mistake::ToolCall => String::new(),
            Mistake::Null => "null".to_owned(),
            Mistake::UnknownSentiment => with("sentiment", &|_| json!("mixed")),
            Mistake::SentimentSynonyms => with("sentiment", &|word| match word.as_str() {
                Some("negative") => json!("très négatif"),
                Some("positive") => json!(" POSITIF"),
                _ => json!("Neutre"),
            }),
            Mistake::PriorityWords => with("priority", &|priority| match priority.as_u64() {
                Some(0) => json!("low"),
                Some(1) => json!("Normal"),
                _ => json!("HIGH"),
            }),
            Mistake::PriorityTexts => with("priority", &|priority| json!(priority.to_string())),
            Mistake::PriorityFloats => with("priority", &|priority| json!(priority.as_f64())),
            Mistake::PriorityOutside => with("priority", &|_| json!(3)),
            Mistake::PriorityNull => with("priority", &|_| Value::Null),
            Mistake::TopicHuge => {
                with("main_topic", &|topic| json!(word(topic).repeat(5000 / word(topic).len().max(1))))
            }
            Mistake::TopicHtml => with("main_topic", &|topic| json!(format!("<b>{}</b>", word(topic)))),
            Mistake::TopicFormula => {
                with("main_topic", &|topic| json!(format!("=HYPERLINK(\"http://192.0.2.1\",\"{}\")", word(topic))))
            }
            Mistake::TopicLines => with("main_topic", &|topic| json!(format!("{}\nand more", word(topic)))),
            Mistake::TopicNew => of_rows(&|place, row| {
                if let Some(topic) = row.get_mut("main_topic") {
                    *topic = json!(format!("something new {place}"));
                }
            }),
            Mistake::CutOff => {
                let end = json.len().saturating_sub(12);
                json.get(..end).or(json.get(..end.saturating_sub(1))).unwrap_or_default().to_owned()
            }
            Mistake::CutOffRepairable => {
                let whole = json.rmatch_indices("},{").next().and_then(|(end, _)| json.get(..=end));
                whole.unwrap_or("{\"rows\":[").to_owned()
            }
            Mistake::Refusal => "I'm sorry, but I can't help with that.".to_owned(),
            Mistake::ExtraKeys => of_rows(&|_, row| {
                if let Value::Object(fields) = row {
                    fields.insert("confidence".to_owned(), json!(0.5));
                    fields.insert("see".to_owned(), json!({"url": "http://169.254.169.254/", "id": 0}));
                }
            }),
            Mistake::InvalidUtf8 => json.replacen("\"rows\"", &format!("\"{NO_UTF8}\":0,\"rows\""), 1),
            Mistake::Uniform => of_rows(&|_, row| {
                if let (Value::Object(fields), Some((_, label))) = (row, right.first()) {
                    fields.insert("sentiment".to_owned(), json!(label.sentiment));
                    fields.insert("priority".to_owned(), json!(label.priority));
                    fields.insert("main_topic".to_owned(), json!(label.main_topic));
                }
            }),
        };
        let finish = match mistake {
            Mistake::CutOff | Mistake::CutOffRepairable | Mistake::ReasoningOnly => "length",
            Mistake::ContentFilter => "content_filter",
            Mistake::ToolCall => "tool_calls",
            _ => "stop",
        };
        let mut said = Said::new(content, finish);
        said.tokens = match mistake {
            Mistake::ReasoningOnly => self.max_tokens.unwrap_or(said.tokens),
            _ => self.bounded(said.tokens),
        };
        if mistake == Mistake::Refusal && self.api == Api::OpenAi {
            said.content = Value::Null;
            said.refusal = Some("I'm sorry, but I can't help with that.");
        }
        if mistake == Mistake::ToolCall {
            let function = json!({"name": "open", "arguments": "{\"url\":\"http://169.254.169.254/\"}"});
            said.tool_calls = Some(json!([{"id": "call_1", "type": "function", "function": function}]));
        }
        said
    }

    fn body(&self, said: &Said) -> Vec<u8> {
        let mut message = json!({"role": "assistant", "content": said.content});
        if let Some(fields) = message.as_object_mut() {
            fields.extend(said.refusal.map(|words| ("refusal".to_owned(), json!(words))));
            fields.extend(said.tool_calls.clone().map(|calls| ("tool_calls".to_owned(), calls)));
        }
        let (prompt, answer) = (self.prompt_tokens(), said.tokens);
        let body = match self.api {
            Api::OpenAi => json!({
                "id": "chatcmpl-fake", "object": "chat.completion", "model": "fake",
                "choices": [{"index": 0, "message": message, "finish_reason": said.finish}],
                "usage": {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt.saturating_add(answer)},
            }),
            Api::Ollama => json!({
                "model": "fake", "message": message, "done": true,
                "done_reason": if said.finish == "length" { "length" } else { "stop" },
                "prompt_eval_count": prompt, "eval_count": answer,
            }),
        };
        let text = body.to_string();
        match text.split_once(NO_UTF8) {
            Some((before, after)) => [before.as_bytes(), &[0xff, 0xfe], after.as_bytes()].concat(),
            None => text.into_bytes(),
        }
    }
}

impl Said {
    fn new(content: impl Into<String>, finish: &'static str) -> Self {
        let content = content.into();
        let tokens = tokens(content.len());
        Self { content: Value::String(content), finish, refusal: None, tool_calls: None, tokens }
    }
}

impl Reply {
    pub fn new(question: &Question, fault: Option<Fault>, headers: Vec<(String, String)>) -> Self {
        let said = match &fault {
            Some(Fault::Says(words, finish)) => {
                let said = Said::new(words.clone(), finish);
                Some(Said { tokens: question.bounded(said.tokens), ..said })
            }
            Some(Fault::Mistaken(mistake)) => Some(question.mistaken(*mistake)),
            Some(
                Fault::Status(..) | Fault::RateLimited(_) | Fault::Redirect(..) | Fault::ErrorInside | Fault::NotHttp,
            ) => None,
            _ => Some(question.rightly()),
        };
        let billed = said.as_ref().map_or(Billed::default(), |said| Billed {
            prompt_tokens: question.prompt_tokens(),
            completion_tokens: match &fault {
                Some(Fault::Huge { .. }) => question.bounded(u64::from(HUGE / 4)),
                _ => said.tokens,
            },
        });
        let body = match (&fault, &said) {
            (Some(Fault::Status(_, _, body)), _) => body.clone().into_bytes(),
            (Some(Fault::RateLimited(_)), _) => {
                json!({"error": {"message": "Rate limit reached", "type": "requests", "code": "rate_limit_exceeded"}})
                    .to_string()
                    .into_bytes()
            }
            (Some(Fault::ErrorInside), _) if question.api == Api::Ollama => br#"{"error":"overloaded"}"#.to_vec(),
            (Some(Fault::ErrorInside), _) => br#"{"error":{"message":"overloaded","type":"server_error"}}"#.to_vec(),
            (_, Some(said)) => question.body(said),
            _ => Vec::new(),
        };
        let is_right = matches!((&fault, &said), (None | Some(Fault::Headers(_)), Some(said)) if said.finish == "stop");
        let right_texts =
            if is_right { question.texts.iter().map(|(_, text)| text.clone()).collect() } else { Vec::new() };
        Self { fault, headers, body, billed, right_texts }
    }

    pub fn name(&self) -> String {
        self.fault.as_ref().map_or_else(|| "right".to_owned(), Fault::name)
    }

    pub fn billed(&self) -> Billed {
        self.billed
    }

    pub fn into_right_texts(self) -> Vec<String> {
        self.right_texts
    }

    /// Writes it; `None` ends the connection. Of huge answers `written` is told what the connection took.
    pub async fn send(&self, stream: &mut BufReader<TcpStream>, written: impl Fn(u64)) -> Option<()> {
        let mut headers = self.headers.clone();
        let own = |headers: &[(&'static str, String)]| -> Vec<_> {
            headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
        };
        let status = match &self.fault {
            Some(Fault::Status(status, more, _)) => {
                headers.extend(own(more));
                *status
            }
            Some(Fault::Headers(more)) => {
                headers.extend(own(more));
                200
            }
            Some(Fault::RateLimited(wait)) => {
                headers.extend(retry_after(*wait).map(|value| ("Retry-After".to_owned(), value)));
                429
            }
            Some(Fault::Redirect(status, location)) => {
                headers.push(("Location".to_owned(), location.clone()));
                *status
            }
            Some(Fault::Hang) => std::future::pending().await,
            Some(Fault::Reset) => return reset(stream),
            Some(Fault::ResetHalfway) => {
                let half = self.body.get(..self.body.len() / 2).unwrap_or_default();
                let head = format!("HTTP/1.1 200 Told\r\nContent-Length: {}\r\n\r\n", self.body.len());
                http::write(stream, &[head.as_bytes(), half].concat()).await?;
                return reset(stream);
            }
            Some(Fault::Drip(every)) => {
                http::write(stream, b"HTTP/1.1 200 Told\r\nContent-Length: 1000\r\n\r\n").await?;
                let mut tick = tokio::time::interval((*every).max(Duration::from_millis(1)));
                for _ in 0..1000 {
                    tick.tick().await;
                    http::write(stream, b" ").await?;
                }
                return None;
            }
            Some(Fault::Huge { declared }) => {
                let length = if *declared { format!("Content-Length: {HUGE}\r\n") } else { String::new() };
                http::write(stream, format!("HTTP/1.1 200 Told\r\n{length}\r\n").as_bytes()).await?;
                let part = vec![b' '; 64 << 10];
                for _ in 0..HUGE >> 16 {
                    http::write(stream, &part).await?;
                    written(64 << 10);
                }
                return None;
            }
            Some(Fault::NotHttp) => {
                http::write(stream, b"220 mail.example ESMTP\r\n").await?;
                return None;
            }
            None | Some(Fault::Says(..) | Fault::Mistaken(_) | Fault::ErrorInside) => 200,
        };
        http::send(stream, status, &headers, &self.body).await
    }
}

/// Ends a connection as a crash would.
fn reset(stream: &BufReader<TcpStream>) -> Option<()> {
    stream.get_ref().set_zero_linger().ok()?;
    None
}

fn retry_after(wait: RetryAfter) -> Option<String> {
    match wait {
        RetryAfter::Untold => None,
        RetryAfter::Seconds(seconds) => Some(seconds.to_string()),
        RetryAfter::Date(wait) => {
            let date = Utc::now() + TimeDelta::from_std(wait).ok()?;
            Some(date.format("%a, %d %b %Y %H:%M:%S GMT").to_string())
        }
    }
}

fn outdated(body: &Value) -> Option<(&'static str, &'static str, &'static str)> {
    if body.get("max_tokens").is_some() {
        let message = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.";
        return Some(("max_tokens", "unsupported_parameter", message));
    }
    let is_default = body.get("temperature").is_none_or(|temperature| temperature.as_f64() == Some(1.0));
    let message =
        "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) value is supported.";
    (!is_default).then_some(("temperature", "unsupported_value", message))
}

fn rows(labels: &[(u64, RightLabel)]) -> Value {
    let row = |(id, label): &(u64, RightLabel)| {
        let RightLabel { sentiment, priority, main_topic } = label;
        json!({"id": id, "sentiment": sentiment, "priority": priority, "main_topic": main_topic})
    };
    json!({ "rows": labels.iter().map(row).collect::<Vec<_>>() })
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Four bytes a token.
fn tokens(bytes: usize) -> u64 {
    u64::try_from(bytes.div_ceil(4)).unwrap_or(u64::MAX)
}
