use std::{collections::HashMap, fs, path::Path};

use crate::{Error, Result};

/// What a class index stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Symbol {
    /// A character to read.
    Char(char),
    /// CTC's "nothing here".
    Blank,
    /// Start of a sequence (and its end, where a model uses one class for both).
    Start,
    /// End of a sequence.
    End,
    /// Padding.
    Pad,
    /// A character outside the vocabulary.
    Unknown,
}

/// Class index to symbol. The order is the checkpoint's class order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vocab {
    symbols: Vec<Symbol>,
    index: HashMap<char, usize>,
}

/// MMOCR's DICT36: digits and lower-case letters.
pub const DICT36: &str = "0123456789abcdefghijklmnopqrstuvwxyz";

/// MMOCR's DICT90: digits, lower- and upper-case letters, ASCII punctuation; no space, caret, braces or bar.
pub const DICT90: &str =
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ!\"#$%&'()*+,-./:;<=>?@[\\]_`~";

/// Characters of glyphic's default line recognizer: printable ASCII with the space, currency signs, the letters of the
/// Latin alphabets of Europe and Turkey, common typographic marks and signs. The order is that of the shipped weights.
pub const LATIN: &str = concat!(
    " 0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
    "£€¥¢§°±·×÷©®™«»¿¡ªº²³¼½¾µ¶",
    "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõöøùúûüýþÿ",
    "ŒœŠšŽžŸ–—‘’“”„•…",
    "ĀāĂăĄąĆćČčĎďĐđĒēĖėĘęĚěĞğĢģĪīĮįİıĶķĹĺĻļĽľŁłŃńŅņŇňŐőŔŕŘřŚśŞşŢţŤťŪūŮůŰűŲųŹźŻżȘșȚț",
    "−≤≥≈≠→←†‡‰№■□✓",
);

/// The characters of a dictionary file, in order: see [`parse_dict`].
///
/// # Errors
/// [`Error::Read`], and those of [`parse_dict`].
pub fn read_dict(path: impl AsRef<Path>) -> Result<String> {
    let path = path.as_ref();
    let bytes = fs::read(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    parse_dict(&bytes, &path.display().to_string())
}

/// The characters of a dictionary, in order: UTF-8, one character a line. A line of one space is the space; empty lines
/// are passed over, as MMOCR does. `name` stands in errors only.
///
/// # Errors
/// [`Error::Dict`] with the line that is not UTF-8, holds more than one character or repeats one, and for a dictionary
/// without characters.
pub fn parse_dict(bytes: &[u8], name: &str) -> Result<String> {
    let fail = |line: usize, reason: String| Error::Dict { name: name.to_owned(), line, reason };
    let text = std::str::from_utf8(bytes).map_err(|e| {
        let line = bytes[..e.valid_up_to()].iter().filter(|b| **b == b'\n').count() + 1;
        fail(line, "it is not UTF-8".to_owned())
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut first_lines = HashMap::new();
    let mut chars = String::new();
    for (line, content) in text.split('\n').enumerate().map(|(i, l)| (i + 1, l.trim_end_matches('\r'))) {
        let mut symbols = content.chars();
        let Some(c) = symbols.next() else { continue };
        if symbols.next().is_some() {
            return Err(fail(line, format!("{content:?} is more than one character, one a line is right")));
        }
        if let Some(first) = first_lines.insert(c, line) {
            return Err(fail(line, format!("the character {c:?} stands on line {first} already")));
        }
        chars.push(c);
    }
    if chars.is_empty() {
        return Err(fail(1, "the dictionary holds no character, one a line is right".to_owned()));
    }
    Ok(chars)
}

impl Vocab {
    /// A vocabulary from its classes in order.
    ///
    /// # Errors
    /// [`Error::Vocab`] where a character occurs twice.
    pub fn new(symbols: Vec<Symbol>) -> Result<Self> {
        let mut index = HashMap::new();
        for (i, symbol) in symbols.iter().enumerate() {
            if let Symbol::Char(c) = symbol
                && let Some(first) = index.insert(*c, i)
            {
                return Err(Error::Vocab {
                    reason: format!("the character {c:?} is class {first} and class {i}"),
                });
            }
        }
        Ok(Self { symbols, index })
    }

    /// CTC's layout: blank at 0, then the characters.
    ///
    /// # Errors
    /// [`Error::Vocab`] where a character occurs twice.
    pub fn ctc(chars: &str) -> Result<Self> {
        Self::new(std::iter::once(Symbol::Blank).chain(chars.chars().map(Symbol::Char)).collect())
    }

    /// Number of classes.
    pub fn len(&self) -> usize {
        self.symbols.len()
    }

    /// Whether there is no class.
    pub fn is_empty(&self) -> bool {
        self.symbols.is_empty()
    }

    /// The symbol of a class, `None` beyond the last.
    pub fn symbol(&self, index: usize) -> Option<Symbol> {
        self.symbols.get(index).copied()
    }

    /// The class of a character.
    pub fn index_of(&self, c: char) -> Option<usize> {
        self.index.get(&c).copied()
    }

    /// The first class of a special symbol.
    pub fn special(&self, symbol: Symbol) -> Option<usize> {
        self.symbols.iter().position(|s| *s == symbol)
    }

    /// All classes in order.
    pub fn symbols(&self) -> &[Symbol] {
        &self.symbols
    }

    /// The classes of a text.
    ///
    /// # Errors
    /// The first character that has no class, with its position in characters.
    pub fn encode(&self, text: &str) -> Result<Vec<usize>, (usize, char)> {
        text.chars().enumerate().map(|(i, c)| self.index_of(c).ok_or((i, c))).collect()
    }
}
