//! What a task would read, ask for and pay, told from the file itself before it starts.

use dallosh_contracts::{
    Dialect as WireDialect, EnrichmentInput, ModelPrice, ModelProvider, ModelSnapshot, TaskOptions,
};
use dallosh_dataset::{CleanOptions, DatasetError, Dialect, Limits, dry_run, estimated_tokens};
use dallosh_llm::{AnswerKeys, Price, TOPICS, Usage, labelling_request};
use dallosh_primitives::Uid;
use dallosh_service_kit::{Caller, ErrorCode, Problem};
use dallosh_storage::{BlockingReader, Key};
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{error::problem, state::State, workflow};

/// Tokens of an answer about one text, about.
const TOKENS_AN_ANSWER: u64 = 21;
/// Characters around a text in a prompt: its id and the signs of the list.
const CHARACTERS_AROUND: u64 = 21;
/// Calls of a model that say how fast it is.
const RECENT_CALLS: usize = 50;
/// Answers that are held in memory at once while they are counted.
const ANSWERS: usize = 500;
/// Bytes that reading, cleaning, joining and saving get through in a second, about.
const BYTES_A_SECOND: f64 = 20e6;
/// Texts that the model inside labels in a second, about.
const BUILTIN_TEXTS_A_SECOND: f64 = 5_000.0;

/// What a task would come to.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Estimate {
    /// Rows that would be labelled or skipped: those that can be read, without duplicates.
    rows: u64,
    /// Different texts among them.
    unique_texts: u64,
    /// Of these, texts whose answer was paid for before; they cost nothing.
    cached_texts: u64,
    /// Tokens that would be sent.
    prompt_tokens: u64,
    /// Tokens that would come back.
    completion_tokens: u64,
    /// US dollars.
    #[schema(value_type = String, example = "0.42")]
    cost: Decimal,
    /// Seconds from start to end when nothing else runs.
    seconds: f64,
    /// Between which bounds the truth most probably lies.
    range: EstimateRange,
    /// The models that would be asked, in order; the figures are those of the first.
    models: Vec<EstimatedModel>,
}

/// A model that a task would ask, as everybody may know it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct EstimatedModel {
    /// Its id in the settings.
    uid: Uid,
    /// Whose protocol it speaks.
    provider: ModelProvider,
    /// Its name at the provider.
    model: String,
    /// Rows a page, unless the task says otherwise.
    paginate_rows_limit: u32,
    /// What its tokens cost.
    price: ModelPrice,
}

impl From<&ModelSnapshot> for EstimatedModel {
    fn from(snapshot: &ModelSnapshot) -> Self {
        let ModelSnapshot { uid, provider, model, paginate_rows_limit, price, .. } = snapshot;
        Self {
            uid: *uid,
            provider: *provider,
            model: model.clone(),
            paginate_rows_limit: *paginate_rows_limit,
            price: *price,
        }
    }
}

/// The least and the most.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct EstimateRange {
    /// US dollars. The most counts repeated calls and texts with more tokens than usual.
    #[schema(value_type = [String; 2], example = json!(["0.30", "0.92"]))]
    cost: [Decimal; 2],
    /// Seconds.
    seconds: [f64; 2],
}

/// Estimates a task for a file that the caller may read; no model is asked.
///
/// # Errors
/// What the start of such a task would be refused for.
pub async fn estimate(
    state: &State,
    caller: &Caller,
    file_id: Uid,
    options: &TaskOptions,
) -> Result<Estimate, Problem> {
    let (input, models) = workflow::inquire(state, caller, file_id, options).await?;
    let model = models.first().ok_or_else(workflow::no_model)?;
    let topics = options.topics.clone().unwrap_or_else(|| TOPICS.map(str::to_owned).to_vec());
    let texts = read(state, &input, model, &topics).await?;
    let cached = count_cached(state, options, &texts.keys).await?;
    let page_texts = options.paginate_rows_limit.unwrap_or(model.paginate_rows_limit);
    let mut asked = Asked::of(&texts, &cached, page_texts, &topics);
    let unique_texts = u64::try_from(texts.keys.len()).unwrap_or(u64::MAX);
    let pace = Pace::of(state, model).await?;
    if matches!(pace, Pace::Builtin) {
        // The one inside uses no tokens up.
        asked = Asked { prompt_tokens: 0, completion_tokens: 0, ..asked };
    }
    let concurrency = options.concurrency.unwrap_or(model.concurrency);
    let ModelPrice { input_per_million_tokens, output_per_million_tokens } = model.price;
    let price = Price::new(input_per_million_tokens, output_per_million_tokens).map_err(Problem::internal)?;
    let [low, probable, high] = [70, 100, 220].map(|percent| {
        let part = |tokens: u64| tokens.saturating_mul(percent).div_ceil(100);
        price.cost(Usage { prompt_tokens: part(asked.prompt_tokens), completion_tokens: part(asked.completion_tokens) })
    });
    let reading = 1.0 + seconds_of(input.size) / BYTES_A_SECOND;
    let asking = pace.seconds(&asked, concurrency);
    let bounds = pace.bounds();
    Ok(Estimate {
        rows: texts.rows,
        unique_texts,
        cached_texts: unique_texts.saturating_sub(asked.texts),
        prompt_tokens: asked.prompt_tokens,
        completion_tokens: asked.completion_tokens,
        cost: probable,
        seconds: reading + asking,
        range: EstimateRange {
            cost: [low, high],
            seconds: [reading / 2.0 + asking * bounds[0], reading * 3.0 + asking * bounds[1]],
        },
        models: models.iter().map(EstimatedModel::from).collect(),
    })
}

/// The different texts of a file, as far as an estimate needs them.
#[derive(Default)]
struct Texts {
    rows: u64,
    /// The keys of their answers and their characters.
    keys: Vec<(Uid, u64)>,
}

/// What would be sent and come back.
#[derive(Debug, Default, PartialEq, Eq)]
struct Asked {
    texts: u64,
    pages: u64,
    prompt_tokens: u64,
    completion_tokens: u64,
}

impl Asked {
    fn of(texts: &Texts, cached: &[bool], page_texts: u32, topics: &[String]) -> Self {
        let open = || texts.keys.iter().zip(cached).filter(|(_, cached)| !**cached).map(|((_, length), _)| *length);
        let count = u64::try_from(open().count()).unwrap_or(u64::MAX);
        let pages = count.div_ceil(u64::from(page_texts.max(1)));
        let around = u64::try_from(labelling_request(&[], topics).system.chars().count()).unwrap_or(0);
        let characters = open().map(|length| length.saturating_add(CHARACTERS_AROUND)).sum::<u64>();
        Self {
            texts: count,
            pages,
            prompt_tokens: estimated_tokens(characters.saturating_add(pages.saturating_mul(around))),
            completion_tokens: count.saturating_mul(TOKENS_AN_ANSWER),
        }
    }
}

/// How fast a model answers.
enum Pace {
    /// The one inside.
    Builtin,
    /// By its calls so far: seconds a token of its answers.
    Measured(f64),
    /// It was never asked.
    Unknown,
}

impl Pace {
    async fn of(state: &State, model: &ModelSnapshot) -> Result<Self, Problem> {
        if model.provider == ModelProvider::Builtin {
            return Ok(Self::Builtin);
        }
        let calls = state.engine.recent_calls(&model.model, RECENT_CALLS).await.map_err(problem)?;
        let (mut millis, mut tokens) = (0_u64, 0_u64);
        for call in calls.iter().filter(|call| !call.is_unconfirmed) {
            millis = millis.saturating_add(call.duration_ms.unwrap_or(0));
            tokens = tokens.saturating_add(call.completion_tokens);
        }
        Ok(if tokens == 0 { Self::Unknown } else { Self::Measured(seconds_of(millis) / 1000.0 / seconds_of(tokens)) })
    }

    fn seconds(&self, asked: &Asked, concurrency: u32) -> f64 {
        let at_once = f64::from(concurrency).min(seconds_of(asked.pages)).max(1.0);
        match self {
            Self::Builtin => seconds_of(asked.texts) / BUILTIN_TEXTS_A_SECOND,
            Self::Measured(seconds) => seconds_of(asked.completion_tokens) * seconds / at_once,
            // A hosted model: a second to begin, some eighty tokens a second then.
            Self::Unknown => (seconds_of(asked.pages) + seconds_of(asked.completion_tokens) / 80.0) / at_once,
        }
    }

    fn bounds(&self) -> [f64; 2] {
        match self {
            Self::Builtin | Self::Measured(_) => [0.5, 2.5],
            Self::Unknown => [0.2, 6.0],
        }
    }
}

/// A count as a number for times; exact below four thousand million.
fn seconds_of(number: u64) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

/// Reads the file as the task would.
async fn read(
    state: &State,
    input: &EnrichmentInput,
    model: &ModelSnapshot,
    topics: &[String],
) -> Result<Texts, Problem> {
    let _turn = state.scans.acquire().await.map_err(Problem::internal)?;
    let key = Key::parse(&input.file_path).map_err(Problem::internal)?;
    let open = async || {
        let reader = state.storage.reader(&key, None).await;
        reader.map(BlockingReader::new).map_err(|error| Problem::unavailable("the object store", error))
    };
    let (first, second) = (open().await?, open().await?);
    let WireDialect { encoding, delimiter, quote, has_header } = &input.dialect;
    let dialect = Dialect::from_words(encoding, delimiter, quote, *has_header)
        .ok_or_else(|| Problem::new(ErrorCode::CsvEncoding, "the file's dialect is not understood"))?;
    let options = CleanOptions { text_column: input.text_column.clone(), drop_outliers: input.options.drop_outliers };
    let ModelSnapshot { provider, base_url, model, .. } = model;
    let answers = AnswerKeys::new(provider.as_str(), base_url.as_deref().unwrap_or_default(), model, topics);
    let reading = tokio::task::spawn_blocking(move || {
        let mut texts = Texts::default();
        let each = |text: &str| {
            texts.keys.push((answers.of(text), u64::try_from(text.chars().count()).unwrap_or(u64::MAX)));
        };
        let counts = dry_run(first, second, &dialect, &Limits::default(), &options, each)?;
        texts.rows = counts.rows_kept;
        Ok::<_, DatasetError>(texts)
    });
    reading.await.map_err(Problem::internal)?.map_err(|error| match error {
        DatasetError::Io(error) => Problem::unavailable("the object store", error),
        error => Problem::new(ErrorCode::Validation, format!("the file can't be read: {error}")),
    })
}

/// Which of the answers were paid for already.
async fn count_cached(state: &State, options: &TaskOptions, keys: &[(Uid, u64)]) -> Result<Vec<bool>, Problem> {
    if options.cache == Some(false) {
        return Ok(vec![false; keys.len()]);
    }
    let mut cached = Vec::with_capacity(keys.len());
    for part in keys.chunks(ANSWERS) {
        let keys: Vec<Uid> = part.iter().map(|(key, _)| *key).collect();
        let found = state.engine.memo().recall(&keys).await.map_err(problem)?;
        cached.extend(keys.iter().map(|key| found.contains_key(key)));
    }
    Ok(cached)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(lengths: &[u64]) -> Texts {
        let keys = lengths.iter().map(|length| (Uid::new(), *length)).collect();
        Texts { rows: u64::try_from(lengths.len()).unwrap(), keys }
    }

    #[test]
    fn only_texts_that_are_not_paid_for_are_counted() {
        let topics = ["a".to_owned()];
        let all = Asked::of(&texts(&[79, 79, 79]), &[false; 3], 2, &topics);
        let system = labelling_request(&[], &topics).system.chars().count() as u64;
        assert_eq!((all.texts, all.pages, all.completion_tokens), (3, 2, 63));
        assert_eq!(all.prompt_tokens, (300 + 2 * system).div_ceil(4));
        let one = Asked::of(&texts(&[79, 1000, 79]), &[true, false, true], 2, &topics);
        assert_eq!((one.texts, one.pages), (1, 1));
        assert_eq!(Asked::of(&texts(&[79]), &[true], 2, &topics), Asked::default());
    }

    #[test]
    fn more_calls_at_once_take_less_time_down_to_one_page() {
        let asked = Asked { texts: 100, pages: 4, prompt_tokens: 1000, completion_tokens: 2000 };
        let pace = Pace::Measured(0.01);
        assert!((pace.seconds(&asked, 1) - 20.0).abs() < 1e-9);
        assert!((pace.seconds(&asked, 2) - 10.0).abs() < 1e-9);
        assert!((pace.seconds(&asked, 64) - 5.0).abs() < 1e-9, "there are four pages");
    }
}
