//! Text for the model: entities unescaped, NFC, one space for any white space, no links, no leading retweet mark.
//! Everything else stays: emojis, accents, apostrophes, currency, every script.

use std::borrow::Cow;

use memchr::memchr;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};
use xxhash_rust::xxh3::xxh3_128;

/// Rounds of unescaping and normalising; real texts need one or two.
const ROUNDS: usize = 8;

/// Cleans a text; borrowed when there was nothing to do.
pub fn clean_text(text: &str) -> Cow<'_, str> {
    let mut cleaned = String::new();
    clean_text_into(text, &mut cleaned);
    if cleaned == text { Cow::Borrowed(text) } else { Cow::Owned(cleaned) }
}

/// Cleans a text into a buffer that is emptied first.
pub fn clean_text_into(text: &str, cleaned: &mut String) {
    cleaned.clear();
    let mut source = Cow::Borrowed(text);
    for _ in 0..ROUNDS {
        let unescaped = unescape(&source);
        let normal = compose(unescaped.as_deref().unwrap_or(&source));
        let Some(next) = normal.or(unescaped) else { break };
        source = Cow::Owned(next);
    }
    strip(&source, cleaned);
    while let Some(length) = retweet_mark(cleaned) {
        cleaned.drain(..length);
    }
}

/// Key under which texts that say the same share one answer: letters, digits, question marks and symbols, without case,
/// blanks, other punctuation and the handles at the beginning. 0 for a text that is empty or blank.
pub fn text_key(clean_text: &str) -> u128 {
    let text = clean_text.trim();
    if text.is_empty() {
        return 0;
    }
    let mut key = Vec::with_capacity(text.len());
    push_key(behind_handles(text), &mut key);
    if key.is_empty() {
        // Nothing but handles or punctuation: only equal texts are the same.
        key.push(0);
        key.extend_from_slice(text.as_bytes());
    }
    // 0 is taken by texts that say nothing.
    xxh3_128(&key).max(1)
}

fn behind_handles(text: &str) -> &str {
    let mut rest = text;
    while let Some(handle) = rest.strip_prefix('@') {
        let behind = handle.trim_start_matches(is_word);
        if behind.len() == handle.len() {
            break;
        }
        rest = behind.trim_start();
    }
    rest
}

fn is_word(sign: char) -> bool {
    sign.is_alphanumeric() || sign == '_'
}

fn push_key(text: &str, key: &mut Vec<u8>) {
    let mut last = '\0';
    for sign in text.chars() {
        if sign.is_ascii() {
            let byte = u8::try_from(sign).unwrap_or_default().to_ascii_lowercase();
            if byte.is_ascii_alphanumeric() || (matches!(byte, b'?' | b'%' | b'$') && last != sign) {
                key.push(byte);
            }
        } else if sign.is_alphanumeric() {
            sign.to_lowercase().for_each(|small| push_char(small, key));
        } else if !is_silent(sign) && sign != last {
            push_char(sign, key);
        } else {
            continue;
        }
        last = sign;
    }
}

fn push_char(sign: char, key: &mut Vec<u8>) {
    key.extend_from_slice(sign.encode_utf8(&mut [0; 4]).as_bytes());
}

/// White space, punctuation and joiners beyond ASCII, which change nothing in what a text says.
fn is_silent(sign: char) -> bool {
    sign.is_whitespace()
        || sign.is_control()
        || matches!(u32::from(sign), 0xA1 | 0xA7 | 0xAB | 0xAD | 0xB6 | 0xB7 | 0xBB | 0xBF
            | 0x2000..=0x206F | 0x3000..=0x3003 | 0x3008..=0x3011 | 0xFE00..=0xFE0F | 0xFEFF)
}

/// Decodes entities, also those escaped twice; nothing when there are none.
fn unescape(text: &str) -> Option<String> {
    let mut at = memchr(b'&', text.as_bytes())?;
    let (mut out, mut copied) = (String::new(), 0);
    loop {
        if let Some((signs, length)) = entity(text.get(at..).unwrap_or_default()) {
            out.push_str(text.get(copied..at).unwrap_or_default());
            out.push_str(&signs);
            copied = at + length;
            at = copied;
        } else {
            at += 1;
        }
        match memchr(b'&', text.as_bytes().get(at..).unwrap_or_default()) {
            Some(next) => at += next,
            None => break,
        }
    }
    if copied == 0 {
        return None;
    }
    out.push_str(text.get(copied..).unwrap_or_default());
    Some(out)
}

/// The entity at the beginning of a text and its length. Escaped ampersands are followed down, so that a text escaped
/// many times costs no more than one.
fn entity(text: &str) -> Option<(Cow<'static, str>, usize)> {
    const AMPERSANDS: [&str; 3] = ["amp;", "#38;", "#x26;"];
    const LONGEST_NAME: usize = 33;
    let mut body = 1;
    loop {
        let rest = text.get(body..)?;
        if let Some(ampersand) = AMPERSANDS.iter().find(|ampersand| rest.starts_with(**ampersand)) {
            body += ampersand.len();
            continue;
        }
        let end = memchr(b';', rest.as_bytes().get(..LONGEST_NAME.min(rest.len()))?);
        let decoded = end.and_then(|end| decode(rest.get(..end)?).map(|signs| (signs, body + end + 1)));
        return decoded.or((body > 1).then_some((Cow::Borrowed("&"), body)));
    }
}

fn decode(name: &str) -> Option<Cow<'static, str>> {
    let signs = match name {
        "lt" => "<",
        "gt" => ">",
        "quot" => "\"",
        "apos" | "#39" => "'",
        "nbsp" => " ",
        _ if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'#') && name.len() > 1 => {
            let whole = format!("&{name};");
            let decoded = html_escape::decode_html_entities(&whole);
            return (decoded != whole).then(|| Cow::Owned(decoded.into_owned()));
        }
        _ => return None,
    };
    Some(Cow::Borrowed(signs))
}

/// The text in NFC; nothing when it is already.
fn compose(text: &str) -> Option<String> {
    // Below U+0300 everything is composed, and so are the dashes, quotes and emojis that texts are full of.
    let settled = |sign: char| matches!(u32::from(sign), 0..=0x2FF | 0x2002..=0x2125 | 0x2190..=0x2328 | 0x2400..=0x2AD0 | 0xFE0F | 0x1F300..=0x1FAFF);
    if text.is_ascii() || text.chars().all(settled) || is_nfc_quick(text.chars()) == IsNormalized::Yes {
        return None;
    }
    let composed: String = text.nfc().collect();
    (composed != text).then_some(composed)
}

/// Bytes at which a run of text that stays may end: blanks and controls, a backslash, the `h` of a link, and the first
/// byte of each white space beyond ASCII.
const MAY_END: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte: u8 = 0;
    loop {
        #[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, which would refuse it")]
        {
            table[byte as usize] = matches!(byte, 0..=0x20 | 0x7F | b'\\' | b'h' | b'H' | 0xC2 | 0xE1 | 0xE2 | 0xE3);
        }
        if byte == u8::MAX {
            break table;
        }
        byte += 1;
    }
};

fn may_end(byte: u8) -> bool {
    MAY_END.get(usize::from(byte)).copied().unwrap_or_default()
}

/// Copies a text without links and with single spaces.
fn strip(text: &str, out: &mut String) {
    out.reserve(text.len());
    let bytes = text.as_bytes();
    let (mut at, mut run) = (0, 0);
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(skipped) = rest.iter().position(|byte| may_end(*byte)) else { break };
        at += skipped;
        let gap = if bytes.get(at) == Some(&b' ') {
            let single = bytes.get(at + 1).is_some_and(|next| !may_end(*next)) && at > run;
            usize::from(!single)
        } else {
            gap(text, run, at)
        };
        if gap == 0 {
            at += 1;
        } else {
            push_run(out, text.get(run..at).unwrap_or_default());
            at += gap;
            run = at;
        }
    }
    push_run(out, text.get(run..).unwrap_or_default());
}

fn push_run(out: &mut String, run: &str) {
    if !run.is_empty() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(run);
    }
}

/// Length of what a single space stands for at `at`; 0 when the run of text that began at `run` goes on.
fn gap(text: &str, run: usize, at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    match rest.as_bytes().first() {
        // Exports write a line break inside a text as these two signs.
        Some(b'\\') if rest.starts_with("\\n") => 2,
        Some(b'\\') if rest.starts_with("\\r\\n") => 4,
        Some(b'h' | b'H') => link(rest, text.get(run..at).unwrap_or_default()),
        Some(0..=0x20 | 0x7F) => 1,
        Some(0x80..) => {
            rest.chars().next().filter(|sign| sign.is_whitespace() || sign.is_control()).map_or(0, char::len_utf8)
        }
        _ => 0,
    }
}

/// Length of the link at the beginning of `rest`, also of one that was cut (`https…`).
fn link(rest: &str, before: &str) -> usize {
    let bytes = rest.as_bytes();
    if !bytes.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"http")) {
        return 0;
    }
    let scheme = if bytes.get(4).is_some_and(|byte| byte.eq_ignore_ascii_case(&b's')) { 5 } else { 4 };
    let behind = rest.get(scheme..).unwrap_or_default();
    if let Some(address) = behind.strip_prefix("://") {
        return scheme + 3 + address_length(address);
    }
    let cut = behind.trim_start_matches(':').trim_start_matches('/');
    let signs = behind.len() - cut.len();
    let inside_word = before.chars().next_back().is_some_and(is_word);
    match cut.strip_prefix('…') {
        Some(_) if signs <= 3 && !inside_word => scheme + signs + '…'.len_utf8(),
        _ => 0,
    }
}

/// Length of what follows `https://`. Short links are letters and digits only, so that text written against one stays;
/// others take accents of Latin; closing punctuation belongs to the sentence.
fn address_length(address: &str) -> usize {
    const SHORT: &str = "t.co/";
    let short = address.get(..SHORT.len()).is_some_and(|host| host.eq_ignore_ascii_case(SHORT));
    let in_path = |sign: char| {
        if short {
            sign.is_ascii_alphanumeric()
        } else {
            matches!(sign, '\u{C0}'..='\u{24F}')
                || (sign.is_ascii_graphic() && !matches!(sign, '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}'))
        }
    };
    let begin = if short { SHORT.len() } else { 0 };
    let path = address.get(begin..).unwrap_or_default();
    let end = path.find(|sign| !in_path(sign)).unwrap_or(path.len());
    let (path, behind) = path.split_at(end);
    if behind.starts_with('…') {
        return begin + end + '…'.len_utf8();
    }
    begin + path.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', ')', ']']).len()
}

/// Length of `RT @handle:` at the beginning, with the blank behind it.
fn retweet_mark(text: &str) -> Option<usize> {
    let handle = text.strip_prefix("RT @")?;
    let behind = handle.trim_start_matches(is_word);
    if behind.len() == handle.len() {
        return None;
    }
    let behind = behind.trim_start().strip_prefix(':')?;
    Some(text.len() - behind.trim_start().len())
}
