//! What is wrong with the crops of a pack, told before a recognizer is trained on them.

use glyphic_core::Vocab;
use glyphic_labels::LineInput;
use glyphic_labels::lint::{LintReport, TextCheck};
use rayon::prelude::*;

use crate::{Error, Result, TextCrops};

/// Looks at every text and crop as a recognizer with this vocabulary and input will: characters it lacks, texts
/// too long for CTC, empty texts, pictures that cannot be decoded.
///
/// # Errors
/// None of the findings is an error; only an index beyond the end would be.
pub fn lint_texts(crops: &TextCrops, vocab: &Vocab, input: LineInput) -> Result<LintReport> {
    let polygons = crops.pack().all_warnings().clone();
    let mut report = LintReport { samples: crops.len(), polygons, ..LintReport::default() };
    let sizes: Vec<Result<(u32, u32)>> = (0..crops.len())
        .into_par_iter()
        .map(|i| crops.get(i).map(|sample| sample.crop()).map(|crop| (crop.width(), crop.height())))
        .collect();
    let mut check = TextCheck::new(vocab, input);
    for (i, size) in sizes.into_iter().enumerate() {
        let (text, at) = (crops.text(i)?, crops.location(i)?);
        if text.trim().is_empty() {
            report.empty.add(at.clone());
        }
        let size = match size {
            Ok(size) => Some(size),
            Err(error @ Error::Labels(glyphic_labels::Error::Label { .. })) => {
                report.outside.add(error.to_string());
                None
            }
            Err(error) => {
                report.broken.add(error.to_string());
                None
            }
        };
        if check.text(text, &at, size, &mut report) && size.is_some() {
            check.count_usable();
        }
    }
    check.finish(&mut report);
    Ok(report)
}

#[cfg(test)]
mod tests;
