//! What the pictures say.

mod receipt;
mod words;

use std::{collections::HashSet, fs, path::PathBuf};

use glyphic_core::LATIN;

use crate::{dice::Dice, fonts::latin_index};

/// The longest word taken from a list.
const LONGEST_WORD: usize = 22;

/// How much text a line holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Length {
    /// One word, number or code.
    Word,
    /// Two to six words.
    Phrase,
    /// Seven words or more.
    Long,
}

/// Where text stands, and so what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Receipt,
    Document,
    Sign,
}

struct WordList {
    text: String,
    starts: Vec<u32>,
}

impl WordList {
    fn new<'a>(words: impl Iterator<Item = &'a str>) -> Self {
        let mut list = Self { text: String::new(), starts: vec![0] };
        for word in words {
            list.text.push_str(word);
            list.starts.push(list.text.len() as u32);
        }
        list
    }

    fn len(&self) -> usize {
        self.starts.len() - 1
    }

    fn pick(&self, dice: &mut Dice) -> &str {
        let i = dice.index(self.len());
        &self.text[self.starts[i] as usize..self.starts[i + 1] as usize]
    }
}

/// Text to draw: every line is of characters of [`LATIN`] alone, without spaces at its ends or twice in a row.
pub(crate) struct Corpus {
    english: Vec<WordList>,
    foreign: Vec<WordList>,
    common: WordList,
    signs: WordList,
    goods: WordList,
    malay: WordList,
    names: WordList,
    cities: WordList,
    accented: WordList,
    ascii: Vec<char>,
    beyond: Vec<char>,
}

impl Corpus {
    pub(crate) fn load(folders: &[PathBuf]) -> Self {
        let mut files: Vec<PathBuf> = Vec::new();
        let mut seen = HashSet::new();
        for folder in folders {
            let Ok(entries) = fs::read_dir(folder) else { continue };
            let mut paths: Vec<PathBuf> = entries.filter_map(|e| e.ok()).map(|e| e.path()).collect();
            paths.sort();
            // Word lists come with links under other names: each counts once.
            files.extend(
                paths
                    .into_iter()
                    .filter(|p| p.is_file() && p.canonicalize().is_ok_and(|real| seen.insert(real))),
            );
        }
        let (mut english, mut foreign) = (Vec::new(), Vec::new());
        for file in files {
            let Ok(content) = fs::read_to_string(&file) else { continue };
            let list = WordList::new(content.lines().map(str::trim).filter(|w| {
                !w.is_empty()
                    && w.chars().count() <= LONGEST_WORD
                    && w.chars().all(|c| c != ' ' && latin_index(c).is_some())
            }));
            let name = file.file_name().map(|n| n.to_string_lossy().to_lowercase()).unwrap_or_default();
            if list.len() < 100 || name.contains("readme") {
                continue;
            }
            if name.contains("english") { english.push(list) } else { foreign.push(list) }
        }
        let built_in = |text: &'static str| WordList::new(text.split_whitespace());
        Self {
            english,
            foreign,
            common: built_in(words::COMMON),
            signs: built_in(words::SIGNS),
            goods: built_in(words::GOODS),
            malay: built_in(words::MALAY),
            names: built_in(words::NAMES),
            cities: built_in(words::CITIES),
            accented: built_in(words::ACCENTED),
            ascii: LATIN.chars().filter(|c| c.is_ascii() && *c != ' ').collect(),
            beyond: LATIN.chars().filter(|c| !c.is_ascii()).collect(),
        }
    }

    /// A line of text for a place. Never empty.
    pub(crate) fn line(&self, dice: &mut Dice, place: Place, length: Length) -> String {
        let raw = match (length, place) {
            (Length::Word, Place::Receipt) => self.receipt_word(dice),
            (Length::Word, _) => self.sign_word(dice, place),
            (Length::Phrase, Place::Receipt) if dice.chance(0.8) => self.receipt_line(dice),
            (Length::Phrase, Place::Sign) => self.sign_phrase(dice),
            (Length::Phrase, _) => self.phrase(dice, 2, 6),
            (Length::Long, Place::Receipt) if dice.chance(0.7) => {
                let (a, b) = (self.receipt_line(dice), self.receipt_line(dice));
                if a.len() > 36 { a } else { format!("{a} {b}") }
            }
            (Length::Long, _) => self.phrase(dice, 7, 14),
        };
        let text = clean(&raw);
        if text.is_empty() { self.common.pick(dice).to_owned() } else { text }
    }

    /// A dictionary word in its own case.
    pub(crate) fn word<'a>(&'a self, dice: &mut Dice) -> &'a str {
        match dice.weighted(&[(0, 0.3), (1, 0.45), (2, 0.17), (3, 0.08)]) {
            1 if !self.english.is_empty() => {
                let list = &self.english[dice.index(self.english.len())];
                list.pick(dice)
            }
            2 if !self.foreign.is_empty() => {
                let list = &self.foreign[dice.index(self.foreign.len())];
                list.pick(dice)
            }
            3 => match dice.index(5) {
                0 => self.names.pick(dice),
                1 => self.cities.pick(dice),
                2 | 3 => self.accented.pick(dice),
                _ => self.goods.pick(dice),
            },
            _ => self.common.pick(dice),
        }
    }

    fn sign_word(&self, dice: &mut Dice, place: Place) -> String {
        let word = match dice.weighted(&[
            (0, 0.55),
            (1, 0.13),
            (2, 0.1),
            (3, 0.07),
            (4, 0.05),
            (5, 0.03),
            (6, 0.07),
        ]) {
            0 => return self.dressed(dice),
            1 if place == Place::Sign => self.signs.pick(dice).to_owned(),
            2 => number(dice),
            3 => self.random_string(dice),
            4 => self.symbols(dice),
            5 => self.web(dice),
            6 => code(dice),
            _ => self.word(dice).to_owned(),
        };
        cased(dice, &word)
    }

    /// A word as running text has it: now and then with a mark before or after it.
    fn dressed(&self, dice: &mut Dice) -> String {
        let word = self.word(dice);
        let word = cased(dice, word);
        if !dice.chance(0.17) {
            return word;
        }
        let after = [
            ",", ".", "!", "?", ":", ";", ")", "\"", "”", "'s", "’s", "...", "…", "'", "’", "*", "»", "®",
            "™", "-", "/",
        ];
        let before = ["(", "\"", "“", "'", "‘", "#", "@", "*", "-", "–", "&", "«", "•", "¡", "¿", "$", "„"];
        if dice.chance(0.7) {
            format!("{word}{}", dice.pick(&after))
        } else {
            format!("{}{word}", dice.pick(&before))
        }
    }

    fn sign_phrase(&self, dice: &mut Dice) -> String {
        let n = dice.int(2, 4);
        let from_signs = dice.chance(0.6);
        let words: Vec<&str> =
            (0..n).map(|_| if from_signs { self.signs.pick(dice) } else { self.word(dice) }).collect();
        let text = words.join(" ");
        let text = match dice.index(8) {
            0 => format!("{text} {}", number(dice)),
            1 => format!("{} & {}", words[0], words[1]),
            2 => format!("{}'s {}", self.names.pick(dice), words[0]),
            3 => self.company(dice),
            _ => text,
        };
        cased(dice, &text)
    }

    /// Running text of `low..=high` words.
    pub(crate) fn phrase(&self, dice: &mut Dice, low: i64, high: i64) -> String {
        let n = dice.int(low, high);
        let mut text = String::new();
        for i in 0..n {
            if i > 0 {
                text.push_str(dice.weighted(&[
                    (" ", 0.86),
                    (", ", 0.07),
                    (". ", 0.02),
                    (" - ", 0.015),
                    (" – ", 0.01),
                    ("; ", 0.01),
                    (": ", 0.01),
                    (" / ", 0.005),
                ]));
            }
            match dice.weighted(&[(0, 0.8), (1, 0.06), (2, 0.03), (3, 0.03), (4, 0.02), (5, 0.03), (6, 0.03)])
            {
                1 => text.push_str(&number(dice)),
                2 => text.push_str(&date(dice)),
                3 => text.push_str(self.names.pick(dice)),
                4 => text.push_str(&self.symbols(dice)),
                5 => text.push_str(&self.dressed(dice)),
                6 => text.push_str(self.accented.pick(dice)),
                _ => text.push_str(self.word(dice)),
            }
        }
        let text = match dice.weighted(&[(0, 0.5), (1, 0.22), (2, 0.12), (3, 0.16)]) {
            1 => text.to_uppercase(),
            2 => title(&text),
            3 => capitalised(&text),
            _ => text,
        };
        match dice.weighted(&[(0, 0.75), (1, 0.18), (2, 0.03), (3, 0.04)]) {
            1 => format!("{text}."),
            2 => format!("“{text}”"),
            3 => format!("({text})"),
            _ => text,
        }
    }

    /// Characters without sense: what a reader must read letter by letter.
    fn random_string(&self, dice: &mut Dice) -> String {
        // Signs and columns often hold a single character.
        let n = if dice.chance(0.25) { 1 } else { dice.int(2, 10) };
        let kind = dice.weighted(&[(0, 0.2), (1, 0.17), (2, 0.16), (3, 0.17), (4, 0.3)]);
        (0..n)
            .map(|_| match kind {
                0 => self.ascii[dice.index(self.ascii.len())],
                1 => char::from(b'A' + dice.index(26) as u8),
                2 => char::from(b'a' + dice.index(26) as u8),
                3 => char::from(b'0' + dice.index(10) as u8),
                _ if dice.chance(0.5) => self.beyond[dice.index(self.beyond.len())],
                _ => self.ascii[dice.index(self.ascii.len())],
            })
            .collect()
    }

    /// Marks in the company they keep.
    fn symbols(&self, dice: &mut Dice) -> String {
        let n = dice.int(1, 99);
        let m = dice.int(1, 99);
        let word = self.word(dice);
        match dice.index(43) {
            0 => format!("{n}°C"),
            1 => format!("±{n}%"),
            2 => format!("{n}×{m}"),
            3 => format!("{n}÷{m}={}", n / m),
            4 => format!("©{}", dice.int(1970, 2030)),
            5 => format!("{word}®"),
            6 => format!("{word}™"),
            7 => format!("§{n}"),
            8 => format!("«{word}»"),
            9 => format!("“{word}”"),
            10 => format!("‘{word}’"),
            11 => format!("„{word}“"),
            12 => format!("¿{word}?"),
            13 => format!("¡{word}!"),
            14 => format!("{n}{}", dice.pick(&["½", "¼", "¾"])),
            15 => format!("{n}m{}", dice.pick(&["²", "³"])),
            16 => format!("{n}µ{}", dice.pick(&["m", "g", "F", "s"])),
            17 => format!("N{}{n}", dice.pick(&["º", "°", "ª"])),
            18 => format!("¶{n}"),
            19 => format!("{n}¢"),
            20 => format!("• {word}"),
            21 => format!("·{word}·"),
            22 => format!("{n}–{m}"),
            23 => format!("{word} — {}", self.word(dice)),
            24 => format!("{word}…"),
            25 => format!("[{word}]"),
            26 => format!("{{{word}}}"),
            27 => format!("<{word}>"),
            28 => format!("{word}_{n}"),
            29 => format!("~{n}^{m}|{n}"),
            30 => format!("`{word}`\\{n}"),
            31 => format!("{n}{} {m}", dice.pick(&["€", "£", "¥", "¢", "$"])),
            32 => format!(
                "{}{word}{}",
                dice.pick(&["=", "+", "*", "#", "%"]),
                dice.pick(&["=", "+", "*", "#", "%"])
            ),
            33 => format!("{} {n}", dice.pick(&["≤", "≥"])),
            34 => format!("{n} {} {m}", dice.pick(&["≈", "≠"])),
            35 => format!("{word} {} {}", dice.pick(&["→", "←"]), self.word(dice)),
            36 => format!("{word}{}", dice.pick(&["†", "‡", "‡"])),
            37 => format!("{n} ‰"),
            38 => format!("№ {n}"),
            39 => format!("{} {word}", dice.pick(&["■", "■", "□", "□", "✓", "✓"])),
            40 => format!("−{n}"),
            41 => format!("□ {word} ✓ {}", self.word(dice)),
            _ => format!("{n}{}", dice.pick(&["ª", "º", "²", "³"])),
        }
    }

    /// A company's name.
    pub(crate) fn company(&self, dice: &mut Dice) -> String {
        let first = match dice.index(4) {
            0 => self.names.pick(dice),
            1 => self.malay.pick(dice),
            2 => self.signs.pick(dice),
            _ => self.word(dice),
        };
        let trade = dice.pick(&[
            "Trading",
            "Enterprise",
            "Hardware",
            "Restaurant",
            "Mart",
            "Stationery",
            "Bakery",
            "Pharmacy",
            "Motors",
            "Electronics",
            "Foods",
            "Supplies",
            "Industries",
            "Services",
            "Holdings",
            "Cafe",
            "Supermarket",
            "Books",
            "& Sons",
            "& Co.",
            "Group",
            "Design",
            "Textiles",
            "Gift & Deco",
            "Marketing",
        ]);
        let form = dice.pick(&[
            "Sdn Bhd",
            "SDN. BHD.",
            "S/B",
            "(M) Sdn. Bhd.",
            "Ltd",
            "Ltd.",
            "LLC",
            "Inc.",
            "GmbH",
            "S.A.",
            "B.V.",
            "Pte Ltd",
            "PLC",
            "",
            "",
            "Corp.",
            "AG",
            "Oy",
            "AB",
            "S.r.l.",
            "SARL",
            "KG",
        ]);
        let text = format!("{} {trade} {form}", title(first));
        if dice.chance(0.6) { text.to_uppercase() } else { text }
    }

    fn web(&self, dice: &mut Dice) -> String {
        let plain =
            |w: &str| w.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
        let (a, b) = (plain(self.word(dice)), plain(self.names.pick(dice)));
        let end = dice
            .pick(&["com", "com.my", "net", "org", "co.uk", "de", "fr", "es", "io", "gov.my", "eu", "it"]);
        match dice.index(6) {
            0 => format!("www.{a}.{end}"),
            1 => format!("https://{a}.{end}/{b}"),
            2 => format!("{b}@{a}.{end}"),
            3 => format!("{b}.{a}@{b}.{end}"),
            4 => format!("{b}_{}@{a}.{end}", dice.int(1, 99)),
            _ => format!("{a}.{end}"),
        }
    }

    /// A postal address in one line.
    fn address(&self, dice: &mut Dice) -> String {
        let n = dice.int(1, 399);
        let city = title(self.cities.pick(dice));
        match dice.index(8) {
            0 => format!("NO. {n}, JALAN {} {}", self.malay.pick(dice), dice.int(1, 30)),
            1 => format!("NO {n}-G, JLN {} {}/{}", self.malay.pick(dice), dice.int(1, 30), dice.int(1, 30)),
            2 => format!("LOT {n} & {}, {} {}", n + 2, self.malay.pick(dice), self.malay.pick(dice)),
            3 => format!("{n} {} Street, {city} {}", title(self.word(dice)), dice.int(10000, 99999)),
            4 => format!("{}straße {n}, {} {city}", capitalised(self.word(dice)), dice.int(10000, 99999)),
            5 => format!("{n}, rue de {}, {} {city}", title(self.word(dice)), dice.int(10000, 95999)),
            6 => format!("{}, {} {}.", dice.int(10000, 99999), self.malay.pick(dice), self.malay.pick(dice)),
            _ => format!("{n}{} {} Road, {city}", dice.pick(&["", "A", "B", "-1"]), title(self.word(dice))),
        }
    }
}

/// The text with its spaces single and its other characters those of [`LATIN`].
fn clean(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    for c in raw.chars() {
        if c == ' ' {
            if !text.is_empty() && !text.ends_with(' ') {
                text.push(' ');
            }
        } else if latin_index(c).is_some() {
            text.push(c);
        }
    }
    text.truncate(text.trim_end().len());
    text
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
}

fn title(text: &str) -> String {
    text.split(' ').map(|w| capitalised(&w.to_lowercase())).collect::<Vec<_>>().join(" ")
}

/// In one of the cases print has.
pub(crate) fn cased(dice: &mut Dice, text: &str) -> String {
    match dice.weighted(&[(0, 0.3), (1, 0.38), (2, 0.22), (3, 0.07), (4, 0.03)]) {
        1 => text.to_uppercase(),
        2 => title(text),
        3 => text.to_lowercase(),
        4 => text
            .chars()
            .flat_map(|c| {
                if dice.chance(0.5) {
                    c.to_uppercase().collect::<Vec<_>>()
                } else {
                    c.to_lowercase().collect()
                }
            })
            .collect(),
        _ => text.to_owned(),
    }
}

fn digits(dice: &mut Dice, n: i64) -> String {
    (0..n).map(|_| char::from(b'0' + dice.index(10) as u8)).collect()
}

/// An amount with two decimals, most of them small.
pub(crate) fn amount(dice: &mut Dice) -> String {
    let whole = match dice.weighted(&[(0, 0.5), (1, 0.3), (2, 0.15), (3, 0.05)]) {
        0 => dice.int(0, 19),
        1 => dice.int(10, 199),
        2 => dice.int(100, 1999),
        _ => dice.int(1000, 99_999),
    };
    let cents = if dice.chance(0.5) { dice.int(0, 9) * 10 } else { dice.int(0, 99) };
    match dice.weighted(&[(0, 0.82), (1, 0.09), (2, 0.09)]) {
        1 => format!("{whole},{cents:02}"),
        2 if whole > 999 => format!("{},{:03}.{cents:02}", whole / 1000, whole % 1000),
        _ => format!("{whole}.{cents:02}"),
    }
}

/// An amount with its currency.
pub(crate) fn price(dice: &mut Dice) -> String {
    let a = amount(dice);
    match dice.index(14) {
        0 | 1 => format!("RM{a}"),
        2 | 3 => format!("RM {a}"),
        4 | 5 => format!("${a}"),
        6 => format!("£{a}"),
        7 => format!("€{a}"),
        8 => format!("{a} €"),
        9 => format!("¥{}", dice.int(100, 99_999)),
        10 => format!("{a} EUR"),
        11 => format!("-{a}"),
        12 => format!("({a})"),
        _ => format!("USD {a}"),
    }
}

pub(crate) fn date(dice: &mut Dice) -> String {
    let (d, m, y) = (dice.int(1, 28), dice.int(1, 12), dice.int(1990, 2029));
    let month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        [(m - 1) as usize];
    match dice.index(10) {
        0 | 1 => format!("{d:02}/{m:02}/{y}"),
        2 => format!("{d:02}-{m:02}-{y}"),
        3 => format!("{d:02}/{m:02}/{:02}", y % 100),
        4 => format!("{y}-{m:02}-{d:02}"),
        5 => format!("{d:02}.{m:02}.{y}"),
        6 => format!("{d} {month} {y}"),
        7 => format!("{d:02}-{m:02}-{:02}", y % 100),
        8 => format!("{month} {d}, {y}"),
        _ => format!("{d:02}-{}-{y}", month.to_uppercase()),
    }
}

pub(crate) fn time(dice: &mut Dice) -> String {
    let (h, m, s) = (dice.int(0, 23), dice.int(0, 59), dice.int(0, 59));
    match dice.index(5) {
        0 => format!("{h:02}:{m:02}"),
        1 => format!("{h:02}:{m:02}:{s:02}"),
        2 => format!("{}:{m:02}{}", h % 12 + 1, dice.pick(&["AM", "PM", "am", "pm"])),
        3 => format!("{:02}:{m:02}:{s:02} {}", h % 12 + 1, dice.pick(&["AM", "PM"])),
        _ => format!("{h}:{m:02}"),
    }
}

pub(crate) fn phone(dice: &mut Dice) -> String {
    match dice.index(7) {
        0 => format!("03-{}", digits(dice, 8)),
        1 => format!("+6{}-{}", dice.int(1, 9), digits(dice, 9)),
        2 => format!("({}) {}-{}", digits(dice, 3), digits(dice, 3), digits(dice, 4)),
        3 => format!("0{}-{} {}", dice.int(1, 9), digits(dice, 3), digits(dice, 4)),
        4 => format!("+{} {} {}", dice.int(1, 99), digits(dice, 3), digits(dice, 6)),
        5 => format!("1-800-{}-{}", digits(dice, 2), digits(dice, 4)),
        _ => format!("{}-{}", digits(dice, 3), digits(dice, 7)),
    }
}

/// Letters and digits as numbers of goods, bills and cars have them.
pub(crate) fn code(dice: &mut Dice) -> String {
    let letters =
        |dice: &mut Dice, n: i64| (0..n).map(|_| char::from(b'A' + dice.index(26) as u8)).collect::<String>();
    match dice.index(11) {
        0 => {
            let n = dice.int(6, 14);
            digits(dice, n)
        }
        1 => format!("{}{}", letters(dice, 2), digits(dice, 6)),
        2 => format!("({}-{})", digits(dice, 6), letters(dice, 1)),
        3 => format!("{}-{}", letters(dice, 3), digits(dice, 4)),
        4 => format!("#{}", digits(dice, 5)),
        5 => format!("{}/{}", digits(dice, 4), digits(dice, 3)),
        6 => format!("{}{}{}", letters(dice, 1), digits(dice, 2), letters(dice, 1)),
        7 => format!("{}-{}-{}", digits(dice, 3), letters(dice, 2), digits(dice, 4)),
        8 => digits(dice, 13),
        9 => format!("{}{}", digits(dice, 2), letters(dice, 3)),
        _ => {
            let n = dice.int(4, 8);
            (0..n).map(|_| if dice.chance(0.5) { digits(dice, 1) } else { letters(dice, 1) }).collect()
        }
    }
}

/// What stands alone on a sign: a letter or two, a number, both.
pub(crate) fn mark(dice: &mut Dice) -> String {
    let letter = char::from(b'A' + dice.index(26) as u8);
    match dice.weighted(&[(0, 0.45), (1, 0.3), (2, 0.25)]) {
        0 => letter.to_string(),
        1 => dice.int(1, 99).to_string(),
        _ => format!("{letter}{}", dice.int(1, 12)),
    }
}

pub(crate) fn number(dice: &mut Dice) -> String {
    match dice.index(13) {
        0..=2 => {
            let n = dice.int(1, 5);
            digits(dice, n)
        }
        3 => amount(dice),
        4 => price(dice),
        5 => date(dice),
        6 => time(dice),
        7 => format!("{}%", dice.int(1, 100)),
        8 => phone(dice),
        9 => format!("{}.{}", dice.int(0, 99), dice.int(0, 999)),
        10 => format!(
            "{}{}",
            dice.int(1, 999),
            dice.pick(&["KM", "km", "kg", "G", "ML", "ml", "mm", "L", "M", "th", "st", "nd", "PCS", "x"])
        ),
        11 => format!("{},{:03}", dice.int(1, 999), dice.int(0, 999)),
        _ => dice.int(1900, 2035).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::dice::Purpose;

    fn lines(count: u64) -> Vec<String> {
        // The built-in words alone: what every machine has.
        let corpus = Corpus::load(&[]);
        let mut out = Vec::new();
        for i in 0..count {
            let mut dice = Dice::new(5, Purpose::Line, i);
            for place in [Place::Receipt, Place::Document, Place::Sign] {
                for length in [Length::Word, Length::Phrase, Length::Long] {
                    out.push(corpus.line(&mut dice, place, length));
                }
            }
        }
        out
    }

    #[test]
    fn every_line_is_of_the_vocabulary_and_says_something() {
        for line in lines(2000) {
            assert!(!line.is_empty());
            assert!(line.chars().all(|c| LATIN.contains(c)), "{line:?}");
            assert!(!line.contains("  ") && line.trim() == line, "{line:?}");
        }
    }

    #[test]
    fn every_character_of_the_vocabulary_occurs_often_enough_to_be_learnt() {
        let mut counts: HashMap<char, usize> = HashMap::new();
        for c in lines(4000).iter().flat_map(|l| l.chars()) {
            *counts.entry(c).or_default() += 1;
        }
        let rare: Vec<_> = LATIN
            .chars()
            .map(|c| (c, counts.get(&c).copied().unwrap_or(0)))
            .filter(|(_, n)| *n < 20)
            .collect();
        assert!(rare.is_empty(), "too rare in 36,000 lines: {rare:?}");
    }
}
