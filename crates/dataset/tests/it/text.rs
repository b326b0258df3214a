use dallosh_dataset::{clean_text, text_key};
use proptest::prelude::*;

#[test]
fn links_go_also_when_they_were_cut() {
    for (text, clean) in [
        ("voir https://t.co/Ab12 ici", "voir ici"),
        ("voir https://t.co/Ab12\u{1f525}", "voir \u{1f525}"),
        ("voir https://t.co/Ab1…", "voir"),
        ("voir https…", "voir"),
        ("voir http:/…", "voir"),
        ("HTTPS://EXAMPLE.ORG/A?b=c#d fin", "fin"),
        ("xhttp://example.org/é, fin", "x , fin"),
        ("https://example.org", ""),
        ("le protocole http est vieux", "le protocole http est vieux"),
        ("à https://t.co/x\\n\\nvia @ada", "à via @ada"),
    ] {
        assert_eq!(clean_text(text), clean, "{text:?}");
    }
}

#[test]
fn entities_are_unescaped_however_often_they_were_escaped() {
    assert_eq!(clean_text("a &amp; b &lt;3 &gt; &quot;c&quot; d&#39;e"), "a & b <3 > \"c\" d'e");
    assert_eq!(clean_text("a &amp;lt; b &amp;amp;amp; c &eacute;&#233;&#xE9;"), "a < b & c ééé");
    assert_eq!(clean_text("R&D &unknown; & AT&T;"), "R&D &unknown; & AT&T;");
}

#[test]
fn retweet_marks_go_from_the_beginning_only() {
    assert_eq!(clean_text("RT @ada: bonjour RT @emil: fin"), "bonjour RT @emil: fin");
    assert_eq!(clean_text(" RT  @ada : RT @emil: bonjour"), "bonjour");
    assert_eq!(clean_text("https://t.co/x RT @ada: bonjour"), "bonjour");
    assert_eq!(clean_text("RT @ada bonjour"), "RT @ada bonjour");
}

#[test]
fn white_space_is_one_space_and_line_breaks_of_exports_are_white_space() {
    assert_eq!(clean_text("  a\t\tb\u{a0}c\u{2003}\nd\\ne\\r\\nf  "), "a b c d e f");
}

#[test]
fn letters_signs_and_emojis_of_every_script_stay() {
    let text = "L’été à 5 € c'est « génial » 👨‍👩‍👧 ❤️ 🇫🇷 ™ 日本語 العربية हिन्दी";
    assert_eq!(clean_text(text), text);
    assert_eq!(clean_text("e\u{301}te\u{301}"), "été");
}

#[test]
fn a_text_with_nothing_to_do_is_borrowed() {
    assert!(matches!(clean_text("rien à faire"), std::borrow::Cow::Borrowed(_)));
}

#[test]
fn escaping_a_text_many_times_costs_no_more_than_once() {
    let text = format!("&{}lt;", "amp;".repeat(60_000));
    assert_eq!(clean_text(&text), "<");
}

#[test]
fn texts_that_say_the_same_share_a_key_and_others_do_not() {
    let key = |text: &str| text_key(&clean_text(text));
    let same = ["Super débit !", "@free super  DÉBIT", "super débit https://t.co/x", "RT @ada: Super débit…"];
    assert!(same.iter().all(|text| key(text) == key(same[0])));
    let different = ["Super débit ?", "Super débit 😡", "Super debit", "super", "😡", "…", "!", "@free"];
    for (index, text) in different.iter().enumerate() {
        assert_ne!(key(text), key(same[0]), "{text}");
        assert!(different[..index].iter().all(|other| key(other) != key(text)), "{text}");
    }
    assert_eq!(key(""), 0);
    assert_eq!(key(" \n https://t.co/x"), 0);
    assert_ne!(key("!"), 0);
}

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zé ]{0,6}",
        "\\PC{0,4}",
        prop::sample::select(vec![
            "https://",
            "http",
            "https…",
            "t.co/",
            "RT @",
            "ada",
            ":",
            "&",
            "amp;",
            "&lt;",
            "&#",
            "38;",
            "x26;",
            "\\",
            "\\n",
            "n",
            "\u{a0}",
            "\u{301}",
            "e",
            "…",
            "\n",
            " ",
            "@",
            ")",
            "?",
            "\u{37e}",
            "\u{200d}",
            "\u{1f525}",
            "€",
        ])
        .prop_map(str::to_owned),
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(piece(), 0..14).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn cleaning_twice_is_cleaning_once(text in text()) {
        let once = clean_text(&text).into_owned();
        prop_assert_eq!(clean_text(&once), once.as_str());
    }

    #[test]
    fn no_link_mark_or_entity_is_left(text in text()) {
        let clean = clean_text(&text);
        for scheme in ["http://", "https://"] {
            for (at, _) in clean.match_indices(scheme) {
                prop_assert!(!clean[at + scheme.len()..].starts_with(|sign: char| sign.is_alphanumeric() || sign == '_'));
            }
        }
        prop_assert!(!["&amp;", "&lt;", "&gt;"].iter().any(|entity| clean.contains(entity)));
        prop_assert!(!clean.contains("  ") && clean.trim() == clean);
    }

    #[test]
    fn signs_beyond_ascii_stay_outside_of_links(text in "[a-zA-Z éèç€🔥日本❤™&;\\n]{0,40}") {
        let clean = clean_text(&text);
        for sign in text.chars().filter(|sign| !sign.is_ascii() && !sign.is_whitespace()) {
            prop_assert!(clean.contains(sign), "{sign}");
        }
    }
}
