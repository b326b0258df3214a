//! What tokens cost, in exact decimals.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::Usage;

/// Money for a million tokens, in the currency of whoever set it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Price {
    #[serde(with = "rust_decimal::serde::str")]
    input_per_million_tokens: Decimal,
    #[serde(with = "rust_decimal::serde::str")]
    output_per_million_tokens: Decimal,
}

/// A price below zero, above 1,000,000 or with more than nine decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("a price is between 0 and 1000000 with at most nine decimals")]
pub struct InvalidPrice;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    #[serde(with = "rust_decimal::serde::str")]
    input_per_million_tokens: Decimal,
    #[serde(with = "rust_decimal::serde::str")]
    output_per_million_tokens: Decimal,
}

impl Price {
    /// Of a model that costs nothing.
    pub const FREE: Self = Self { input_per_million_tokens: Decimal::ZERO, output_per_million_tokens: Decimal::ZERO };

    /// Makes a price of its two figures.
    pub fn new(input_per_million_tokens: Decimal, output_per_million_tokens: Decimal) -> Result<Self, InvalidPrice> {
        let valid = |price: Decimal| {
            price >= Decimal::ZERO && price <= Decimal::from(1_000_000) && price.normalize().scale() <= 9
        };
        if valid(input_per_million_tokens) && valid(output_per_million_tokens) {
            Ok(Self { input_per_million_tokens, output_per_million_tokens })
        } else {
            Err(InvalidPrice)
        }
    }

    /// Returns the money for a million tokens sent.
    pub fn input_per_million_tokens(&self) -> Decimal {
        self.input_per_million_tokens
    }

    /// Returns the money for a million tokens received.
    pub fn output_per_million_tokens(&self) -> Decimal {
        self.output_per_million_tokens
    }

    /// Returns what `usage` costs, without rounding up to 10^13 tokens; [`Decimal::MAX`] when it is too much to say.
    pub fn cost(&self, usage: Usage) -> Decimal {
        let millionth = Decimal::new(1, 6);
        let part =
            |price: Decimal, tokens: u64| price.normalize().checked_mul(Decimal::from(tokens))?.checked_mul(millionth);
        part(self.input_per_million_tokens, usage.prompt_tokens)
            .zip(part(self.output_per_million_tokens, usage.completion_tokens))
            .and_then(|(input, output)| input.checked_add(output))
            .map_or(Decimal::MAX, |cost| cost.normalize())
    }
}

impl TryFrom<Unchecked> for Price {
    type Error = InvalidPrice;

    fn try_from(price: Unchecked) -> Result<Self, InvalidPrice> {
        Self::new(price.input_per_million_tokens, price.output_per_million_tokens)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn price(input: &str, output: &str) -> Result<Price, InvalidPrice> {
        Price::new(input.parse().unwrap(), output.parse().unwrap())
    }

    #[test]
    fn a_cost_is_exact_to_the_last_digit() {
        let price = price("0.15", "0.60").unwrap();
        let cost = price.cost(Usage { prompt_tokens: 1, completion_tokens: 3 });
        assert_eq!(cost.to_string(), "0.00000195");
        assert_eq!(Price::FREE.cost(Usage { prompt_tokens: u64::MAX, completion_tokens: u64::MAX }), Decimal::ZERO);
    }

    #[test]
    fn a_price_outside_its_bounds_is_refused() {
        for wrong in ["-0.01", "1000000.01", "0.0000000001"] {
            assert_eq!(price(wrong, "0"), Err(InvalidPrice), "{wrong}");
            assert_eq!(price("0", wrong), Err(InvalidPrice), "{wrong}");
        }
        assert!(price("1000000", "0.000000001").is_ok());
        assert!(price("1.00000000000", "0").is_ok());
    }

    #[test]
    fn a_price_is_written_with_its_figures_as_text() {
        let json = r#"{"input_per_million_tokens":"1.00","output_per_million_tokens":"2.00"}"#;
        let read: Price = serde_json::from_str(json).unwrap();
        assert_eq!(read, price("1", "2").unwrap());
        assert_eq!(serde_json::to_string(&read).unwrap(), json);
        assert!(serde_json::from_str::<Price>(&json.replace("1.00", "-1")).is_err());
    }

    proptest! {
        #[test]
        fn the_parts_of_a_bill_add_up_to_the_whole(
            millionths in 0_i64..2_000_000_000, scale in 0_u32..9,
            calls in prop::collection::vec((0_u64..10_000_000, 0_u64..10_000_000), 0..20),
        ) {
            let price = Price::new(Decimal::new(millionths, 9), Decimal::new(millionths % 1000, scale)).unwrap();
            let usages: Vec<Usage> =
                calls.iter().map(|&(prompt_tokens, completion_tokens)| Usage { prompt_tokens, completion_tokens }).collect();
            let parts: Decimal = usages.iter().map(|usage| price.cost(*usage)).sum();
            prop_assert_eq!(parts, price.cost(usages.into_iter().sum()));
        }
    }
}
