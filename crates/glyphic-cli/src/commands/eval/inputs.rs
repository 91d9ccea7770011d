//! The two sides of an evaluation: truth in any format of labels, predictions in anybody's.

use std::path::Path;

use anyhow::anyhow;
use glyphic_eval::{
    ClassifiedPage, EntityText, NamedPage, PredictedCrop, PredictedPage, PredictedText,
    read_classified_pages, read_entity_texts, read_predicted_crops, read_predicted_pages,
};
use glyphic_labels::formats::{Format, Kind, ReadOptions, Reader, Truth};

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
            Some((name, glyphic_core::Page { instances, ..glyphic_core::Page::new(width, height) }))
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

/// Predictions in one of their own shapes, or in labels: those of a format that is named, or that no prediction looks like.
fn predictions<T>(
    path: &Path,
    format: Option<Format>,
    read: impl Fn(&Path) -> glyphic_eval::Result<Vec<T>>,
    labels: impl Fn(Option<Format>) -> Result<Vec<T>, Failure>,
) -> Result<Vec<T>, Failure> {
    if format.is_some() {
        return labels(format);
    }
    let error = match read(path) {
        Ok(predictions) => return Ok(predictions),
        Err(error) => anyhow::Error::from(error),
    };
    match Format::detect(path) {
        Ok(format) if !looks_like_predictions(path, format) => labels(None),
        Ok(format) if matches!(format, Format::MmocrDet | Format::LabelStudio) => {
            let hint = format!("{error:#}; if it holds labels, --pred-format {format} reads them");
            Err(Failure { exit: Exit::Input, error: anyhow!(hint) })
        }
        _ => Err(error).or_exit(Exit::Input),
    }
}

/// A prediction file with an error must not be read as labels without content or scores.
fn looks_like_predictions(path: &Path, format: Format) -> bool {
    match format {
        Format::Pack => !path.join("labels.tsv").is_file(),
        Format::MmocrDet | Format::MmocrRec | Format::LabelStudio => true,
        _ => false,
    }
}

/// Predicted pages, or the labels that other tools write as their results.
pub(super) fn predicted_pages(path: &Path, format: Option<Format>) -> Result<Vec<PredictedPage>, Failure> {
    let labels = |format| Ok(truth_pages(path, format)?.into_iter().map(predicted).collect());
    predictions(path, format, |path| read_predicted_pages(path), labels)
}

/// The classes of boxes, or labels that hold them.
pub(super) fn classified_pages(path: &Path, format: Option<Format>) -> Result<Vec<ClassifiedPage>, Failure> {
    let classified = |(file_name, page): NamedPage| {
        let label = |(i, instance): (usize, glyphic_core::TextInstance)| {
            instance.label.ok_or_else(|| {
                anyhow!("{file_name}: box {i} has no class; labels with a class each are needed")
            })
        };
        let labels = page.instances.into_iter().enumerate().map(label).collect::<anyhow::Result<_>>()?;
        Ok(ClassifiedPage { file_name: Some(file_name), labels, classes: 0 })
    };
    let labels = |format| {
        let pages = truth_pages(path, format)?.into_iter().map(classified);
        pages.collect::<anyhow::Result<Vec<_>>>().or_exit(Exit::Input)
    };
    predictions(path, format, |path| read_classified_pages(path), labels)
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
pub(super) fn predicted_crops(path: &Path, format: Option<Format>) -> Result<Vec<PredictedCrop>, Failure> {
    let crop = |(file_name, text)| PredictedCrop { file_name: Some(file_name), text, score: 1.0 };
    let labels = |format| Ok(truth_texts(path, format)?.into_iter().map(crop).collect());
    predictions(path, format, |path| read_predicted_crops(path), labels)
}
