//! What MMOCR's checkpoints hold beside our names.

use glyphic_nn::checkpoint::LoadOptions;

use super::SdmgrConfig;

impl SdmgrConfig {
    /// How MMOCR's checkpoints are read. Those of networks that do not look at the picture hold the backbone and the
    /// fusion block nevertheless, untrained.
    pub fn load_options(&self) -> LoadOptions {
        let options = LoadOptions::default();
        match &self.visual {
            Some(_) => options,
            None => options.ignore("backbone.*").ignore("bbox_head.fusion.*"),
        }
    }
}
