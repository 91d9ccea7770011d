use serde_json::Value;

use crate::dataset::Info;
use crate::{Error, Result};
use glyphic_labels::Error as LabelError;
use glyphic_labels::Location;
use glyphic_labels::json;

/// Which ends of a line are stripped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StripPosition {
    /// Both.
    #[default]
    Both,
    /// The start.
    Left,
    /// The end.
    Right,
}

/// Takes characters off the ends of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StringStrip {
    /// Whether anything is done.
    pub strip: bool,
    /// Where.
    pub position: StripPosition,
    /// Which characters; white space when `None`.
    pub chars: Option<String>,
}

impl Default for StringStrip {
    /// White space at both ends.
    fn default() -> Self {
        Self { strip: true, position: StripPosition::Both, chars: None }
    }
}

impl StringStrip {
    /// The line without them.
    pub fn apply<'a>(&self, line: &'a str) -> &'a str {
        if !self.strip {
            return line;
        }
        let dropped = |c: char| match &self.chars {
            Some(chars) => chars.contains(c),
            // Python counts the four separators of ASCII as white space as well.
            None => c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c),
        };
        match self.position {
            StripPosition::Both => line.trim_matches(dropped),
            StripPosition::Left => line.trim_start_matches(dropped),
            StripPosition::Right => line.trim_end_matches(dropped),
        }
    }
}

/// Divides a line into columns and names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineStrParser {
    keys: Vec<String>,
    columns: Vec<usize>,
    separator: String,
    /// What is taken off the ends of a line first.
    pub strip: StringStrip,
    /// Every separator divides, as in MMOCR 0.2.1, where `img two words` is labelled `two`. Else the last column that is
    /// asked for has the rest of the line, so that spaces in a text survive.
    pub split_every: bool,
}

impl Default for LineStrParser {
    /// `filename` and `text`, divided by a space.
    fn default() -> Self {
        Self {
            keys: vec!["filename".to_owned(), "text".to_owned()],
            columns: vec![0, 1],
            separator: " ".to_owned(),
            strip: StringStrip::default(),
            split_every: false,
        }
    }
}

impl LineStrParser {
    /// A parser that calls column `columns[i]`, counted from 0, `keys[i]`.
    ///
    /// # Errors
    /// [`Error::Setup`] for no keys, another number of columns, or an empty separator.
    pub fn new(keys: Vec<String>, columns: Vec<usize>, separator: impl Into<String>) -> Result<Self> {
        let separator = separator.into();
        let fail = |reason: String| Err(Error::Setup { what: "LineStrParser", reason });
        if keys.is_empty() || keys.len() != columns.len() {
            return fail(format!("{} keys for {} columns, one each is needed", keys.len(), columns.len()));
        }
        if separator.is_empty() {
            return fail("the separator is empty".to_owned());
        }
        Ok(Self { keys, columns, separator, ..Self::default() })
    }

    /// The columns of a line.
    ///
    /// # Errors
    /// [`Error::Labels`] for a line of fewer columns.
    pub fn parse(&self, line: &str, at: &Location) -> Result<Info> {
        let line = self.strip.apply(line);
        let last = self.columns.iter().copied().max().unwrap_or(0);
        let columns: Vec<&str> = match self.split_every {
            true => line.split(&self.separator).collect(),
            false => line.splitn(last + 1, &self.separator).collect(),
        };
        if columns.len() <= last {
            return Err(Error::from(LabelError::Label {
                at: at.clone(),
                reason: format!("column {last} is asked for, but {line:?} has {}", columns.len()),
                expected: "the columns that the keys name, divided by the separator",
            }));
        }
        Ok(self.keys.iter().zip(&self.columns).map(|(k, c)| (k.clone(), columns[*c].into())).collect())
    }
}

/// Takes members out of a line's JSON object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineJsonParser {
    keys: Vec<String>,
}

impl LineJsonParser {
    /// A parser that keeps these members, all of which must be there.
    ///
    /// # Errors
    /// [`Error::Setup`] for no keys.
    pub fn new(keys: Vec<String>) -> Result<Self> {
        if keys.is_empty() {
            return Err(Error::Setup { what: "LineJsonParser", reason: "there are no keys".to_owned() });
        }
        Ok(Self { keys })
    }

    /// The members of a line.
    ///
    /// # Errors
    /// [`Error::Labels`] for a line that is no JSON object or lacks a member.
    pub fn parse(&self, line: &str, at: &Location) -> Result<Info> {
        const EXPECTED: &str = "a JSON object with the members that the keys name";
        let mut object: Info = json::parse_unique(line.as_bytes(), at, EXPECTED)?;
        let take = |key: &String| -> Result<(String, Value)> {
            let value = object.remove(key).ok_or_else(|| {
                Error::from(LabelError::Label {
                    at: at.clone(),
                    reason: format!("the object has no {key:?}"),
                    expected: EXPECTED,
                })
            })?;
            Ok((key.clone(), value))
        };
        self.keys.iter().map(take).collect()
    }
}

/// How a loader makes an annotation of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parser {
    /// Columns.
    LineStr(LineStrParser),
    /// JSON.
    LineJson(LineJsonParser),
}

impl Parser {
    /// The annotation of a line.
    ///
    /// # Errors
    /// [`Error::Labels`].
    pub fn parse(&self, line: &str, at: &Location) -> Result<Info> {
        match self {
            Self::LineStr(parser) => parser.parse(line, at),
            Self::LineJson(parser) => parser.parse(line, at),
        }
    }
}
