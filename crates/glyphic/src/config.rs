use std::{fs, path::Path};

use glyphic_core::{Confidence, from_toml_over};
use glyphic_detect::{DetectorConfig, dbnet::DbLevel};
use glyphic_extract::{EntityConfig, ExtractorConfig};
use glyphic_recognize::{BeamConfig, Decoding, RecognizerConfig};
use serde::{Deserialize, Serialize};

use crate::{Error, Orientation, Result};

/// How a page is read: its models' networks and what happens between them.
///
/// In TOML, `[detector.NAME]`, `[recognizer.NAME]` and `[reading]`. A key that is set changes that key and nothing else:
/// inside a model the others have that model's defaults. The default is the models whose weights are shipped.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ReaderConfig {
    /// What finds text.
    pub detector: DetectorConfig,
    /// What reads it.
    pub recognizer: RecognizerConfig,
    /// What happens between the two, and after.
    pub reading: ReadingConfig,
}

/// What happens between the stages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReadingConfig {
    /// Margin of a crop on each side of its region, in heights of the region; negative values cut into the region. -0.25
    /// to 1.
    pub crop_margin: f64,
    /// A region read with less confidence is read again, from a crop that is `reread_stretch` times as wide and then with each of
    /// `reread_margins`, until it reaches it; the reading with the highest confidence counts. Of a line whose doubtful words are the
    /// smaller part, these alone. 0 (never) to 1.
    pub reread_below: f32,
    /// Narrow print has more room for each character in a wider crop. For regions four times as long as high, and longer. 1 (no such
    /// reading) to 3.
    pub reread_stretch: f64,
    /// Margins of those readings, as `crop_margin`.
    pub reread_margins: Vec<f64>,
    /// How sure a word is of its characters.
    pub confidence: Confidence,
    /// Regions whose words are read with less confidence, on average by their length, are dropped; 0 to 1.
    pub min_text_score: f32,
    /// The same for regions of 12 letters and digits or more: noise reads as fewer, so that a long text is one however unsure. 0 to 1;
    /// a lower `min_text_score` counts for them, too.
    pub min_long_text_score: f32,
    /// The same for regions that stand like lines among others: as high as most words of a page of 20 words or more, surely found, and
    /// of three characters or more. 0 to 1.
    pub min_line_text_score: f32,
    /// Which way up pages stand: `auto`, or the degrees clockwise by which their text is turned; `keep` reads them as they are.
    pub orientation: Orientation,
}

impl Default for ReadingConfig {
    /// What reads best with the shipped models on SROIE's receipts and ICDAR 2015's streets: a higher score threshold loses
    /// words, a lower one adds false ones.
    fn default() -> Self {
        Self {
            crop_margin: 0.03,
            reread_below: 0.67,
            reread_stretch: 1.4,
            reread_margins: vec![-0.03, 0.1],
            confidence: Confidence::Weakest,
            min_text_score: 0.5,
            min_long_text_score: 0.2,
            min_line_text_score: 0.15,
            orientation: Orientation::Auto,
        }
    }
}

impl ReadingConfig {
    /// Drops every region read with less confidence than this, 0 to 1, however long its text.
    pub fn set_min_text_score(&mut self, score: f32) {
        (self.min_text_score, self.min_long_text_score, self.min_line_text_score) = (score, score, score);
    }

    pub(crate) fn validate(&self) -> Result<()> {
        let (margin, share) =
            ((-0.25..=1.0, "a number from -0.25 to 1"), (0.0..=1.0, "a number from 0 to 1"));
        let margins = self.reread_margins.iter().map(|value| ("reread_margins", *value, &margin));
        let stretch = (1.0..=3.0, "a number from 1 to 3");
        let values = [
            ("reread_stretch", self.reread_stretch, &stretch),
            ("crop_margin", self.crop_margin, &margin),
            ("reread_below", f64::from(self.reread_below), &share),
            ("min_text_score", f64::from(self.min_text_score), &share),
            ("min_long_text_score", f64::from(self.min_long_text_score), &share),
            ("min_line_text_score", f64::from(self.min_line_text_score), &share),
        ];
        let mut values =
            margins.chain(values).map(|(field, value, (range, expected))| (field, value, range, *expected));
        match values.find(|(_, value, range, _)| !range.contains(value)) {
            Some((field, value, _, expected)) => Err(Error::Reading { field, value, expected }),
            None => Ok(()),
        }
    }
}

/// A configuration file: the parts it names.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigFile {
    detector: Option<DetectorConfig>,
    recognizer: Option<RecognizerConfig>,
    reading: Option<ReadingConfig>,
}

/// The model alone of a training file, or of the `config.toml` of a run, as what uses it: `[model.NAME]` is `[detector.NAME]`,
/// `[recognizer.NAME]`, `[extractor.NAME]` or `[ner.NAME]`. `None` for what is no training file.
pub fn model_of_training(text: &str) -> Option<String> {
    let table: toml::Table = text.parse().ok()?;
    table.get("run")?;
    let model = table.get("model")?.as_table()?;
    let name = model.keys().next()?;
    let stage = if DetectorConfig::all().iter().any(|(_, config)| config.name() == name) {
        "detector"
    } else if RecognizerConfig::all().iter().any(|(_, config)| config.name() == name) {
        "recognizer"
    } else if ExtractorConfig::default().name() == name {
        "extractor"
    } else if EntityConfig::default().name() == name {
        "ner"
    } else {
        return None;
    };
    toml::to_string(&toml::Table::from_iter([(stage.to_owned(), model.clone().into())])).ok()
}

/// Which parts a configuration set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Applied {
    /// It named a detector.
    pub detector: bool,
    /// It named a recognizer.
    pub recognizer: bool,
}

impl ReaderConfig {
    /// The defaults with what a file sets.
    ///
    /// # Errors
    /// [`Error::Read`], and those of [`ReaderConfig::apply`].
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let mut config = Self::default();
        config.apply_file(path)?;
        Ok(config)
    }

    /// Sets the parts that a file names; tells whether it named a detector, a recognizer.
    ///
    /// # Errors
    /// [`Error::Read`], and those of [`ReaderConfig::apply`].
    pub fn apply_file(&mut self, path: impl AsRef<Path>) -> Result<Applied> {
        let path = path.as_ref();
        let text =
            fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
        self.apply(&text, &path.display().to_string())
    }

    /// Sets the parts that some TOML names; `name` stands in errors. A training file, or the `config.toml` of a run, names the
    /// stage of its model.
    ///
    /// # Errors
    /// [`Error::Config`], which names line and column, [`Error::Reading`].
    pub fn apply(&mut self, toml: &str, name: &str) -> Result<Applied> {
        let model = model_of_training(toml);
        let toml = model.as_deref().unwrap_or(toml);
        let base = ConfigFile { detector: None, recognizer: None, reading: Some(self.reading.clone()) };
        let file =
            from_toml_over(&base, toml).map_err(|source| Error::Config { name: name.to_owned(), source })?;
        let applied = Applied { detector: file.detector.is_some(), recognizer: file.recognizer.is_some() };
        if let Some(reading) = &file.reading {
            reading.validate()?;
        }
        self.detector = file.detector.unwrap_or(std::mem::take(&mut self.detector));
        self.recognizer = file.recognizer.unwrap_or(std::mem::take(&mut self.recognizer));
        self.reading = file.reading.unwrap_or(std::mem::take(&mut self.reading));
        Ok(applied)
    }
}

impl ReaderConfig {
    /// Sets the granularity of detected regions.
    ///
    /// # Errors
    /// [`Error::Level`] for a detector that learned one kind of region only.
    pub fn set_level(&mut self, level: DbLevel) -> Result<()> {
        *self.detector.level_mut().ok_or(Error::Level)? = level;
        Ok(())
    }

    /// Sets the language model of the beam search: a name of the catalog or a file; `none` decodes greedily.
    ///
    /// # Errors
    /// [`Error::NoLanguageModel`] for a recognizer that reads without one, unless `name` is `none`.
    pub fn set_language_model(&mut self, name: &str) -> Result<()> {
        let model = self.recognizer.name();
        let Some(decoding) = self.recognizer.decoding_mut() else {
            return if name == "none" { Ok(()) } else { Err(Error::NoLanguageModel { model }) };
        };
        let beam = match std::mem::take(decoding) {
            Decoding::Greedy => BeamConfig::default(),
            Decoding::Beam(beam) => beam,
        };
        if name != "none" {
            *decoding = Decoding::Beam(BeamConfig { language_model: name.to_owned(), ..beam });
        }
        Ok(())
    }

    /// Sets how many texts of each word and crop are given: the one that is read, and `count - 1` others
    /// ([`glyphic_core::Transcript::alternatives`]). The search finds as many as it follows, `decoding.beam.width`, at most.
    ///
    /// # Errors
    /// [`Error::NoAlternatives`] for a recognizer that is read without a beam search, unless `count` is 1 or less.
    pub fn set_n_best(&mut self, count: usize) -> Result<()> {
        let model = self.recognizer.name();
        match self.recognizer.decoding_mut() {
            Some(Decoding::Beam(beam)) => beam.alternatives = count.saturating_sub(1),
            _ if count > 1 => return Err(Error::NoAlternatives { model }),
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_the_catalogs_default_models() {
        let mut config = ReaderConfig::default();
        for name in [glyphic_zoo::DEFAULT_DETECTOR, glyphic_zoo::DEFAULT_RECOGNIZER] {
            config.apply(glyphic_zoo::model(name).unwrap().config(), name).unwrap();
        }
        assert_eq!(config, ReaderConfig::default());
    }

    #[test]
    fn every_model_of_the_catalog_configures_the_stage_of_its_task() {
        for model in glyphic_zoo::models() {
            let applied = ReaderConfig::default().apply(model.config(), &model.name).unwrap();
            let expected = Applied {
                detector: model.task.contains(&glyphic_zoo::Task::Detect),
                recognizer: model.task.contains(&glyphic_zoo::Task::Recognize),
            };
            assert_eq!(applied, expected, "{}", model.name);
        }
    }

    #[test]
    fn the_whole_configuration_survives_a_round_trip_through_toml() {
        let mut config = ReaderConfig::default();
        config.reading.crop_margin = 0.25;
        let text = toml::to_string(&config).unwrap();
        let mut read = ReaderConfig::default();
        read.apply(&text, "test").unwrap();
        assert_eq!(read, config);
    }

    #[test]
    fn a_key_that_is_set_changes_that_key_and_nothing_else() {
        let mut config = ReaderConfig::default();
        let text = "[detector.dbnet_lite]\ndecode.min_score = 0.5\n[recognizer.crnn_lite]\ndecoding.beam.width = 3\n";
        config.apply(text, "my.toml").unwrap();
        let mut expected = ReaderConfig::default();
        if let DetectorConfig::DbnetLite(detector) = &mut expected.detector {
            detector.decode.min_score = 0.5;
        }
        if let Some(Decoding::Beam(beam)) = expected.recognizer.decoding_mut() {
            beam.width = 3;
        }
        assert_eq!(config, expected);
        config.apply("[reading]\ncrop_margin = 0.2\n", "a.toml").unwrap();
        config.apply("[reading]\nmin_text_score = 0.1\n", "b.toml").unwrap();
        expected.reading.crop_margin = 0.2;
        expected.reading.min_text_score = 0.1;
        assert_eq!(config, expected);
    }

    #[test]
    fn a_typo_is_named_with_its_line() {
        for (toml, line, word) in [
            ("[reading]\ncrop_marign = 0.1\n", "line 2", "crop_marign"),
            ("[detector.dbnet.decode]\n\nmin_skore = 1\n", "line 3", "min_skore"),
            ("[recognizer.crnn_light]\n", "line 1", "crnn_light"),
            ("[reader]\n", "line 1", "reader"),
            ("[reading]\ncrop_margin = \"wide\"\n", "line 2", "invalid type"),
            ("[reading\n", "line 1", "TOML parse error"),
        ] {
            let message = ReaderConfig::default().apply(toml, "my.toml").unwrap_err().to_string();
            assert!(message.starts_with("my.toml: "), "{message}");
            assert!(message.contains(line) && message.contains(word), "{toml:?}: {message}");
        }
    }

    #[test]
    fn a_training_file_names_the_stage_of_its_model() {
        let run = "[run]\nout = \"runs/x\"\n[run.schedule]\nwarmup_steps = 5\n\n[model.panet.backbone]\ndepth = \"18\"\n\
                   deformable = [\n    false,\n    false,\n    false,\n    true\n]\n[model.panet.input]\nbgr = true\n\
                   [batches]\nbatch_size = 4\n[[train]]\nsource.pack = \"p\"\n";
        let mut config = ReaderConfig::default();
        let applied = config.apply(run, "config.toml").unwrap();
        assert_eq!(applied, Applied { detector: true, recognizer: false });
        let DetectorConfig::Panet(panet) = &config.detector else { panic!("{:?}", config.detector) };
        assert!(panet.input.bgr && panet.backbone.deformable[3]);

        let run = "[run]\nsteps = 3\n[model.crnn]\nrectify = 20\n";
        assert!(config.apply(run, "crnn.toml").unwrap().recognizer);
        assert_eq!(config.recognizer.name(), "crnn");
        let typo = config.apply("[run]\nsteps = 3\n[model.crnn]\nrectfy = 20\n", "crnn.toml").unwrap_err();
        assert!(typo.to_string().contains("rectfy"), "{typo}");
        let stage = |name: &str| {
            model_of_training(&format!("[run]\nsteps = 3\n[model.{name}]\n"))
                .and_then(|text| text.lines().next().map(str::to_owned))
        };
        assert_eq!(stage("sdmgr").as_deref(), Some("[extractor.sdmgr]"));
        assert_eq!(stage("bert_softmax").as_deref(), Some("[ner.bert_softmax]"));
        assert_eq!(stage("no_such_model"), None);
        assert_eq!(model_of_training("[model.crnn]\n"), None);
    }

    #[test]
    fn a_language_model_is_named_or_none_and_the_rest_of_the_search_stays() {
        let mut config = ReaderConfig::default();
        config.apply("[recognizer.crnn_lite.decoding.beam]\nwidth = 3\n", "my.toml").unwrap();
        config.set_language_model("my.safetensors").unwrap();
        let expected =
            BeamConfig { language_model: "my.safetensors".to_owned(), width: 3, ..BeamConfig::default() };
        assert_eq!(*config.recognizer.decoding(), Decoding::Beam(expected));
        config.set_language_model("none").unwrap();
        assert_eq!(*config.recognizer.decoding(), Decoding::Greedy);
        config.set_language_model("latin").unwrap();
        assert_eq!(*config.recognizer.decoding(), Decoding::Beam(BeamConfig::default()));
    }

    #[test]
    fn several_texts_are_given_where_there_is_a_search_for_them() {
        let mut config = ReaderConfig::default();
        config.set_n_best(4).unwrap();
        let expected = BeamConfig { alternatives: 3, ..BeamConfig::default() };
        assert_eq!(*config.recognizer.decoding(), Decoding::Beam(expected));
        config.set_language_model("none").unwrap();
        config.set_n_best(1).unwrap();
        let error = config.set_n_best(2).unwrap_err().to_string();
        assert!(error.contains("crnn_lite gives one text"), "{error}");
        config.apply("[recognizer.sar]\n", "my.toml").unwrap();
        assert!(matches!(config.set_n_best(2), Err(Error::NoAlternatives { model: "sar" })));
    }

    #[test]
    fn a_level_is_set_where_the_detector_knows_levels() {
        let mut config = ReaderConfig::default();
        config.set_level(DbLevel::Line).unwrap();
        assert_eq!(config.detector.level_mut(), Some(&mut DbLevel::Line));
        config.apply(glyphic_zoo::model("dbnet_r18").unwrap().config(), "dbnet_r18").unwrap();
        let error = config.set_level(DbLevel::Line).unwrap_err().to_string();
        assert!(error.contains("dbnet_lite"), "{error}");
    }

    #[test]
    fn values_outside_their_range_are_refused() {
        for toml in [
            "[reading]\ncrop_margin = 2.0\n",
            "[reading]\nmin_text_score = -0.1\n",
            "[reading]\ncrop_margin = nan\n",
            "[reading]\nreread_below = 1.5\n",
            "[reading]\nreread_stretch = 0.5\n",
            "[reading]\nreread_margins = [0.1, -2.0]\n",
        ] {
            let error = ReaderConfig::default().apply(toml, "my.toml").unwrap_err();
            assert!(matches!(error, Error::Reading { .. }), "{error}");
        }
    }
}
