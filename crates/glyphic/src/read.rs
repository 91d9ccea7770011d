use glyphic_core::{Detector, Image, Page, Recognizer, TextInstance};
use glyphic_nn::{Device, device};
use glyphic_zoo::{DEFAULT_DETECTOR, DEFAULT_RECOGNIZER};

use crate::{
    ReaderConfig, ReadingConfig, Result, Weights, crop, lines, load_detector, load_recognizer, recognize,
};

/// Reads the text of pictures. One reader serves every thread; a page never depends on what else is read, nor on
/// the number of threads.
pub struct Reader {
    detector: Box<dyn Detector>,
    recognizer: Box<dyn Recognizer>,
    config: ReadingConfig,
}

impl Reader {
    /// A reader to be put together.
    pub fn builder() -> ReaderBuilder {
        ReaderBuilder::default()
    }

    /// The shipped models on a device.
    ///
    /// # Errors
    /// [`crate::Error::Weights`] where the device refuses them.
    pub fn from_default(device: &Device) -> Result<Self> {
        Self::builder().device(device.clone()).build()
    }

    /// A reader of any two stages.
    ///
    /// # Errors
    /// [`crate::Error::Reading`] for a value outside its range.
    pub fn from_stages(
        detector: Box<dyn Detector>,
        recognizer: Box<dyn Recognizer>,
        config: ReadingConfig,
    ) -> Result<Self> {
        config.validate()?;
        Ok(Self { detector, recognizer, config })
    }

    /// Reads one picture: words and lines in reading order, in pixels of the picture.
    ///
    /// # Errors
    /// [`crate::Error::Core`] where a stage fails.
    pub fn read(&self, image: &Image) -> Result<Page> {
        let regions = self.detector.detect(std::slice::from_ref(image))?.pop().unwrap_or_default();
        let crops = crop::crop_regions(image, &regions, self.config.crop_margin);
        let readings = recognize::read_crops(self.recognizer.as_ref(), crops)?;
        let mut page = Page::new(image.width(), image.height());
        for (crop, transcript) in readings {
            page.instances.extend(crop.words(&regions, &transcript));
        }
        page.instances.retain(|word| self.is_sure(word));
        lines::order_into_lines(&mut page);
        Ok(page)
    }

    fn is_sure(&self, word: &TextInstance) -> bool {
        word.transcript.as_ref().is_some_and(|t| !t.text.is_empty() && t.score >= self.config.min_text_score)
    }
}

/// Puts a [`Reader`] together; what is not set is the shipped models on the processor.
#[derive(Debug, Default)]
pub struct ReaderBuilder {
    config: ReaderConfig,
    detector_weights: Option<Weights>,
    recognizer_weights: Option<Weights>,
    device: Option<Device>,
}

impl ReaderBuilder {
    /// Another configuration.
    pub fn config(mut self, config: ReaderConfig) -> Self {
        self.config = config;
        self
    }

    /// Other weights for the detector.
    pub fn detector_weights(mut self, weights: Weights) -> Self {
        self.detector_weights = Some(weights);
        self
    }

    /// Other weights for the recognizer.
    pub fn recognizer_weights(mut self, weights: Weights) -> Self {
        self.recognizer_weights = Some(weights);
        self
    }

    /// The device the networks run on.
    pub fn device(mut self, device: Device) -> Self {
        self.device = Some(device);
        self
    }

    /// Loads the models.
    ///
    /// # Errors
    /// Those of [`load_detector`] and [`load_recognizer`], and of [`Reader::from_stages`].
    pub fn build(self) -> Result<Reader> {
        let device = self.device.unwrap_or_else(device::cpu);
        let shipped = |name: &str| Weights::Catalog(name.to_owned());
        let detector = self.detector_weights.unwrap_or_else(|| shipped(DEFAULT_DETECTOR));
        let recognizer = self.recognizer_weights.unwrap_or_else(|| shipped(DEFAULT_RECOGNIZER));
        Reader::from_stages(
            load_detector(&self.config.detector, &detector, &device)?,
            load_recognizer(&self.config.recognizer, &recognizer, &device)?,
            self.config.reading,
        )
    }
}
