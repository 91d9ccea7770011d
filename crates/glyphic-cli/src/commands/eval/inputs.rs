//! The two sides of an evaluation: truth in any format of labels, predictions in anybody's.

use std::path::Path;

use anyhow::anyhow;
use glyphic_data::formats::{Format, Kind, ReadOptions, Reader, Truth};
use glyphic_eval::{
    EntityText, NamedPage, PredictedCrop, PredictedPage, PredictedText, read_entity_texts,
    read_predicted_crops, read_predicted_pages,
};

use crate::exit::{Exit, Failure, OrExit};

/// So many warnings are listed, the others counted.
const LISTED: usize = 10;

/// What the labels say, without a look at the pictures, and their warnings on standard error.
fn labels<T>(
    path: &Path,
    wanted: Kind,
    format: Option<Format>,
    take: impl Fn(String, Truth, Option<(u32, u32)>) -> Option<T>,
) -> Result<Vec<T>, Failure> {
    let options = ReadOptions { format, ..ReadOptions::default() };
    let mut reader = Reader::open(path, &options).or_exit(Exit::Input)?;
    let mut all = Vec::new();
    for record in reader.by_ref() {
        let record = record.or_exit(Exit::Input)?;
        let (found, at) = (record.truth.kind(), record.at);
        match take(record.file_name, record.truth, record.size) {
            Some(one) => all.push(one),
            None => {
                let error = anyhow!("{at}: the labels are {found}, this needs {wanted}");
                return Err(Failure { exit: Exit::Input, error });
            }
        }
    }
    let warnings = reader.warnings();
    for warning in warnings.first.iter().take(LISTED) {
        eprintln!("warning: {warning}");
    }
    if warnings.count > LISTED {
        eprintln!("and {} more warnings", warnings.count - LISTED);
    }
    Ok(all)
}

/// Regions of text, by file name.
pub(super) fn truth_pages(path: &Path, format: Option<Format>) -> Result<Vec<NamedPage>, Failure> {
    labels(path, Kind::Instances, format, |name, truth, size| match truth {
        Truth::Instances(instances) => {
            let (width, height) = size.unwrap_or_default();
            Some((name, glyphic_core::Page { width, height, instances, lines: Vec::new() }))
        }
        _ => None,
    })
}

/// Texts of crops, by file name.
pub(super) fn truth_texts(path: &Path, format: Option<Format>) -> Result<Vec<(String, String)>, Failure> {
    labels(path, Kind::Text, format, |name, truth, _| match truth {
        Truth::Text(text) => Some((name, text)),
        _ => None,
    })
}

/// Sentences with entities. The positions count as they stand, whatever the sentence says there.
pub(super) fn entity_texts(path: &Path) -> Result<Vec<EntityText>, Failure> {
    read_entity_texts(path).or_exit(Exit::Input)
}

/// Predicted pages, or the labels that other tools write as their results.
pub(super) fn predicted_pages(path: &Path) -> Result<Vec<PredictedPage>, Failure> {
    match read_predicted_pages(path) {
        Err(_) if is_labels(path) => Ok(truth_pages(path, None)?.into_iter().map(predicted).collect()),
        pages => pages.or_exit(Exit::Input),
    }
}

fn predicted((file_name, page): NamedPage) -> PredictedPage {
    let text = |i: glyphic_core::TextInstance| PredictedText {
        outline: i.region.polygon.points().to_vec(),
        score: f64::from(i.region.score),
        text: i.transcript.map(|t| t.text),
        label: i.label,
    };
    // ICDAR's results for `img_1.jpg` are called `res_img_1.txt`.
    let name = file_name.strip_prefix("res_").unwrap_or(&file_name).to_owned();
    PredictedPage {
        file_name: Some(name),
        instances: page.instances.into_iter().map(text).collect(),
        lines: Vec::new(),
    }
}

/// Predicted texts, or labels of crops.
pub(super) fn predicted_crops(path: &Path) -> Result<Vec<PredictedCrop>, Failure> {
    let crop = |(file_name, text)| PredictedCrop { file_name: Some(file_name), text, score: 1.0 };
    match read_predicted_crops(path) {
        Err(_) if is_labels(path) => Ok(truth_texts(path, None)?.into_iter().map(crop).collect()),
        crops => crops.or_exit(Exit::Input),
    }
}

/// Whether the path holds labels of a kind that no prediction file looks like. A prediction file with an error must not be
/// read as labels without content.
fn is_labels(path: &Path) -> bool {
    let alike = |f| matches!(f, Format::Pack | Format::MmocrDet | Format::MmocrRec | Format::LabelStudio);
    Format::detect(path).is_ok_and(|format| !alike(format))
}
