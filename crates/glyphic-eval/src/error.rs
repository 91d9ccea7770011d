use std::path::PathBuf;

/// What can go wrong in an evaluation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Lists that run side by side have different lengths.
    #[error(
        "{got} lists of {what}, the truth has {expected}: each of its entries needs one, empty where there is nothing"
    )]
    Count {
        /// What is counted.
        what: &'static str,
        /// Number of entries of the truth.
        expected: usize,
        /// Number of lists given.
        got: usize,
    },
    /// An option outside its range.
    #[error("invalid {name} = {value}; expected {low} to {high}")]
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
    /// A prediction without a file name among predictions that have one.
    #[error(
        "prediction {index} has no file name, others have: give all of them one, or none and the truth's order"
    )]
    UnnamedPrediction {
        /// Which prediction, from 0.
        index: usize,
    },
    /// Predictions without file names, which belong to the truth in its order, but not as many as the truth.
    #[error(
        "{got} predictions without file names for {expected} entries of truth: without names each entry needs one, \
         in the truth's order"
    )]
    Order {
        /// Number of entries of the truth.
        expected: usize,
        /// Number of predictions.
        got: usize,
    },
    /// Another number of classified boxes than the truth has.
    #[error(
        "{file_name:?}: {got} boxes are classified, the truth has {expected}: each needs one class, in the truth's order"
    )]
    BoxCount {
        /// The image.
        file_name: String,
        /// Boxes of the truth.
        expected: usize,
        /// Boxes of the prediction.
        got: usize,
    },
    /// A box of the truth without a class.
    #[error(
        "{file_name:?}, box {index} of the truth has no class: a data set for key information gives each box one"
    )]
    NoClass {
        /// The image.
        file_name: String,
        /// Which box, from 0.
        index: usize,
    },
    /// A class beyond the last.
    #[error("{side}, entry {index}: class {class} is not among the {classes} classes, which count from 0")]
    Class {
        /// `prediction`, `truth` or `ignored classes`.
        side: &'static str,
        /// Which entry of the list, from 0.
        index: usize,
        /// The class.
        class: usize,
        /// Number of classes.
        classes: usize,
    },
    /// A class that the list of classes does not hold.
    #[error(
        "{place}: class {class:?} is none of the {classes} classes; numbers beside names need the list of classes"
    )]
    UnknownClass {
        /// Where it stands.
        place: String,
        /// The class's name or number.
        class: String,
        /// Number of classes.
        classes: usize,
    },
    /// A line of a class list that is none.
    #[error(
        "{name}, line {line}: {text:?} is no class: expected a number that counts from 0 and a name, or names alone"
    )]
    ClassLine {
        /// The file.
        name: String,
        /// The line, from 1.
        line: usize,
        /// What stands there.
        text: String,
    },
    /// A prediction of entities for another text than the truth's.
    #[error(
        "text {index} is {got:?} in the predictions and {expected:?} in the truth: both must be in one order"
    )]
    TextDiffers {
        /// Which text, from 0.
        index: usize,
        /// The truth's.
        expected: String,
        /// The prediction's.
        got: String,
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
    /// The truth of a data set cannot be read.
    #[error(transparent)]
    Truth(Box<dyn std::error::Error + Send + Sync>),
    /// A file that cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file that cannot be written.
    #[error("cannot write {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A folder without prediction files.
    #[error("{path} holds no file of predictions: expected files that end in .json or .jsonl")]
    EmptyFolder {
        /// The folder.
        path: PathBuf,
    },
    /// A prediction file that is a Python pickle, which can run any command when it is loaded.
    #[error(
        "{path} is a Python pickle, which is not read because loading one can run any command; write it as JSON: \
         python -c \"import json, pickle; json.dump(pickle.load(open('in.pkl', 'rb')), open('out.json', 'w'), \
         default=lambda a: a.tolist())\""
    )]
    Pickle {
        /// The file.
        path: PathBuf,
    },
    /// A prediction file that is not UTF-8.
    #[error("{name}, line {line}: byte {byte} of the line is not UTF-8: predictions are text in UTF-8")]
    Utf8 {
        /// The file.
        name: String,
        /// The line, from 1.
        line: usize,
        /// The byte of the line, from 1.
        byte: usize,
    },
    /// JSON that cannot be parsed or does not have the fields of a prediction.
    #[error("{name}, line {line}, column {column}: {reason}")]
    Json {
        /// The file.
        name: String,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong.
        reason: String,
    },
    /// A prediction that has not the fields of its task.
    #[error("{name}, {place}: {reason}; expected {expected}")]
    Record {
        /// The file.
        name: String,
        /// Where in the file: a line, or an entry from 0.
        place: String,
        /// What is wrong.
        reason: String,
        /// What would be right.
        expected: &'static str,
    },
}

/// The result of an evaluation.
pub type Result<T, E = Error> = std::result::Result<T, E>;
