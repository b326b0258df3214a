/// Whether a routing key fits a topic pattern: words parted by dots, `*` for exactly one word, `#` for any number.
pub(crate) fn matches(pattern: &str, key: &str) -> bool {
    let pattern: Vec<&str> = pattern.split('.').collect();
    let key: Vec<&str> = key.split('.').collect();
    words_match(&pattern, &key)
}

fn words_match(pattern: &[&str], key: &[&str]) -> bool {
    match (pattern.split_first(), key.split_first()) {
        (None, None) => true,
        (Some((&"#", pattern_rest)), _) => {
            words_match(pattern_rest, key)
                || key.split_first().is_some_and(|(_, key_rest)| words_match(pattern, key_rest))
        }
        (Some((word, pattern_rest)), Some((key_word, key_rest))) => {
            (*word == "*" || word == key_word) && words_match(pattern_rest, key_rest)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_one_word_and_a_hash_for_any_number() {
        for (pattern, key) in [
            ("proceed_task", "proceed_task"),
            ("*.*", "file.done"),
            ("file.*", "file.done"),
            ("#", "proceed_task"),
            ("#", "a.b.c"),
            ("a.#", "a"),
            ("a.#.d", "a.b.c.d"),
            ("#.done", "done"),
        ] {
            assert!(matches(pattern, key), "{pattern} should take {key}");
        }
        for (pattern, key) in [
            ("proceed_task", "retry_step"),
            ("*.*", "proceed_task"),
            ("*.*", "a.b.c"),
            ("file.*", "other.done"),
            ("a.#.d", "a.b.c"),
        ] {
            assert!(!matches(pattern, key), "{pattern} should not take {key}");
        }
    }
}
