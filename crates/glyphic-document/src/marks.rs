//! What the beginning of a text says of it: items of lists, captions.

/// Whether a text begins with what a figure or table is called and its number, as in "Fig. 3:" or "Table 2.1. "; beside a figure also
/// without a mark, where a capital follows, as in "Figure 4 Rivers".
pub(crate) fn is_caption(text: &str, beside_figure: bool) -> bool {
    const WORDS: [&str; 13] = [
        "figure",
        "fig",
        "table",
        "tab",
        "abbildung",
        "abb",
        "tabelle",
        "tableau",
        "tabla",
        "figura",
        "tabela",
        "scheme",
        "chart",
    ];
    let mut parts = text.split_whitespace();
    let (Some(word), Some(number)) = (parts.next(), parts.next()) else { return false };
    let capital = word.chars().next().is_some_and(char::is_uppercase);
    let known = WORDS.contains(&word.trim_end_matches('.').to_lowercase().as_str());
    // Without a mark behind the number it is a sentence, as in "Figure 3 shows".
    let title = parts.next().and_then(|word| word.chars().next()).is_some_and(char::is_uppercase);
    let number = match number.strip_suffix([':', '.']) {
        Some(number) => number,
        None if beside_figure && title => number,
        None => return false,
    };
    let part = |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    capital && known && number.split('.').all(part)
}

/// Whether a line begins with a bullet, or with a number or letter and a full stop or bracket.
pub(crate) fn is_item(text: &str) -> bool {
    let Some((mark, rest)) = text.trim_start().split_once(' ') else { return false };
    if rest.trim().is_empty() {
        return false;
    }
    if matches!(mark, "•" | "·" | "-" | "–" | "*" | "▪" | "◦" | "○" | "■" | "●") {
        return true;
    }
    let Some(label) = mark.strip_suffix(['.', ')']) else { return false };
    let label = label.strip_prefix('(').unwrap_or(label);
    let digits = (1..=3).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_digit());
    let letter = mark.ends_with(')') && label.len() == 1 && label.bytes().all(|b| b.is_ascii_lowercase());
    digits || letter
}
