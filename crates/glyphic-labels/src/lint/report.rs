use std::fmt;

use crate::findings::{Findings, Location, NAMED, Warning};

/// A character that the vocabulary lacks.
#[derive(Debug, Clone, PartialEq)]
pub struct UnknownChar {
    /// The character.
    pub char: char,
    /// How often it occurs.
    pub count: usize,
    /// Where it occurs first.
    pub first: Location,
    /// The text it occurs in first.
    pub text: String,
}

/// A text that CTC cannot write in the time its crop's width gives.
#[derive(Debug, Clone, PartialEq)]
pub struct TooLong {
    /// Where.
    pub at: Location,
    /// The text.
    pub text: String,
    /// Steps it needs, with a blank between equal neighbours.
    pub needed: usize,
    /// Steps that the network has for it.
    pub steps: usize,
}

/// What was found in a pack. Its `Display` says it in words, one finding a line.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LintReport {
    /// Sentences were looked at, not pictures.
    pub sentences: bool,
    /// Samples looked at: pictures of a detection pack, crops of a recognition pack or of `lint_texts`.
    pub samples: usize,
    /// Samples that recognition can be trained on; `None` where only pictures or sentences were looked at.
    pub usable: Option<usize>,
    /// Characters outside the vocabulary, the most frequent first.
    pub unknown_chars: Vec<UnknownChar>,
    /// Texts longer than CTC's time steps.
    pub too_long: Findings<TooLong>,
    /// Labels without a text that are not ignored.
    pub empty: Findings<Location>,
    /// Pictures that are missing, broken, or not of the size that the label says; with the reason.
    pub broken: Findings<String>,
    /// Annotations outside their picture; with the reason.
    pub outside: Findings<String>,
    /// Polygons that are none (self-crossing ones among them) and entities that do not stand where they are said to, and what
    /// was made of them.
    pub polygons: Findings<Warning>,
    /// Labels that cannot be read; with the reason.
    pub labels: Findings<String>,
    /// Pictures that EXIF turns or mirrors: a label made by a tool that shows them unturned does not fit.
    pub turned: Findings<Location>,
    /// Pictures of the same bytes, or sentences of the same words, as one of another split: where, and where the other.
    pub shared: Findings<(Location, Location)>,
    /// Those like one before them in the same split.
    pub repeated: Findings<(Location, Location)>,
}

impl LintReport {
    /// Whether nothing was found.
    pub fn is_clean(&self) -> bool {
        self.unknown_chars.is_empty()
            && self.too_long.count == 0
            && self.empty.count == 0
            && self.broken.count == 0
            && self.outside.count == 0
            && self.polygons.count == 0
            && self.labels.count == 0
            && self.turned.count == 0
            && self.shared.count == 0
            && self.repeated.count == 0
    }

    /// How much was found, in all.
    pub fn count(&self) -> usize {
        let unknown: usize = self.unknown_chars.iter().map(|u| u.count).sum();
        unknown
            + self.too_long.count
            + self.empty.count
            + self.broken.count
            + self.outside.count
            + self.polygons.count
            + self.labels.count
            + self.turned.count
            + self.shared.count
            + self.repeated.count
    }
}

impl fmt::Display for LintReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.usable {
            Some(usable) => writeln!(f, "{} samples, {usable} can be trained on", self.samples)?,
            None => writeln!(f, "{} samples", self.samples)?,
        }
        for u in self.unknown_chars.iter().take(NAMED) {
            writeln!(
                f,
                "the vocabulary lacks {:?} (U+{:04X}): {} times, first at {} in {:?}",
                u.char, u.char as u32, u.count, u.first, u.text
            )?;
        }
        more(f, self.unknown_chars.len(), "characters that the vocabulary lacks")?;
        for t in &self.too_long.first {
            writeln!(f, "{}: {:?} needs {} time steps, its width gives {}", t.at, t.text, t.needed, t.steps)?;
        }
        more(f, self.too_long.count, "texts too long for their width")?;
        self.empty.first.iter().try_for_each(|at| writeln!(f, "{at}: the text is empty"))?;
        more(f, self.empty.count, "empty texts")?;
        self.broken.first.iter().try_for_each(|b| writeln!(f, "{b}"))?;
        more(f, self.broken.count, "broken pictures")?;
        self.outside.first.iter().try_for_each(|o| writeln!(f, "{o}"))?;
        more(f, self.outside.count, "annotations outside their picture")?;
        self.polygons.first.iter().try_for_each(|w| writeln!(f, "{w}"))?;
        more(
            f,
            self.polygons.count,
            if self.sentences { "entities out of place" } else { "broken polygons" },
        )?;
        self.labels.first.iter().try_for_each(|l| writeln!(f, "{l}"))?;
        more(f, self.labels.count, "labels that cannot be read")?;
        let turned = "EXIF turns the picture; make sure that its label is of the upright one";
        self.turned.first.iter().try_for_each(|at| writeln!(f, "{at}: {turned}"))?;
        more(f, self.turned.count, "pictures that EXIF turns")?;
        let twins = |f: &mut fmt::Formatter<'_>, pairs: &Findings<(Location, Location)>, what: &str| {
            pairs.first.iter().try_for_each(|(at, other)| writeln!(f, "{at}: {what}, {other}"))
        };
        let what = if self.sentences { "sentence" } else { "picture" };
        twins(f, &self.shared, &format!("the same {what} as in another split"))?;
        more(f, self.shared.count, &format!("{what}s of another split"))?;
        twins(f, &self.repeated, &format!("the same {what} as before"))?;
        more(f, self.repeated.count, &format!("{what}s that occur twice"))
    }
}

fn more(f: &mut fmt::Formatter<'_>, count: usize, what: &str) -> fmt::Result {
    match count.checked_sub(NAMED) {
        None | Some(0) => Ok(()),
        Some(rest) => writeln!(f, "... and {rest} more {what}"),
    }
}
