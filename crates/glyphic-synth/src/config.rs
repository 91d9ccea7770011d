use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Share of signs that curve.
pub(crate) const CURVED: f32 = 0.13;

/// Where fonts and words come from, and the seed that fixes every picture.
///
/// The same seed, fonts and word lists give the same sample at the same index, whatever thread draws it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SynthConfig {
    /// Fixes every picture together with the sample's index.
    pub seed: u64,
    /// Folders searched, with their subfolders, for TTF, OTF and TTC files.
    pub font_dirs: Vec<PathBuf>,
    /// Folders of word lists, one word a line, UTF-8. A missing folder is no error: a small list is built in.
    pub word_dirs: Vec<PathBuf>,
    /// Folders of photographs without text (JPEG, PNG), searched with their subfolders, to set text upon: pieces of them
    /// stand behind signs in two thirds of the street scenes and in a third of the crops of signs. None by default: walls,
    /// leaves and windows are drawn then. Each is held in memory at 640 pixels or less, some 0.7 MB.
    pub ground_dirs: Vec<PathBuf>,
    /// Lowest crop in pixels, 8 to 512.
    pub min_line_height: u32,
    /// Highest crop in pixels, `min_line_height` to 512.
    pub max_line_height: u32,
    /// Widest crop in pixels, 64 to 20,000; longer text is drawn narrower or cut to fewer words.
    pub max_line_width: u32,
    /// Shortest longer side of a page in pixels, 200 to 4,000.
    pub min_page_side: u32,
    /// Longest side of a page in pixels, `min_page_side` to 4,000.
    pub max_page_side: u32,
    /// How often pages of each kind come.
    pub pages: PageShares,
    /// Share of a scene's signs of one line that curve, and of the crops of signs, 0 to 1.
    pub curved: f32,
    /// Share of line crops that are single words of signs, 0 to 1; the others are mixed as [`LineSynth`](crate::LineSynth)
    /// says.
    pub sign_words: f32,
    /// Whether pictures suffer blur, noise, compression and the like. Off, ink and ground are flat colours.
    pub degrade: bool,
}

/// How often pages of each kind come, by their share of the sum.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PageShares {
    /// Receipts, scanned or photographed on a table.
    pub receipts: f32,
    /// Documents: running text, headings and lists.
    pub documents: f32,
    /// Scenes: signs before a street or room.
    pub scenes: f32,
}

impl Default for PageShares {
    fn default() -> Self {
        Self { receipts: 0.4, documents: 0.15, scenes: 0.45 }
    }
}

impl Default for SynthConfig {
    /// System folders; line crops of 24 to 64 pixels, the heights that crops of receipts and signs have;
    /// pages of 400 to 1,600 pixels.
    fn default() -> Self {
        Self {
            seed: 0,
            font_dirs: vec![PathBuf::from("/usr/share/fonts"), PathBuf::from("/usr/local/share/fonts")],
            word_dirs: vec![PathBuf::from("/usr/share/dict")],
            ground_dirs: Vec::new(),
            min_line_height: 24,
            max_line_height: 64,
            max_line_width: 3200,
            min_page_side: 400,
            max_page_side: 1600,
            pages: PageShares::default(),
            curved: CURVED,
            sign_words: 0.0,
            degrade: true,
        }
    }
}

impl SynthConfig {
    /// The same settings, drawing other samples for each `seed`.
    pub fn reseeded(self, seed: u64) -> Self {
        Self { seed: self.seed.wrapping_add(seed), ..self }
    }

    pub(crate) fn validate(&self) -> Result<()> {
        let PageShares { receipts, documents, scenes } = self.pages;
        let shares = [receipts, documents, scenes];
        if shares.iter().any(|share| !(share.is_finite() && *share >= 0.0))
            || shares.iter().sum::<f32>() <= 0.0
        {
            return Err(Error::Config {
                field: "pages",
                value: format!("{shares:?}"),
                expected: "shares of receipts, documents and scenes, none below 0 and one above",
            });
        }
        for (field, share) in [("curved", self.curved), ("sign_words", self.sign_words)] {
            if !(0.0..=1.0).contains(&share) {
                return Err(Error::Config { field, value: share.to_string(), expected: "0 to 1" });
            }
        }
        let check = |field, value: u32, low: u32, high: u32, expected| {
            if (low..=high).contains(&value) {
                Ok(())
            } else {
                Err(Error::Config { field, value: value.to_string(), expected })
            }
        };
        check("min_line_height", self.min_line_height, 8, 512, "8 to 512 pixels")?;
        check(
            "max_line_height",
            self.max_line_height,
            self.min_line_height,
            512,
            "`min_line_height` to 512 pixels",
        )?;
        check("max_line_width", self.max_line_width, 64, 20_000, "64 to 20,000 pixels")?;
        check("min_page_side", self.min_page_side, 200, 4000, "200 to 4,000 pixels")?;
        check(
            "max_page_side",
            self.max_page_side,
            self.min_page_side,
            4000,
            "`min_page_side` to 4,000 pixels",
        )
    }
}
