use serde::Serialize;

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
}
