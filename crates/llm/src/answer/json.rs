//! Strict JSON that remembers when a key is there twice.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A JSON value whose objects keep every pair, so that two values for one key are noticed instead of one winning.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    Null,
    Bool,
    /// An integer that is not negative.
    Whole(u64),
    /// Any other number.
    Real(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

/// Finds the one outermost JSON object of an answer, with prose or a code fence around it or without.
///
/// Nothing is repaired, and when a second object begins after the first there is no telling which is meant: `None`.
pub fn outermost(answer: &str) -> Option<Node> {
    let answer = answer.trim_start_matches('\u{feff}').trim();
    if let Ok(node) = serde_json::from_str(answer) {
        return Some(node);
    }
    let (_, from_brace) = answer.split_at_checked(answer.find('{')?)?;
    let mut values = serde_json::Deserializer::from_str(from_brace).into_iter::<Node>();
    let node = values.next()?.ok()?;
    let rest = from_brace.get(values.byte_offset()..)?;
    (!rest.contains(['{', '}'])).then_some(node)
}

impl Node {
    /// Returns the value of `key` when this is an object that has it exactly once.
    pub fn only(&self, key: &str) -> Option<&Node> {
        let Self::Map(pairs) = self else { return None };
        let mut values = pairs.iter().filter(|(name, _)| name == key).map(|(_, value)| value);
        let value = values.next()?;
        values.next().is_none().then_some(value)
    }

    /// Says whether this is an object with `key`, however often.
    pub fn has(&self, key: &str) -> bool {
        matches!(self, Self::Map(pairs) if pairs.iter().any(|(name, _)| name == key))
    }

    /// Returns the elements of a list.
    pub fn list(&self) -> Option<&[Node]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Bool)
    }

    fn visit_u64<E>(self, number: u64) -> Result<Node, E> {
        Ok(Node::Whole(number))
    }

    // A negative number is outside every range we know: which one it is makes no difference.
    fn visit_i64<E>(self, _: i64) -> Result<Node, E> {
        Ok(Node::Real(-1.0))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Node, E> {
        Ok(Node::Real(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Node, E> {
        Ok(Node::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = entries.next_entry()? {
            pairs.push(pair);
        }
        Ok(Node::Map(pairs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_and_fences_around_one_object_are_tolerated() {
        let node = Node::Map(vec![("a".to_owned(), Node::Whole(1))]);
        for answer in ["{\"a\":1}", "Here it is:\n```json\n{\"a\":1}\n```\nDone.", "\u{feff} {\"a\":1} "] {
            assert_eq!(outermost(answer).as_ref(), Some(&node), "{answer}");
        }
    }

    #[test]
    fn nothing_is_repaired() {
        for answer in
            ["{\"a\":1,}", "{'a':1}", "{\"a\":1", "{a:1}", "{\"a\":NaN}", "no", "{\"a\":1} {\"a\":2}", "{\"a\":1}}"]
        {
            assert_eq!(outermost(answer), None, "{answer}");
        }
    }

    #[test]
    fn a_key_given_twice_has_no_value() {
        let node = outermost(r#"{"a":1,"a":2,"b":3}"#).unwrap();
        assert_eq!(node.only("a"), None);
        assert!(node.has("a"));
        assert_eq!(node.only("b"), Some(&Node::Whole(3)));
    }

    #[test]
    fn endless_nesting_is_refused_without_running_out_of_stack() {
        assert_eq!(outermost(&"{\"a\":".repeat(100_000)), None);
    }
}
