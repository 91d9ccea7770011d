use std::collections::HashMap;

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

/// Characters of glyphic's default line recognizer: printable ASCII with the space, currency signs,
/// Latin-1 letters and common typographic marks. The order is that of the shipped weights.
pub const LATIN: &str = concat!(
    " 0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
    "£€¥¢§°±·×÷©®™«»¿¡ªº²³¼½¾µ¶",
    "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõöøùúûüýþÿ",
    "ŒœŠšŽžŸ–—‘’“”„•…",
);

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
