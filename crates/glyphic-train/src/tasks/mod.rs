//! Training by task. What all detectors share (sources of pages, validation by hmean) lies in `detect`, what all recognizers
//! share in `recognize`.

mod dbnet;
mod detect;
mod detector;
mod extract;
mod ner;
mod recognize;
mod source;

use glyphic_detect::DetectorConfig;
use glyphic_extract::{EntityConfig, ExtractorConfig};

use crate::config::{Batches, TrainConfig};
use crate::model::ModelConfig;
use crate::observer::{Observer, Summary};
use crate::{Error, Result};

/// Builds the configured model with its data and trains it.
pub(crate) fn train(config: &TrainConfig, observer: &mut dyn Observer) -> Result<Summary> {
    config.model.validate()?;
    match (&config.model, &config.batches) {
        (ModelConfig::Detector(detector), Batches::Detection(batches)) => match detector {
            DetectorConfig::Dbnet(model) | DetectorConfig::DbnetLite(model) => {
                dbnet::train(model, detector.clone(), batches, config, observer)
            }
            DetectorConfig::Psenet(model) => {
                detector::train(model, detector.clone(), batches, config, observer)
            }
            DetectorConfig::Panet(model) => {
                detector::train(model, detector.clone(), batches, config, observer)
            }
            DetectorConfig::Ppocr(_) => Err(source::foreign(detector.name())),
            DetectorConfig::Textsnake(model) => {
                detector::train(model, detector.clone(), batches, config, observer)
            }
            DetectorConfig::Fcenet(model) => {
                detector::train(model, detector.clone(), batches, config, observer)
            }
            DetectorConfig::Drrg(model) => {
                detector::train(model, detector.clone(), batches, config, observer)
            }
            DetectorConfig::MaskRcnn(model) => {
                detector::train(model, detector.clone(), batches, config, observer)
            }
        },
        (ModelConfig::Recognizer(recognizer), Batches::Recognition(batches)) => {
            recognizer.visit(recognize::Train { batches, config, observer })
        }
        (ModelConfig::Extractor(ExtractorConfig::Sdmgr(model)), Batches::Extraction(batches)) => {
            extract::train(model, batches, config, observer)
        }
        (ModelConfig::Entities(EntityConfig::BertSoftmax(model)), Batches::Sentences(batches)) => {
            ner::train(model, batches, config, observer)
        }
        _ => Err(Error::Config {
            path: config.run.out.clone(),
            reason: "`batches` are those of another task than the model's".to_owned(),
        }),
    }
}
