use std::path::{Path, PathBuf};

use glyphic_zoo::{DEFAULT_DETECTOR, DEFAULT_RECOGNIZER, Task};

use crate::{Applied, Error, ReaderConfig, Result, Weights};

/// The models of a reader, as a user names them: a name of the catalog or a TOML file for each stage, and the weights.
///
/// A stage's weights are those given; else those of the model named; else, for a TOML file, those shipped for the network
/// that it configures.
#[derive(Debug, Default)]
pub struct Models {
    /// The configuration, with what the models named set.
    pub config: ReaderConfig,
    detector: Choice,
    recognizer: Choice,
}

/// What was said of a stage.
#[derive(Debug, Default)]
struct Choice {
    /// The model that set its configuration: a name or a file.
    model: Option<String>,
    weights: Option<Weights>,
}

impl Models {
    /// Takes over what a model of the catalog or a TOML file sets; tells which stages those are.
    ///
    /// # Errors
    /// [`Error::UnknownModel`], and those of [`ReaderConfig::apply_file`].
    pub fn add(&mut self, model: &str) -> Result<Applied> {
        let (applied, weights) = match glyphic_zoo::model(model) {
            Ok(row) => {
                (self.config.apply(row.config(), &row.name)?, Some(Weights::Catalog(row.name.clone())))
            }
            Err(source) if !Path::new(model).exists() => return Err(Error::UnknownModel { source }),
            Err(_) => (self.config.apply_file(model)?, None),
        };
        for (set, task) in [(applied.detector, Task::Detect), (applied.recognizer, Task::Recognize)] {
            if set {
                *self.choice_mut(task) = Choice { model: Some(model.to_owned()), weights: weights.clone() };
            }
        }
        Ok(applied)
    }

    /// As [`Models::add`], for a model of this stage.
    ///
    /// # Errors
    /// [`Error::WrongStage`] for a model that does not set the stage, [`Error::BothStages`] for one that also sets the stage
    /// that another model was named for, and those of [`Models::add`].
    pub fn add_for(&mut self, task: Task, model: &str) -> Result<()> {
        let other = match task {
            Task::Detect => Task::Recognize,
            Task::Recognize => Task::Detect,
        };
        let named = self.choice_mut(other).model.clone();
        let applied = self.add(model)?;
        let (sets, sets_other) = match task {
            Task::Detect => (applied.detector, applied.recognizer),
            Task::Recognize => (applied.recognizer, applied.detector),
        };
        match named {
            _ if !sets => Err(Error::WrongStage { model: model.to_owned(), task }),
            Some(named) if sets_other && named != model => {
                Err(Error::BothStages { model: model.to_owned(), named })
            }
            _ => Ok(()),
        }
    }

    /// Sets the weights of a stage; to be called after its model is named.
    pub fn set_weights(&mut self, task: Task, weights: PathBuf) {
        self.choice_mut(task).weights = Some(Weights::File(weights));
    }

    /// The weights of a stage.
    ///
    /// # Errors
    /// [`Error::NoWeights`] for a TOML file of a network without shipped weights.
    pub fn weights(&self, task: Task) -> Result<Weights> {
        let (choice, default, network) = match task {
            Task::Detect => (&self.detector, DEFAULT_DETECTOR, self.config.detector.name()),
            Task::Recognize => (&self.recognizer, DEFAULT_RECOGNIZER, self.config.recognizer.name()),
        };
        match (&choice.weights, &choice.model) {
            (Some(weights), _) => Ok(weights.clone()),
            (None, None) => Ok(Weights::Catalog(default.to_owned())),
            (None, Some(model)) => match glyphic_zoo::model(network) {
                Ok(row) if row.weights.is_some() => Ok(Weights::Catalog(row.name.clone())),
                _ => Err(Error::NoWeights { model: model.clone(), network }),
            },
        }
    }

    fn choice_mut(&mut self, task: Task) -> &mut Choice {
        match task {
            Task::Detect => &mut self.detector,
            Task::Recognize => &mut self.recognizer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    fn name(weights: Result<Weights>) -> String {
        match weights.unwrap() {
            Weights::Catalog(name) => name,
            Weights::File(path) => path.display().to_string(),
            Weights::Network(graph) => graph.name.clone(),
        }
    }

    #[test]
    fn a_file_of_a_shipped_network_has_its_weights_and_another_needs_some() {
        let shipped = file("[detector.dbnet_lite]\ndecode.min_score = 0.5\n");
        let mut models = Models::default();
        models.add(shipped.path().to_str().unwrap()).unwrap();
        assert_eq!(name(models.weights(Task::Detect)), "dbnet_lite");
        assert_eq!(name(models.weights(Task::Recognize)), "crnn_lite");

        let other = file("[detector.dbnet]\ndecode.min_score = 0.5\n");
        models.add(other.path().to_str().unwrap()).unwrap();
        let error = models.weights(Task::Detect).unwrap_err().to_string();
        assert!(error.contains("configures dbnet") && error.contains("ONNX"), "{error}");
        models.set_weights(Task::Detect, "w.pth".into());
        assert_eq!(name(models.weights(Task::Detect)), "w.pth");
    }

    #[test]
    fn a_model_of_both_stages_replaces_none_that_was_named() {
        let mut models = Models::default();
        models.add_for(Task::Detect, "dbnet_lite").unwrap();
        let error = models.add_for(Task::Recognize, "ppocr_v6_small").unwrap_err().to_string();
        assert!(error.contains("ppocr_v6_small configures both") && error.contains("dbnet_lite"), "{error}");
        let mut models = Models::default();
        models.add_for(Task::Detect, "ppocr_v6_small").unwrap();
        models.add_for(Task::Recognize, "ppocr_v6_small").unwrap();
        models.add_for(Task::Recognize, "crnn_lite").unwrap();
        assert_eq!(name(models.weights(Task::Recognize)), "crnn_lite");
    }

    #[test]
    fn a_model_of_another_stage_and_an_unknown_one_are_refused() {
        let error = Models::default().add_for(Task::Detect, "crnn_lite").unwrap_err().to_string();
        assert_eq!(error, "crnn_lite configures no model to detect");
        let error = Models::default().add("dbnet_light").unwrap_err().to_string();
        assert!(error.contains("dbnet_lite") && error.contains("TOML file that exists"), "{error}");
    }
}
