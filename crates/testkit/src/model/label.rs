//! The right label of a text, and the draws that stand in for chance.

const SENTIMENTS: [&str; 3] = ["negative", "neutral", "positive"];

/// What a text is to be labelled with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RightLabel {
    /// `negative`, `neutral` or `positive`.
    pub sentiment: &'static str,
    /// 0, 1 or 2.
    pub priority: u8,
    /// One of the topics.
    pub main_topic: String,
}

/// The right label of a text: a function of its bytes and of the allowed topics alone, so that an answer to another text
/// shows. Without topics it is one of a hundred of its own.
pub fn right_label<T: AsRef<str>>(text: &str, topics: &[T]) -> RightLabel {
    let drawn = draw(&[text.as_bytes()]);
    let (kind, rest) = (drawn % 9, drawn / 9);
    let sentiment = SENTIMENTS.get(usize::try_from(kind / 3).unwrap_or(0)).copied().unwrap_or("neutral");
    let chosen = usize::try_from(rest).unwrap_or(0).checked_rem(topics.len()).and_then(|place| topics.get(place));
    let main_topic = chosen.map_or_else(|| format!("topic {}", rest % 100), |topic| topic.as_ref().to_owned());
    RightLabel { sentiment, priority: u8::try_from(kind % 3).unwrap_or(0), main_topic }
}

/// A number from bytes: FNV-1a, mixed once more so that every bit counts.
pub fn draw(parts: &[&[u8]]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    // An end after each part, so that its border counts.
    let hash = parts.iter().fold(0xcbf2_9ce4_8422_2325, |hash, part| step(part.iter().fold(hash, step), &0xff));
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ (hash >> 33)
}

/// A drawn number as one from 0 to just below 1.
pub fn share(drawn: u64) -> f64 {
    f64::from(u32::try_from(drawn >> 32).unwrap_or(0)) / 4_294_967_296.0
}
