use std::fmt::Write as _;

/// A CSV of `rows` made-up posts, the same for the same number: accents, emojis, quotes, line breaks in cells, ids of
/// 19 digits, and every tenth text a repetition.
pub fn posts(rows: usize) -> Vec<u8> {
    const WORDS: [&str; 12] =
        ["panne", "fibre", "débit", "facture", "merci", "nul", "super", "box", "mobile", "depuis", "demain", "client"];
    let mut text = String::from("\u{feff}id,created_at,full_text,screen_name,favorite_count\n");
    for row in 0..rows {
        let seed = if row % 10 == 9 { row.wrapping_sub(1) } else { row };
        let word = |place: usize| {
            WORDS.get(seed.wrapping_mul(place + 7).wrapping_add(seed >> 3) % WORDS.len()).unwrap_or(&"box")
        };
        let body = format!("{} {} \"\"{}\"\" no {seed} 😡\n{} !", word(1), word(2), word(3), word(4));
        let id = 1_300_000_000_000_000_000_u64.wrapping_add(u64::try_from(row).unwrap_or(0));
        let _ = writeln!(
            text,
            "\"{id}\",\"2024-03-{:02} 10:00:00 +01:00\",\"{body}\",user{},{}",
            row % 28 + 1,
            row % 50,
            row % 7
        );
    }
    text.into_bytes()
}
