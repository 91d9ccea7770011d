//! What texts mean: days, times of day, amounts.

use serde::{Deserialize, Serialize};

/// What a text means.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// A day, `YYYY-MM-DD`.
    Date(String),
    /// A time of day, `HH:MM:SS`.
    Time(String),
    /// An amount: a decimal number with a point, and the currency's code where the text names one.
    Amount {
        /// The number.
        number: String,
        /// ISO 4217.
        #[serde(skip_serializing_if = "Option::is_none")]
        currency: Option<String>,
    },
}

/// What the text of a field is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Date,
    Time,
    Amount,
    Quantity,
}

/// The meaning of a field of this name. `None` for texts.
pub(super) fn meaning(name: &str) -> Option<Meaning> {
    match name {
        "date" => Some(Meaning::Date),
        "time" => Some(Meaning::Time),
        "total" | "subtotal" | "tax" | "tips" | "price" => Some(Meaning::Amount),
        "quantity" => Some(Meaning::Quantity),
        _ => None,
    }
}

/// What a text says.
pub(super) fn value_of(meaning: Meaning, text: &str, month_first: bool) -> Option<Value> {
    match meaning {
        Meaning::Date => date(text, month_first).map(Value::Date),
        Meaning::Time => time(text).map(Value::Time),
        Meaning::Amount => amount(text),
        Meaning::Quantity => quantity(text),
    }
}

/// Whether two values say the same; one of two amounts may name no currency.
pub(super) fn alike(a: Option<&Value>, b: Option<&Value>) -> bool {
    match (a, b) {
        (
            Some(Value::Amount { number, currency }),
            Some(Value::Amount { number: other, currency: of_other }),
        ) => number == other && (currency.is_none() || of_other.is_none() || currency == of_other),
        (a, b) => a == b,
    }
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// The first day that a text names, as `YYYY-MM-DD`. Of 03/04/2020 the first number is the day, or with `month_first` the month,
/// but where it can only be the other.
fn date(text: &str, month_first: bool) -> Option<String> {
    let words = parts(text);
    let number = |w: &str| w.parse::<u32>().ok();
    let month = |w: &str| {
        let lower = w.to_lowercase();
        MONTHS.iter().position(|m| lower.len() >= 3 && m.starts_with(&lower)).map(|i| i as u32 + 1)
    };
    let year = |w: &str| match (w.len(), number(w)?) {
        (4, y @ 1900..=2199) => Some(y),
        (2, y) => Some(if y < 70 { 2000 + y } else { 1900 + y }),
        // The time follows without a space.
        (5.., _) => w[..4].parse().ok().filter(|y| (1900..=2199).contains(y)),
        _ => None,
    };
    let day = |y: u32, m: u32, d: u32| {
        let leap = y.is_multiple_of(4) && (!y.is_multiple_of(100) || y.is_multiple_of(400));
        let days = match m {
            2 => 28 + u32::from(leap),
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => 0,
        };
        (1..=days).contains(&d).then(|| format!("{y:04}-{m:02}-{d:02}"))
    };
    let together = || {
        let digits = words.iter().find(|w| w.len() == 8 && number(w).is_some())?;
        let part = |from: usize, to: usize| number(&digits[from..to]);
        let year_first = year(&digits[..4]).and_then(|y| day(y, part(4, 6)?, part(6, 8)?));
        year_first.or_else(|| day(year(&digits[4..])?, part(2, 4)?, part(0, 2)?))
    };
    let in_words = |w: &[String]| {
        let [a, b, c] = [w[0].as_str(), w[1].as_str(), w[2].as_str()];
        if let (4, Some(y), Some(d)) = (a.len(), year(a), number(c)) {
            return day(y, month(b).or_else(|| number(b))?, d);
        }
        if let (Some(d), Some(m), Some(y)) = (number(a), month(b), year(c)) {
            return day(y, m, d);
        }
        if let (Some(m), Some(d), Some(y)) = (month(a), number(b), year(c)) {
            return day(y, m, d);
        }
        let (first, second, y) = (number(a)?, number(b)?, year(c)?);
        match month_first {
            true => day(y, first, second).or_else(|| day(y, second, first)),
            false => day(y, second, first).or_else(|| day(y, first, second)),
        }
    };
    // A year of four digits is more certain than one of two.
    let full = words.windows(3).filter(|w| [0, 2].iter().any(|k| w[*k].len() > 3)).find_map(in_words);
    let short = || words.windows(3).find_map(in_words);
    full.or_else(short).or_else(together)
}

/// Whether a text has a date with a year of four digits.
pub(super) fn has_full_date(text: &str) -> bool {
    let full = |year: &str| parts(text).iter().any(|part| part.starts_with(year));
    date(text, false).is_some_and(|day| full(&day[..4]))
}

/// Whether an amount is above 0.
pub(super) fn is_positive(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Amount { number, .. }) => {
            !number.starts_with('-') && number.bytes().any(|b| (b'1'..=b'9').contains(&b))
        }
        _ => false,
    }
}

/// Whether the dates of a page begin with the month, as in the United States: it names a state with its ZIP code, or a telephone
/// number in the North American form.
pub(super) fn month_first<'a>(texts: impl Iterator<Item = &'a str>) -> bool {
    texts.into_iter().any(|text| names_zip(text) || names_phone(text))
}

const STATES: &str = "AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR PA \
                      RI SC SD TN TX UT VT VA WA WV WI WY DC";

/// `NE 68154`: a state and five digits at the end of the text, or five digits, a hyphen and four. `POMONA, CA`: a comma and a
/// state.
fn names_zip(text: &str) -> bool {
    let text = text.trim_end();
    let known = |state: &str| STATES.split_ascii_whitespace().any(|known| known == state);
    if text.rsplit_once(',').is_some_and(|(_, state)| known(state.trim_start())) {
        return true;
    }
    let text = match text.rsplit_once('-') {
        Some((before, four)) if four.len() == 4 && four.bytes().all(|b| b.is_ascii_digit()) => before,
        _ => text,
    };
    let before = text.trim_end_matches(|c: char| c.is_ascii_digit());
    if text.len() - before.len() != 5 {
        return false;
    }
    let before = before.trim_end_matches([' ', ',', '.']);
    let letters = before.trim_end_matches(|c: char| c.is_ascii_uppercase());
    known(&before[letters.len()..])
}

/// `(515) 986-1783`, `312-540-0602`: three, three and four digits.
fn names_phone(text: &str) -> bool {
    let digits: Vec<(usize, char)> = text.char_indices().filter(|(_, c)| c.is_ascii_digit()).collect();
    digits.windows(10).any(|w| {
        let place = |i: usize| w[i].0;
        let together = |from: usize, to: usize| place(to) - place(from) == to - from;
        let between = |i: usize| text[place(i) + 1..place(i + 1)].trim();
        let (before, after) = (&text[..place(0)], &text[place(9) + 1..]);
        together(0, 2)
            && together(3, 5)
            && together(6, 9)
            && matches!(between(2), ")" | "-" | ")-" | "." | ") -")
            && matches!(between(5), "-" | ".")
            && !before.ends_with(|c: char| c.is_ascii_digit() || c == '-')
            && !after.starts_with(|c: char| c.is_ascii_digit() || c == '-')
    })
}

/// Runs of digits and runs of letters.
fn parts(text: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    let mut kind = None;
    for c in text.chars() {
        let own = match c {
            c if c.is_ascii_digit() => Some(true),
            c if c.is_alphabetic() => Some(false),
            _ => None,
        };
        match (own, parts.last_mut()) {
            (Some(_), Some(last)) if own == kind => last.push(c),
            (Some(_), _) => parts.push(c.to_string()),
            (None, _) => {}
        }
        kind = own;
    }
    parts
}

/// The first time of day that a text names, as `HH:MM:SS`.
fn time(text: &str) -> Option<String> {
    let lower = text.to_lowercase();
    let begins = |at: usize| !lower[..at].ends_with(|c: char| c.is_ascii_digit() || matches!(c, ':' | '.'));
    let places = lower.char_indices().filter(|(at, c)| c.is_ascii_digit() && begins(*at));
    places.map(|(at, _)| &lower[at..]).find_map(clock)
}

/// The time of day that a text in lower case begins with: hour and minute at least. Numbers between points that make a date,
/// such as 07.03.2019, are none.
fn clock(text: &str) -> Option<String> {
    fn number(text: &str) -> Option<(u32, &str)> {
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (digits, rest) = text.split_at(end);
        (end <= 2).then_some((digits.parse().ok()?, rest))
    }
    let next = |text| number(str::strip_prefix(text, [':', '.'])?);
    let (mut hour, rest) = number(text)?;
    let (minute, rest) = next(rest)?;
    if date(text.split(|c: char| !c.is_ascii_digit() && c != '.').next()?, false).is_some() {
        return None;
    }
    let (second, rest) = next(rest).unwrap_or((0, rest));
    let half = |names: [&str; 2]| names.iter().any(|name| rest.trim_start().starts_with(name));
    if half(["pm", "p.m"]) && hour < 12 {
        hour += 12;
    } else if half(["am", "a.m"]) && hour == 12 {
        hour = 0;
    }
    (hour < 24 && minute < 60 && second < 60).then(|| format!("{hour:02}:{minute:02}:{second:02}"))
}

/// Signs before those that they end in: `s$` before `$`.
const CURRENCIES: [(&str, &str); 26] = [
    ("us$", "USD"),
    ("s$", "SGD"),
    ("a$", "AUD"),
    ("au$", "AUD"),
    ("hk$", "HKD"),
    ("nt$", "TWD"),
    ("c$", "CAD"),
    ("ca$", "CAD"),
    ("nz$", "NZD"),
    ("r$", "BRL"),
    ("$", "USD"),
    ("€", "EUR"),
    ("£", "GBP"),
    ("¥", "JPY"),
    ("rm", "MYR"),
    ("myr", "MYR"),
    ("usd", "USD"),
    ("eur", "EUR"),
    ("gbp", "GBP"),
    ("chf", "CHF"),
    ("sgd", "SGD"),
    ("inr", "INR"),
    ("aud", "AUD"),
    ("hkd", "HKD"),
    ("twd", "TWD"),
    ("cad", "CAD"),
];

/// The last number of a text and its currency. The last mark between digits is the decimal one, unless three digits follow it
/// and it stands alone or more than once. A mark before the first digit is decimal, but not behind a letter, where it ends an
/// abbreviation. A hyphen before the number, or before the currency in front of it, or behind it makes it negative.
fn amount(text: &str) -> Option<Value> {
    let text = &closed_up(text);
    let lower = text.to_lowercase();
    let words = parts(&lower);
    let names = |sign: &str| match (sign.starts_with(char::is_alphabetic), sign.ends_with('$')) {
        // The letters before a dollar sign, and no others: `S$`, but not the end of `TOTALS$`.
        (true, true) => lower.match_indices(sign).any(|(at, _)| !lower[..at].ends_with(char::is_alphabetic)),
        (true, false) => words.iter().any(|word| word == sign),
        (false, _) => lower.contains(sign),
    };
    let currency = CURRENCIES.iter().find(|(sign, _)| names(sign)).map(|(_, code)| (*code).to_owned());
    let is_part = |c: char| c.is_ascii_digit() || matches!(c, '.' | ',' | '\'');
    let end = text.rfind(|c: char| c.is_ascii_digit())? + 1;
    let start =
        text[..end].char_indices().rev().find(|(_, c)| !is_part(*c)).map_or(0, |(i, c)| i + c.len_utf8());
    let before = &text[..start];
    let number = text[start..end].trim_start_matches(['.', ',', '\'']);
    let led = text[start..end - number.len()].ends_with(['.', ',']) && !before.ends_with(char::is_alphabetic);
    let front = before.trim_end().to_lowercase();
    let front = CURRENCIES.iter().find_map(|(sign, _)| front.strip_suffix(sign)).unwrap_or(&front);
    let negative = front.trim_end().ends_with('-') || text[end..].trim_start().starts_with('-');
    let marks = number.matches(['.', ',', '\'']).count();
    let decimal = number.rfind(['.', ',']).filter(|at| {
        let behind = number.len() - at - 1;
        behind != 3
            || (marks > 1 && number[..*at].contains(['.', ',', '\'']) && {
                let mark = &number[*at..at + 1];
                !number[..*at].contains(mark)
            })
    });
    let digits = |part: &str| part.chars().filter(char::is_ascii_digit).collect::<String>();
    let (whole, fraction) = match decimal {
        Some(at) => (digits(&number[..at]), digits(&number[at + 1..])),
        None if led && marks == 0 => (String::new(), number.to_owned()),
        None => (digits(number), String::new()),
    };
    let sign = if negative { "-" } else { "" };
    Some(Value::Amount { number: format!("{sign}{}", decimal_number(&whole, &fraction)), currency })
}

/// Digits before and behind a decimal point as a number without leading zeros; without a point where none are behind it.
fn decimal_number(whole: &str, fraction: &str) -> String {
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        whole => whole,
    };
    if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") }
}

/// Without the spaces that a reader puts around a decimal mark: digits, the mark, two digits and nothing more of a number.
fn closed_up(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let c = chars[at];
        out.push(c);
        at += 1;
        if !c.is_ascii_digit() {
            continue;
        }
        let skip =
            |from: usize| from + chars[from.min(chars.len())..].iter().take_while(|c| **c == ' ').count();
        let mark = skip(at);
        if !matches!(chars.get(mark), Some('.' | ',')) {
            continue;
        }
        let cents = skip(mark + 1);
        let digits = chars[cents.min(chars.len())..].iter().take_while(|c| c.is_ascii_digit()).count();
        if digits == 2 && !matches!(chars.get(cents + 2), Some('.' | ',' | '/' | ':')) {
            out.push(chars[mark]);
            at = cents;
        }
    }
    out
}

/// Whether a text has an amount with two decimals.
pub(super) fn has_cents(text: &str) -> bool {
    match amount(text) {
        Some(Value::Amount { number, .. }) => {
            number.rsplit_once('.').is_some_and(|(_, cents)| cents.len() == 2)
        }
        _ => false,
    }
}

/// The first number of a text, with a decimal point where a mark stands between digits.
fn quantity(text: &str) -> Option<Value> {
    let start = text.find(|c: char| c.is_ascii_digit())?;
    let rest = &text[start..];
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (whole, rest) = rest.split_at(end);
    let decimals = rest.strip_prefix(['.', ',']).unwrap_or_default();
    let end = decimals.find(|c: char| !c.is_ascii_digit()).unwrap_or(decimals.len());
    Some(Value::Amount { number: decimal_number(whole, &decimals[..end]), currency: None })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn dates_times_and_amounts_are_normalised() {
        for (text, expected) in [
            ("25/12/2018 8:13:39 PM", Some("2018-12-25")),
            ("12/30/2016FRI", Some("2016-12-30")),
            ("2019-03-07", Some("2019-03-07")),
            ("07 MAR 19", Some("2019-03-07")),
            ("Mar. 7, 2019", Some("2019-03-07")),
            ("Sept 30 2019", Some("2019-09-30")),
            ("Market 7 2019", None),
            ("31/02/2019", None),
            ("29/02/2020", Some("2020-02-29")),
            ("05-JAN-2017 03:17:50 PM", Some("2017-01-05")),
            ("Date 8: 30-05-2018 13:45", Some("2018-05-30")),
            ("20180304", Some("2018-03-04")),
            ("31122018", Some("2018-12-31")),
            ("04/05/201714:17", Some("2017-05-04")),
            ("12345678", None),
            ("no date", None),
            ("", None),
        ] {
            assert_eq!(date(text, false).as_deref(), expected, "{text:?}");
        }
        for (text, expected) in [
            ("8:13:39 PM", Some("20:13:39")),
            ("12:05am", Some("00:05:00")),
            ("17.45", Some("17:45:00")),
            ("2019.03.07 17:45", Some("17:45:00")),
            ("25/12/2018 8:13 paid", Some("08:13:00")),
            ("12:05 a.m.", Some("00:05:00")),
            ("2019.", None),
            ("07.03.2019", None),
            ("12.05.19", None),
            ("07.03.2019 17.45", Some("17:45:00")),
            ("17.45.30", Some("17:45:30")),
            ("5:", None),
            ("25:00", None),
            ("noon", None),
        ] {
            assert_eq!(time(text).as_deref(), expected, "{text:?}");
        }
        for (text, number, currency) in [
            ("$1,234.50", "1234.50", Some("USD")),
            ("1.234,50 €", "1234.50", Some("EUR")),
            ("RM 9.00", "9.00", Some("MYR")),
            ("1,000", "1000", None),
            ("1.234.567", "1234567", None),
            ("-3.5", "-3.5", None),
            ("-$3.50", "-3.50", Some("USD")),
            ("- RM 3.50", "-3.50", Some("MYR")),
            ("€ -1.234,56", "-1234.56", Some("EUR")),
            ("3.50-", "-3.50", None),
            ("007", "7", None),
            (".50", "0.50", None),
            ("$.500", "0.500", Some("USD")),
            ("Rs.50", "50", None),
            ("rm9.00", "9.00", Some("MYR")),
            ("Farm 9.00", "9.00", None),
            ("2 x 1.25", "1.25", None),
            ("RM 14 .10", "14.10", Some("MYR")),
            ("4. 50", "4.50", None),
            ("1, 2.50", "2.50", None),
            ("S$12.30", "12.30", Some("SGD")),
            ("-S$12.30", "-12.30", Some("SGD")),
            ("A$1,200", "1200", Some("AUD")),
            ("AU$ 5.00", "5.00", Some("AUD")),
            ("HK$88.00", "88.00", Some("HKD")),
            ("NT$ 150", "150", Some("TWD")),
            ("C$ 4.99", "4.99", Some("CAD")),
            ("CA$4.99", "4.99", Some("CAD")),
            ("US$ 4.99", "4.99", Some("USD")),
            ("4.99 HKD", "4.99", Some("HKD")),
            ("TOTALS$9.00", "9.00", Some("USD")),
            ("TOTAL S $9.00", "9.00", Some("USD")),
        ] {
            let expected = Value::Amount { number: number.to_owned(), currency: currency.map(str::to_owned) };
            assert_eq!(amount(text), Some(expected), "{text:?}");
        }
        assert_eq!(amount("free"), None);
    }

    #[test]
    fn the_first_number_of_a_quantity_counts() {
        for (text, number) in [
            ("2 @ 1.50", "2"),
            ("17.09", "17.09"),
            ("0.562kg", "0.562"),
            ("No.1", "1"),
            ("x3", "3"),
            ("007", "7"),
        ] {
            let expected = Value::Amount { number: number.to_owned(), currency: None };
            assert_eq!(quantity(text), Some(expected), "{text:?}");
        }
        assert_eq!(quantity("some"), None);
    }

    #[test]
    fn a_state_with_its_code_or_an_american_telephone_number_puts_the_month_first() {
        for text in [
            "POMONA,CA",
            "Omaha,NE68154",
            "CHICAGO, IL 60601",
            "Austin TX 78701-1234",
            "(515)986-1783",
            "312-540-0602",
            "Tel 312.540.0602",
        ] {
            assert!(month_first([text].into_iter()), "{text}");
        }
        for text in [
            "40400 SHAH ALAM",
            "XX12345",
            "TEL: 07-8263254",
            "+44 20 7946 0958",
            "1234567890",
            "0312-540-06021",
            "NO12345 X",
        ] {
            assert!(!month_first([text].into_iter()), "{text}");
        }
        assert_eq!(date("04/05/2017", true).as_deref(), Some("2017-04-05"));
        assert_eq!(date("25/12/2017", true).as_deref(), Some("2017-12-25"));
    }

    #[test]
    fn amounts_with_and_without_a_currency_are_alike() {
        let value = |text| amount(text);
        assert!(alike(value("$4.70").as_ref(), value("4.70").as_ref()));
        assert!(!alike(value("$4.70").as_ref(), value("RM4.70").as_ref()));
        assert!(!alike(value("4.70").as_ref(), value("4.7").as_ref()));
        assert!(has_cents("TOTAL 14.10") && !has_cents("GST 6%") && !has_cents("2"));
    }

    proptest! {
        #[test]
        fn any_text_has_a_value_or_none(text in "\\PC{0,40}") {
            let _ = month_first([text.as_str()].into_iter());
            let _ = (date(&text, false), date(&text, true), time(&text), amount(&text), quantity(&text));
        }
    }
}
