//! One page: takes what was paid for already, asks the model for the rest, checks what comes back, and asks again for what
//! is missing, in smaller parts.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use dallosh_contracts::figures;
use dallosh_jobs::{JobError, StepError};
use dallosh_llm::{
    AnswerError, AnswerKeys, Answered, CompletionRequest, Label, Question, Refusal, Route, RouteError, check,
    labelling_request,
};
use dallosh_primitives::Uid;
use serde_json::Value;

use crate::{
    models::AskedModel,
    paging::{Answer, PagePlan, PageResult, key_text},
    sizing::LEAST_BYTES,
};

/// How often a text is asked again before it fails, unless the model's settings say otherwise.
pub const RETRIES: u32 = 3;

/// With fewer texts than this in a request, missing answers say nothing about the size of requests.
const FEW: usize = 8;
/// How often it is looked whether another task has the answers that it asks for.
const LOOK: Duration = Duration::from_millis(250);
/// How often that is done before the task says that it waits.
const QUIET_LOOKS: u32 = 8;
/// How often after that.
const WAIT: Duration = Duration::from_secs(1);

/// What is done while every model is away.
#[async_trait]
pub trait Outage: Send + Sync {
    /// Shows that the task waits, and waits.
    ///
    /// # Errors
    /// When the work is to be put down.
    async fn wait(&self, reason: String, time: Duration) -> Result<(), StepError>;
    /// Waits without a word.
    ///
    /// # Errors
    /// When the work is to be put down.
    async fn linger(&self, time: Duration) -> Result<(), StepError>;
    /// It goes on.
    async fn over(&self) -> Result<(), StepError>;
}

/// Answers that were paid for, whoever paid; see `dallosh_jobs::Memo`.
#[async_trait]
pub trait PaidAnswers: Send + Sync {
    /// Those that there are.
    async fn recall(&self, keys: &[Uid]) -> Result<HashMap<Uid, Value>, StepError>;
    /// Claims answers that are about to be paid for; those that are this page's now.
    async fn claim(&self, keys: &[Uid]) -> Result<HashSet<Uid>, StepError>;
    /// Keeps answers.
    async fn remember(&self, answers: Vec<(Uid, Value)>) -> Result<(), StepError>;
    /// Ends the page's claims.
    async fn release(&self) -> Result<(), StepError>;
}

/// How pages are asked.
pub struct Questions<'a> {
    pub route: &'a Route,
    /// The route's models, in its order.
    pub models: &'a [AskedModel],
    pub topics: &'a [String],
    pub retries: u32,
    pub outage: &'a dyn Outage,
    pub paid: &'a dyn PaidAnswers,
}

/// Asks for every text of the page. A text whose answers are unusable fails with the reason; no label is ever made up.
/// An outage is waited for, and costs no row. What another task asks for at this moment is waited for as well.
///
/// # Errors
/// When the work is to be put down, or every model refuses for good: answers that came are remembered, and the page is
/// asked for the rest when the work goes on.
pub async fn ask(questions: &Questions<'_>, page: &PagePlan) -> Result<PageResult, StepError> {
    let all: Vec<u32> = (0..).take(page.texts.len()).collect();
    let mut asking = Asking {
        questions,
        page,
        labels: BTreeMap::new(),
        reasons: BTreeMap::new(),
        cuts: BTreeMap::new(),
        models: BTreeSet::new(),
        cached: 0,
    };
    let mut open = all.clone();
    for looks in 0.. {
        open = asking.rounds(&open).await?;
        // Nobody may wait for this page while it waits for somebody.
        questions.paid.release().await?;
        if open.is_empty() {
            if looks > QUIET_LOOKS {
                questions.outage.over().await?;
            }
            break;
        }
        if looks < QUIET_LOOKS {
            questions.outage.linger(LOOK).await?;
        } else {
            questions.outage.wait("another task asks for the same texts".to_owned(), WAIT).await?;
        }
    }
    let Asking { mut labels, mut reasons, models, cached, .. } = asking;
    let answers = all.iter().zip(&page.texts).map(|(id, (key, _))| {
        let answer = labels.remove(id).unwrap_or_else(|| Answer::Failed {
            reason: reasons.remove(id).unwrap_or_else(|| "the model gave no answer".to_owned()),
        });
        (key_text(*key), answer)
    });
    Ok(PageResult { number: page.number, round: page.round, models, cached, answers: answers.collect() })
}

struct Asking<'a> {
    questions: &'a Questions<'a>,
    page: &'a PagePlan,
    labels: BTreeMap<u32, Answer>,
    reasons: BTreeMap<u32, String>,
    /// To how many bytes texts are cut that are too long for the model by themselves.
    cuts: BTreeMap<u32, usize>,
    models: BTreeSet<String>,
    cached: u64,
}

/// What one request came to.
struct Outcome {
    /// Asked, and not answered in a usable way.
    unanswered: Vec<u32>,
    /// Others are at work on these.
    elsewhere: Vec<u32>,
    /// Not asked yet.
    left: Vec<u32>,
}

impl Asking<'_> {
    /// Asks for `ids` until each is answered or was asked often enough; gives back those that others are at work on.
    async fn rounds(&mut self, ids: &[u32]) -> Result<Vec<u32>, StepError> {
        let mut elsewhere = Vec::new();
        let mut open = self.round(ids, ids.len(), &mut elsewhere).await?;
        let mut size = ids.len();
        // Halving comes to single texts first; then each has its retries.
        let rounds = self.questions.retries.max(ids.len().next_power_of_two().ilog2());
        for _ in 0..rounds {
            if open.is_empty() {
                break;
            }
            size = size.div_ceil(2).max(1);
            open = self.round(&open, size, &mut elsewhere).await?;
        }
        Ok(elsewhere)
    }

    /// Asks once for `ids`, in requests of at most `size` texts; gives back those without a usable answer.
    async fn round(&mut self, ids: &[u32], size: usize, elsewhere: &mut Vec<u32>) -> Result<Vec<u32>, StepError> {
        let mut unanswered = Vec::new();
        for part in ids.chunks(size.max(1)) {
            let mut left = part.to_vec();
            while !left.is_empty() {
                let outcome = self.request(left).await?;
                unanswered.extend(outcome.unanswered);
                elsewhere.extend(outcome.elsewhere);
                left = outcome.left;
            }
        }
        Ok(unanswered)
    }

    /// Makes one request for as many of `ids` as it may hold.
    async fn request(&mut self, ids: Vec<u32>) -> Result<Outcome, StepError> {
        let part = Part { questions: self.questions, page: self.page, cuts: &self.cuts, ids, put: Mutex::default() };
        // What the first model was paid for is there even when it is away.
        let answered = if part.look(0).await? { Ok(Asked::Nothing) } else { part.answered().await };
        let Part { ids, put, .. } = part;
        let Put { recalled, asked, elsewhere, failure, .. } = put.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(failure) = failure {
            return Err(failure);
        }
        let settled: BTreeSet<u32> = recalled.keys().chain(&asked).chain(&elsewhere).copied().collect();
        let left = ids.into_iter().filter(|id| !settled.contains(id)).collect();
        let mut outcome = Outcome { unanswered: Vec::new(), elsewhere, left };
        self.cached = self.cached.saturating_add(u64::try_from(recalled.len()).unwrap_or(0));
        for (id, (place, answer)) in recalled {
            self.models.extend(self.questions.route.models().get(place).map(|model| model.name.clone()));
            self.labels.insert(id, answer);
        }
        match answered? {
            Asked::Answered(answered) => outcome.unanswered = self.read(&answered, &asked).await?,
            Asked::TooLong(place) => {
                let again = self.too_long(place, asked, &mut outcome.unanswered);
                outcome.left.extend(again);
            }
            Asked::Nothing => {}
        }
        Ok(outcome)
    }

    /// Takes the labels out of an answer and remembers them; gives back the texts without one.
    async fn read(&mut self, answered: &Answered, asked: &[u32]) -> Result<Vec<u32>, StepError> {
        let Answered { completion, place, model, attempts, .. } = answered;
        if *attempts > 1 {
            metrics::counter!(figures::MODEL_RETRIES, "model" => model.clone()).increment(u64::from(attempts - 1));
        }
        if *place > 0 {
            metrics::counter!(figures::MODEL_FALLBACKS, "model" => model.clone()).increment(1);
        }
        self.models.insert(model.clone());
        let known = self.questions.models.get(*place);
        let checked = check(completion, asked).map(|mut checked| {
            checked.restrict_topics(self.questions.topics);
            checked
        });
        if let Some(known) = known {
            match &checked {
                // A text may be refused, and its answer missed, for its own sake.
                Err(AnswerError::Refused) => {}
                Ok(checked) if checked.problems.len().saturating_mul(4) <= asked.len() || asked.len() < FEW => {
                    known.sizing.usable(asked.len());
                }
                _ => known.sizing.unusable(asked.len()),
            }
        }
        let checked = match checked {
            Ok(checked) => checked,
            Err(error) => {
                self.reasons.extend(asked.iter().map(|id| (*id, error.to_string())));
                return Ok(asked.to_vec());
            }
        };
        let answers: Vec<(u32, Answer)> = checked
            .labels
            .into_iter()
            .map(|(id, Label { sentiment, priority, main_topic })| {
                let (sentiment, priority) = (sentiment.as_str().to_owned(), priority.as_u8());
                let note = self.cuts.get(&id).map(|bytes| {
                    let read = text_of(self.page, id).map_or(0, |text| cut_to(text, *bytes).chars().count());
                    format!("only the first {read} characters were read: the text is too long for the model")
                });
                (id, Answer::Ok { sentiment, priority, main_topic, note })
            })
            .collect();
        if let Some(keys) = known.and_then(|known| known.answers) {
            let remembered = answers.iter().filter_map(|(id, answer)| {
                let text = text_of(self.page, *id)?;
                Some(serde_json::to_value(answer).map(|answer| (keys.of(text), answer)))
            });
            let remembered = remembered.collect::<Result<_, _>>().map_err(JobError::from)?;
            self.questions.paid.remember(remembered).await?;
        }
        self.labels.extend(answers);
        let unanswered = checked.problems.keys().copied().collect();
        self.reasons.extend(checked.problems.into_iter().map(|(id, problem)| (id, problem.to_string())));
        Ok(unanswered)
    }

    /// Makes smaller what did not fit the model's context: fewer texts, or less of the only one. Gives back what is to be
    /// asked again; a text that nothing can be cut off any more is unanswered.
    fn too_long(&mut self, place: usize, asked: Vec<u32>, unanswered: &mut Vec<u32>) -> Vec<u32> {
        let sent = |id: u32| {
            let text = text_of(self.page, id).map_or(0, str::len);
            self.cuts.get(&id).map_or(text, |cut| text.min(*cut))
        };
        let bytes = asked.iter().map(|id| sent(*id)).sum();
        let known = self.questions.models.get(place);
        if let Some(known) = known {
            known.sizing.too_long(bytes);
        }
        if let [only] = asked.as_slice() {
            if bytes <= LEAST_BYTES {
                self.reasons.insert(*only, "the text is too long for the model".to_owned());
                unanswered.push(*only);
                return Vec::new();
            }
            let room = known.map_or(usize::MAX, |known| known.sizing.bytes());
            self.cuts.insert(*only, (bytes / 2).min(room).max(LEAST_BYTES));
        }
        asked
    }
}

/// What came of asking for a part of a page.
enum Asked {
    Answered(Answered),
    TooLong(usize),
    Nothing,
}

/// A part of a page, as it is put to whichever model is about to be asked.
struct Part<'a> {
    questions: &'a Questions<'a>,
    page: &'a PagePlan,
    cuts: &'a BTreeMap<u32, usize>,
    ids: Vec<u32>,
    put: Mutex<Put>,
}

/// What was put to the models.
#[derive(Default)]
struct Put {
    /// Paid for already, with the place of the model that answered.
    recalled: BTreeMap<u32, (usize, Answer)>,
    /// The model whose answers were just looked at.
    looked: Option<usize>,
    /// In the last request.
    asked: Vec<u32>,
    /// Others were at work on these then.
    elsewhere: Vec<u32>,
    failure: Option<StepError>,
}

impl Part<'_> {
    /// The first answer that a model gives.
    async fn answered(&self) -> Result<Asked, StepError> {
        let Questions { route, outage, .. } = self.questions;
        let mut waited = false;
        loop {
            match route.ask(self).await {
                Ok(answered) => {
                    if waited {
                        outage.over().await?;
                    }
                    return Ok(Asked::Answered(answered));
                }
                Err(RouteError::ContextTooLong { place }) => return Ok(Asked::TooLong(place)),
                Err(RouteError::NothingToAsk) => return Ok(Asked::Nothing),
                Err(RouteError::AllDown { next_attempt_at_in, reason }) => {
                    waited = true;
                    outage.wait(reason.to_string(), next_attempt_at_in).await?;
                }
                Err(RouteError::AllRefused(refusal)) => return Err(refused(refusal)),
                Err(RouteError::Interrupted | RouteError::OutOfBudget) => return Err(StepError::Interrupted),
            }
        }
    }

    /// Looks for answers of a model that were paid for; `true` when every text has one.
    async fn look(&self, place: usize) -> Result<bool, StepError> {
        let Some(answers) = self.keys(place) else { return Ok(false) };
        let open = self.open(answers);
        self.recall(place, &open).await?;
        let mut put = self.put();
        put.looked = Some(place);
        Ok(put.recalled.len() == self.ids.len())
    }

    /// Claims what was not paid for: the texts that this page may ask the model for. Others are at work on the rest.
    async fn claim(&self, place: usize) -> Result<(), StepError> {
        let looked = self.put().looked.take();
        let Some(answers) = self.keys(place) else {
            let mut put = self.put();
            put.asked = self.ids.iter().copied().filter(|id| !put.recalled.contains_key(id)).collect();
            put.elsewhere.clear();
            return Ok(());
        };
        if looked != Some(place) {
            self.recall(place, &self.open(answers)).await?;
        }
        let open = self.open(answers);
        if open.is_empty() {
            self.put().asked.clear();
            return Ok(());
        }
        let mine = self.questions.paid.claim(&open.keys().copied().collect::<Vec<_>>()).await?;
        let (claimed, elsewhere): (HashMap<Uid, u32>, _) = open.into_iter().partition(|(key, _)| mine.contains(key));
        // Whoever had the claim before may have left the answer.
        self.recall(place, &claimed).await?;
        let mut put = self.put();
        put.elsewhere = elsewhere.into_values().collect();
        put.asked = claimed.into_values().filter(|id| !put.recalled.contains_key(id)).collect();
        put.asked.sort_unstable();
        Ok(())
    }

    fn keys(&self, place: usize) -> Option<AnswerKeys> {
        self.questions.models.get(place).and_then(|model| model.answers)
    }

    /// The texts without an answer so far, by the keys of their answers.
    fn open(&self, answers: AnswerKeys) -> HashMap<Uid, u32> {
        let put = self.put();
        let open = self.ids.iter().filter(|id| !put.recalled.contains_key(id));
        open.filter_map(|id| text_of(self.page, *id).map(|text| (answers.of(text), *id))).collect()
    }

    async fn recall(&self, place: usize, open: &HashMap<Uid, u32>) -> Result<(), StepError> {
        let found = self.questions.paid.recall(&open.keys().copied().collect::<Vec<_>>()).await?;
        let mut put = self.put();
        for (key, answer) in found {
            // What can't be read was written by another version: it is asked again.
            if let (Some(id), Ok(answer)) = (open.get(&key), serde_json::from_value(answer)) {
                put.recalled.insert(*id, (place, answer));
            }
        }
        Ok(())
    }

    fn put(&self) -> MutexGuard<'_, Put> {
        self.put.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Question for Part<'_> {
    async fn request(&self, place: usize) -> Option<CompletionRequest> {
        if let Err(failure) = self.claim(place).await {
            self.put().failure = Some(failure);
            return None;
        }
        let mut put = self.put();
        let sent = |id: &u32| {
            let text = text_of(self.page, *id)?;
            Some((*id, self.cuts.get(id).map_or(text, |cut| cut_to(text, *cut))))
        };
        let mut texts: Vec<(u32, &str)> = put.asked.iter().filter_map(sent).collect();
        if let (Some(model), Some(routed)) =
            (self.questions.models.get(place), self.questions.route.models().get(place))
        {
            let context = routed.provider.context_tokens();
            texts.truncate(model.sizing.fit(texts.iter().map(|(_, text)| text.len()), context));
        }
        put.asked = texts.iter().map(|(id, _)| *id).collect();
        (!texts.is_empty()).then(|| labelling_request(&texts, self.questions.topics))
    }
}

fn text_of(page: &PagePlan, id: u32) -> Option<&str> {
    page.texts.get(usize::try_from(id).ok()?).map(|(_, text)| text.as_str())
}

/// The beginning of a text, in at most so many bytes.
fn cut_to(text: &str, bytes: usize) -> &str {
    let end = text.floor_char_boundary(bytes);
    text.get(..end).unwrap_or(text)
}

fn refused(refusal: Refusal) -> StepError {
    let code = match refusal {
        Refusal::Unauthorized => "model_unauthorized",
        Refusal::NotFound => "model_not_found",
        Refusal::BadRequest => "model_refused",
    };
    StepError::Failed { code, message: refusal.to_string() }
}

#[cfg(test)]
mod tests;
