use serde::{Deserialize, Deserializer, Serialize, de};

/// How many items a page may have: 1 to 200, 50 unless asked. What is asked beyond is coerced, never refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(u32);

impl Limit {
    /// The most items a page can have.
    pub const MAX: u32 = 200;
    /// The items of a page when nothing is asked.
    pub const DEFAULT: u32 = 50;

    /// Coerces what a client asked for.
    pub fn coerce(asked: Option<i64>) -> Self {
        let asked = asked.unwrap_or_else(|| i64::from(Self::DEFAULT)).clamp(1, i64::from(Self::MAX));
        Self(u32::try_from(asked).unwrap_or(Self::DEFAULT))
    }

    /// The number of items.
    pub fn get(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(Self::DEFAULT)
    }
}

impl<'de> Deserialize<'de> for Limit {
    /// Reads a whole number as a query has it, however large, and coerces it.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits = text.strip_prefix('-').unwrap_or(&text);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(de::Error::custom("`limit` is no whole number"));
        }
        let beyond = if digits.len() == text.len() { i64::MAX } else { i64::MIN };
        Ok(Self::coerce(Some(text.parse().unwrap_or(beyond))))
    }
}

/// One page of a list; `next_cursor` is absent on the last one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Page<T> {
    /// The items, in the asked order.
    pub items: Vec<T>,
    /// Opaque place after the last item.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// The same page with each item turned into another.
    pub fn map<U>(self, turn: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(turn).collect(), next_cursor: self.next_cursor }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_outside_its_bounds_is_coerced() {
        assert_eq!(Limit::coerce(None).get(), 50);
        assert_eq!(Limit::coerce(Some(-1)).get(), 1);
        assert_eq!(Limit::coerce(Some(1_000_000_000)).get(), 200);
    }

    #[test]
    fn a_limit_is_read_however_large_it_is_and_only_as_a_whole_number() {
        let read = |text: &str| serde_json::from_value::<Limit>(text.into()).map(Limit::get).ok();
        assert_eq!(
            ["7", "0", "-1", "99999999999999999999", "-99999999999999999999"].map(read).map(Option::unwrap),
            [7, 1, 1, 200, 1]
        );
        assert_eq!(["", "-", "1.5", "x", "1e3"].map(read), [None; 5]);
    }
}
