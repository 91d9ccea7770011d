/// What can go wrong in an evaluation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Lists that run side by side have different lengths.
    #[error(
        "{got} lists of {what} for {expected} images of truth: each image needs one, empty where there is nothing"
    )]
    Count {
        /// `predictions` or `ignored truth`.
        what: &'static str,
        /// Number of images of the truth.
        expected: usize,
        /// Number of lists given.
        got: usize,
    },
    /// An option outside its range.
    #[error("{name} is {value}: it must lie from {low} to {high}")]
    Option {
        /// The option's name.
        name: &'static str,
        /// The value given.
        value: f64,
        /// The lowest value allowed.
        low: f64,
        /// The highest value allowed.
        high: f64,
    },
    /// A prediction for an image that the truth does not hold.
    #[error(
        "the prediction for {file_name:?} has no truth: the truth holds {images} images and none of this name"
    )]
    UnknownImage {
        /// The name in the prediction file.
        file_name: String,
        /// Number of images of the truth.
        images: usize,
    },
    /// Two entries for one image.
    #[error("{file_name:?} occurs twice in the {side}: keep one entry an image")]
    DuplicateImage {
        /// The name.
        file_name: String,
        /// `truth` or `predictions`.
        side: &'static str,
    },
    /// Two outlines whose union has no area. Only under [`crate::OutlineRule::Mmocr021`].
    #[error(
        "image {image}: the union of truth {truth} and prediction {prediction} has no area, so they have no IoU"
    )]
    EmptyUnion {
        /// Index of the image.
        image: usize,
        /// Index of the truth, cared-for ones first.
        truth: usize,
        /// Index of the prediction.
        prediction: usize,
    },
    /// A polygon that is no quadrilateral where one is asked for. Only under [`crate::OutlineRule::Mmocr021`].
    #[error(
        "image {image}: the match of truth {truth} and prediction {prediction} has no box diagonal: {vertices} vertices, not 4"
    )]
    NotAQuad {
        /// Index of the image.
        image: usize,
        /// Index of the truth, cared-for ones first.
        truth: usize,
        /// Index of the prediction.
        prediction: usize,
        /// Vertices of the polygon.
        vertices: usize,
    },
}

/// The result of an evaluation.
pub type Result<T, E = Error> = std::result::Result<T, E>;
