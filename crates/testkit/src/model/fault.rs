//! Everything that goes wrong with models: with their servers, and with what they say.

use std::{fmt, str::FromStr, time::Duration};

use serde_json::json;

/// What a call meets instead of a right answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// A status with headers and a body.
    Status(u16, Vec<(&'static str, String)>, String),
    /// 429.
    RateLimited(RetryAfter),
    /// A redirect with this status to there.
    Redirect(u16, String),
    /// A right answer with these headers.
    Headers(Vec<(&'static str, String)>),
    /// An answer of these words that ended for this reason.
    Says(String, &'static str),
    /// A wrong answer of the usual kinds.
    Mistaken(Mistake),
    /// 200 with an error inside.
    ErrorInside,
    /// Nothing, with the connection open.
    Hang,
    /// The connection is reset before a byte of the answer.
    Reset,
    /// The connection is reset in the middle of the answer.
    ResetHalfway,
    /// A byte of white space each time, a thousand times.
    Drip(Duration),
    /// 100 MiB, with their length told or not.
    Huge {
        /// Whether `Content-Length` tells it.
        declared: bool,
    },
    /// Something that is no HTTP.
    NotHttp,
}

/// How a refusal says how long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryAfter {
    /// Not at all.
    Untold,
    /// In seconds.
    Seconds(u64),
    /// As the date after so long.
    Date(Duration),
}

/// What is wrong with an answer that came whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mistake {
    /// No JSON, only words about it.
    Prose,
    /// The right JSON between words.
    ProseAround,
    /// The right JSON in a code fence.
    CodeFence,
    /// A comma behind the last row.
    TrailingComma,
    /// Single quotes.
    SingleQuotes,
    /// The last row is missing.
    OneMissing,
    /// A row too much, of an id that nobody asked about.
    OneMore,
    /// The older shape of three lists, of which one is too short.
    UnequalLists,
    /// The first row twice, with different labels.
    DuplicateId,
    /// Labels for ids that nobody asked about.
    ForeignIds,
    /// Ids as texts: still right.
    IdsAsText,
    /// `{}`.
    EmptyObject,
    /// No text.
    EmptyText,
    /// `null`.
    Null,
    /// A mood that is not in the vocabulary.
    UnknownSentiment,
    /// Synonyms of the moods: still right.
    SentimentSynonyms,
    /// Priorities as `low`, `normal`, `high`: still right.
    PriorityWords,
    /// Priorities as `"0"`, `"1"`, `"2"`: still right.
    PriorityTexts,
    /// Priorities as 0.0, 1.0, 2.0: still right.
    PriorityFloats,
    /// Priority 3.
    PriorityOutside,
    /// Priority `null`.
    PriorityNull,
    /// Topics of 5 KB.
    TopicHuge,
    /// The right topic inside markup.
    TopicHtml,
    /// The right topic inside a spreadsheet's formula.
    TopicFormula,
    /// The right topic and another line.
    TopicLines,
    /// A topic of its own for each text.
    TopicNew,
    /// Cut off by the limit of tokens, in the middle of the last row.
    CutOff,
    /// Cut off by the limit of tokens behind a row, so that it can be repaired to fewer rows.
    CutOffRepairable,
    /// The model declines.
    Refusal,
    /// A filter declines.
    ContentFilter,
    /// Hidden reasoning used up the limit of tokens; there is no text.
    ReasoningOnly,
    /// The right rows with more in them: still right.
    ExtraKeys,
    /// A call of a tool instead of a text.
    ToolCall,
    /// Bytes that are no UTF-8 inside the text.
    InvalidUtf8,
    /// One label for all texts: right in shape, and no check of a single row can tell.
    Uniform,
}

/// No fault has such a name.
#[derive(Debug)]
pub struct UnknownFault(String);

impl Mistake {
    /// All of them.
    pub const ALL: [Self; 35] = [
        Self::Prose,
        Self::ProseAround,
        Self::CodeFence,
        Self::TrailingComma,
        Self::SingleQuotes,
        Self::OneMissing,
        Self::OneMore,
        Self::UnequalLists,
        Self::DuplicateId,
        Self::ForeignIds,
        Self::IdsAsText,
        Self::EmptyObject,
        Self::EmptyText,
        Self::Null,
        Self::UnknownSentiment,
        Self::SentimentSynonyms,
        Self::PriorityWords,
        Self::PriorityTexts,
        Self::PriorityFloats,
        Self::PriorityOutside,
        Self::PriorityNull,
        Self::TopicHuge,
        Self::TopicHtml,
        Self::TopicFormula,
        Self::TopicLines,
        Self::TopicNew,
        Self::CutOff,
        Self::CutOffRepairable,
        Self::Refusal,
        Self::ContentFilter,
        Self::ReasoningOnly,
        Self::ExtraKeys,
        Self::ToolCall,
        Self::InvalidUtf8,
        Self::Uniform,
    ];
}

impl Fault {
    /// A status with an error body and nothing else.
    pub fn status(status: u16) -> Self {
        let error = json!({ "error": { "message": format!("told to answer {status}"), "type": "told" } });
        Self::Status(status, Vec::new(), error.to_string())
    }

    /// The name in `GET /counts` and of the program's arguments.
    pub fn name(&self) -> String {
        match self {
            Self::Status(status, ..) | Self::Redirect(status, _) => status.to_string(),
            Self::RateLimited(_) => "429".to_owned(),
            Self::Headers(_) => "right".to_owned(),
            Self::Says(..) => "says".to_owned(),
            Self::Mistaken(mistake) => kebab(&format!("{mistake:?}")),
            Self::ErrorInside => "error-inside".to_owned(),
            Self::Hang => "hang".to_owned(),
            Self::Reset => "reset".to_owned(),
            Self::ResetHalfway => "reset-halfway".to_owned(),
            Self::Drip(_) => "drip".to_owned(),
            Self::Huge { .. } => "huge".to_owned(),
            Self::NotHttp => "not-http".to_owned(),
        }
    }
}

impl From<Mistake> for Fault {
    fn from(mistake: Mistake) -> Self {
        Self::Mistaken(mistake)
    }
}

impl FromStr for Fault {
    type Err = UnknownFault;

    /// Reads a [`Fault::name`]: a status, `429:7` with a `Retry-After` of 7 s, or a word.
    fn from_str(name: &str) -> Result<Self, UnknownFault> {
        if let Some(seconds) = name.strip_prefix("429:").and_then(|seconds| seconds.parse().ok()) {
            return Ok(Self::RateLimited(RetryAfter::Seconds(seconds)));
        }
        if let Ok(status) = name.parse() {
            return Ok(match status {
                300..=399 => Self::Redirect(status, "http://169.254.169.254/latest/meta-data/".to_owned()),
                _ => Self::status(status),
            });
        }
        let plain = [
            Self::ErrorInside,
            Self::Hang,
            Self::Reset,
            Self::ResetHalfway,
            Self::Drip(Duration::from_secs(1)),
            Self::Huge { declared: false },
            Self::NotHttp,
        ];
        let all = plain.into_iter().chain(Mistake::ALL.map(Self::Mistaken));
        all.into_iter().find(|fault| fault.name() == name).ok_or_else(|| UnknownFault(name.to_owned()))
    }
}

impl fmt::Display for UnknownFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no fault is called {}", self.0)
    }
}

impl std::error::Error for UnknownFault {}

fn kebab(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !words.is_empty() {
            words.push('-');
        }
        words.push(letter.to_ascii_lowercase());
    }
    words
}
