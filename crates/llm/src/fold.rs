//! Spelling differences that never change the meaning of a word: case, accents, ligatures, kinds of apostrophe.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Returns `text` in lower case without accents; `œ` is `oe`, `æ` is `ae`, every apostrophe is `'`.
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    fold_into(text, &mut folded);
    folded
}

/// Appends the folded `text` to `folded`.
pub fn fold_into(text: &str, folded: &mut String) {
    for c in text.chars() {
        if c.is_ascii() {
            folded.push(c.to_ascii_lowercase());
        } else {
            fold_wide(c, folded);
        }
    }
}

fn fold_wide(c: char, folded: &mut String) {
    match c {
        'œ' | 'Œ' => folded.push_str("oe"),
        'æ' | 'Æ' => folded.push_str("ae"),
        '\u{2018}' | '\u{2019}' | '\u{02bc}' | '\u{00b4}' => folded.push('\''),
        _ if c.is_alphanumeric() || is_combining_mark(c) => {
            let parts = std::iter::once(c).nfkd().filter(|part| !is_combining_mark(*part));
            folded.extend(parts.flat_map(char::to_lowercase));
        }
        _ => folded.push(c),
    }
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn accents_case_ligatures_and_apostrophes_are_levelled() {
        assert_eq!(fold("Très NÉGATIF, cœur, l’été"), "tres negatif, coeur, l'ete");
    }

    #[test]
    fn composed_and_decomposed_spellings_are_equal() {
        assert_eq!(fold("e\u{301}te\u{301}"), fold("été"));
    }

    #[test]
    fn emojis_and_other_scripts_stay() {
        assert_eq!(fold("😡 Привет"), "😡 привет");
    }
}
