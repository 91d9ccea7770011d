use crate::{Dropped, Image, Page, Region, Result, Transcript, Vocab};

/// The regions of a picture, and how many candidates were left out.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Detected {
    /// The regions.
    pub regions: Vec<Region>,
    /// The candidates that are no regions, by reason.
    pub dropped: Dropped,
    /// What some of the regions stand in place of.
    pub replaced: Vec<Replaced>,
}

/// A region, and smaller ones that it was taken for the whole of: which of them is text, reading them tells better than finding.
#[derive(Debug, Clone, PartialEq)]
pub struct Replaced {
    /// The region that is kept, as it stands among those of a [`Detected`].
    pub by: Region,
    /// Those in its place, none of which is kept.
    pub pieces: Vec<Region>,
}

/// Finds text in pictures.
pub trait Detector: Send + Sync {
    /// The regions of each image, in pixels of that image. One list an image, in the order given.
    ///
    /// A result never depends on what else is in the batch.
    fn detect(&self, images: &[Image]) -> Result<Vec<Vec<Region>>>;

    /// As [`Detector::detect`], with the number of candidates that were left out, where the detector counts them.
    fn detect_counted(&self, images: &[Image]) -> Result<Vec<Detected>> {
        let counted = |regions| Detected { regions, ..Detected::default() };
        Ok(self.detect(images)?.into_iter().map(counted).collect())
    }
}

/// Reads crops that hold one word or line each.
pub trait Recognizer: Send + Sync {
    /// The transcript of each crop, in the order given.
    ///
    /// A result never depends on what else is in the batch.
    fn recognize(&self, crops: &[Image]) -> Result<Vec<Transcript>>;

    /// The class order of the network.
    fn vocab(&self) -> &Vocab;
}

/// Gives meaning to the instances of a page that has been read.
pub trait Extractor: Send + Sync {
    /// Fills the labels of `page.instances`.
    fn extract(&self, image: &Image, page: &mut Page) -> Result<()>;
}
