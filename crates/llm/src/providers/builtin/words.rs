//! From a post to folded words, without links, mentions and markup.

use crate::fold::fold_into;

/// A token that no word or phrase reaches across: the end of a clause.
pub const CLAUSE_END: &str = ".";
/// What `n't` becomes, whatever verb it hangs on.
pub const NOT: &str = "n't";

/// A post made ready for the word lists.
#[derive(Debug, Default)]
pub struct Words {
    folded: String,
    last: char,
    run: u32,
    /// Mood of the emojis and emoticons, in tenths.
    pub signs: i32,
    pub exclamations: u32,
    pub asks: bool,
    /// Most letters of a longer text are capitals.
    pub shouts: bool,
    /// Some word is stretched, as in `merciiii`.
    pub stretched: bool,
    pub has_any_letter_or_digit: bool,
}

/// Says whether a word carries no meaning here; leaving those out lets one phrase cover `plus internet`,
/// `plus d'internet` and `plus de connexion à internet`.
fn is_skipped(word: &str) -> bool {
    matches!(
        word,
        "a" | "am"
            | "an"
            | "au"
            | "aux"
            | "been"
            | "c"
            | "ca"
            | "ce"
            | "ces"
            | "cet"
            | "cette"
            | "d"
            | "de"
            | "des"
            | "du"
            | "elle"
            | "en"
            | "et"
            | "has"
            | "have"
            | "i"
            | "il"
            | "ils"
            | "it"
            | "its"
            | "j"
            | "je"
            | "l"
            | "la"
            | "le"
            | "les"
            | "leur"
            | "leurs"
            | "m"
            | "ma"
            | "me"
            | "mes"
            | "mon"
            | "my"
            | "nos"
            | "notre"
            | "nous"
            | "of"
            | "on"
            | "our"
            | "qu"
            | "s"
            | "sa"
            | "se"
            | "ses"
            | "son"
            | "t"
            | "ta"
            | "te"
            | "tes"
            | "that"
            | "the"
            | "there"
            | "this"
            | "to"
            | "ton"
            | "un"
            | "une"
            | "ve"
            | "vos"
            | "votre"
            | "vous"
            | "we"
            | "y"
            | "you"
            | "your"
    )
}

impl Words {
    /// Reads `text` once.
    pub fn of(text: &str) -> Self {
        let mut words = Self { folded: String::with_capacity(text.len() + 8), ..Self::default() };
        words.has_any_letter_or_digit = text.chars().any(char::is_alphanumeric);
        let (mut letters, mut capitals) = (0_u32, 0_u32);
        let mut rest = text;
        let mut before = ' ';
        while let Some(c) = rest.chars().next() {
            if let Some(after) = skip_link_or_mention(rest, before).or_else(|| skip_markup(rest)) {
                words.folded.push(' ');
                rest = after;
                before = ' ';
                continue;
            }
            if let Some((after, value)) = emoticon(rest, before) {
                words.signs += value;
                words.folded.push(' ');
                rest = after;
                before = ' ';
                continue;
            }
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
            if c.is_alphabetic() {
                letters += 1;
                capitals += u32::from(c.is_uppercase());
            }
            words.push(c);
            before = c;
        }
        words.shouts = letters >= 12 && capitals * 10 >= letters * 7;
        words
    }

    fn push(&mut self, c: char) {
        match c {
            '!' => self.exclamations += 1,
            '?' => self.asks = true,
            _ => self.signs += sign_value(c),
        }
        let from = self.folded.len();
        let mut buffer = [0; 4];
        fold_into(c.encode_utf8(&mut buffer), &mut self.folded);
        let Some(letter) = self.folded.get(from..).and_then(|added| added.chars().next()) else { return };
        if !letter.is_alphabetic() || letter != self.last {
            self.last = letter;
            self.run = 1;
            return;
        }
        self.run += 1;
        // No word has three equal letters in a row: one is left of them.
        if self.run >= 3 {
            self.stretched = true;
            let added = letter.len_utf8();
            self.folded.truncate(if self.run == 3 { from.saturating_sub(added) } else { from });
        }
    }

    /// Returns the words that carry meaning and the ends of clauses.
    pub fn tokens(&self) -> Vec<&str> {
        let mut tokens: Vec<&str> = Vec::with_capacity(self.folded.len() / 5);
        let mut rest = self.folded.as_str();
        while let Some(c) = rest.chars().next() {
            if c.is_alphanumeric() {
                let end = rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
                let (word, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
                rest = after;
                if let Some(after) = rest.strip_prefix("'t")
                    && word.ends_with('n')
                    && !after.starts_with(char::is_alphanumeric)
                {
                    tokens.extend([word, NOT]);
                    rest = after;
                } else if !is_skipped(word) {
                    tokens.push(word);
                }
                continue;
            }
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
            match c {
                '.' | ',' | ';' | ':' | '!' | '?' | '\n' | '…' | '(' | ')' | '"' | '«' | '»' | '•'
                    if tokens.last().is_some_and(|last| *last != CLAUSE_END) =>
                {
                    tokens.push(CLAUSE_END);
                }
                '€' | '$' | '£' => tokens.push("euros"),
                _ => {}
            }
        }
        tokens
    }
}

fn skip_link_or_mention(rest: &str, before: char) -> Option<&str> {
    let first = rest.chars().next()?;
    match first {
        'h' | 'H' | 'w' | 'W' if !before.is_alphanumeric() => {
            let is_link = ["http://", "https://", "www."]
                .iter()
                .any(|scheme| rest.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)));
            is_link.then(|| rest.get(rest.find(char::is_whitespace).unwrap_or(rest.len())..)).flatten()
        }
        '@' if !before.is_alphanumeric() => {
            let handle = rest.get(1..)?;
            let end = handle.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(handle.len());
            if end == 0 { None } else { handle.get(end..) }
        }
        _ => None,
    }
}

/// A line break written as two characters, and the entities that exports leave in.
fn skip_markup(rest: &str) -> Option<&str> {
    if !rest.starts_with(['\\', '&']) {
        return None;
    }
    ["\\n", "\\r", "\\t", "&amp;", "&gt;", "&lt;", "&quot;", "&nbsp;"]
        .iter()
        .find_map(|markup| rest.strip_prefix(markup))
}

fn emoticon(rest: &str, before: char) -> Option<(&str, i32)> {
    if before.is_alphanumeric() || !rest.starts_with([':', ';', '=', '<', 'x', 'X']) {
        return None;
    }
    [
        (":'(", -20),
        (":-(", -15),
        (":(", -15),
        (":/", -8),
        (":-/", -8),
        ("=(", -15),
        (":-)", 10),
        (":)", 10),
        ("=)", 10),
        (";-)", 5),
        (";)", 5),
        (":-D", 15),
        (":D", 15),
        ("<3", 20),
    ]
    .iter()
    .find_map(|(sign, value)| rest.strip_prefix(sign).map(|after| (after, *value)))
}

fn sign_value(c: char) -> i32 {
    match c {
        '😡' | '🤬' | '😠' | '👿' | '💩' | '👎' | '🤮' | '🖕' => -25,
        '😤' | '😭' | '😢' | '😞' | '😒' | '🙄' | '😩' | '😫' | '🤦' | '😪' | '😖' | '😣' | '😟' | '☹' | '🙁'
        | '💔' | '😓' | '😔' | '🥲' | '😑' | '🥱' | '😰' | '😱' | '❌' => -15,
        '😍' | '🥰' | '❤' | '👏' | '🎉' | '🥳' | '💖' | '💙' | '💚' | '🤩' | '💯' => 25,
        '👍' | '😊' | '😎' | '😁' | '😃' | '😄' | '🙂' | '☺' | '👌' | '💪' | '🚀' | '🔥' | '✨' | '⭐' | '🤗'
        | '😀' => 12,
        '🙏' | '😉' => 4,
        _ => 0,
    }
}
