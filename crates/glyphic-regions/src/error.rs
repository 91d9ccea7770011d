/// What can go wrong between maps and regions.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A value of the configuration that nothing can be decoded with.
    #[error("invalid {field} = {value}; expected {expected}")]
    Config {
        /// The field, with dots.
        field: &'static str,
        /// Its value.
        value: String,
        /// What would be right.
        expected: &'static str,
    },
    /// Maps whose values do not fit their shape, or whose shape has no pixels or too many.
    #[error(
        "maps of the shape {shape:?} (channels, height, width) with {got} values: a value for each is needed, and sides from 1 to 2^20"
    )]
    MapValues {
        /// Channels, height, width.
        shape: [usize; 3],
        /// The number of values.
        got: usize,
    },
    /// Not the number of maps that a decoder reads.
    #[error("{decoder}: {expected} maps are needed, got {got}")]
    MapCount {
        /// What reads them.
        decoder: &'static str,
        /// How many it reads.
        expected: usize,
        /// How many there are.
        got: usize,
    },
    /// Maps of a level that differ in size.
    #[error("maps of a level must have one size, got {}x{} and {}x{}", sizes[0][0], sizes[0][1], sizes[1][0], sizes[1][1])]
    MapSizes {
        /// Their widths and heights.
        sizes: [[usize; 2]; 2],
    },
    /// A scale from maps to pictures that is none.
    #[error("a scale of {scale:?} from the maps to the picture: finite numbers above 0 are needed")]
    Scale {
        /// Horizontally and vertically.
        scale: [f64; 2],
    },
    /// Edges of a graph that do not fit its nodes or scores.
    #[error("{edges} edges with {scores} scores between {components} components{}: every edge needs a score and two components", wrong.map(|w| format!(", among them {w:?}")).unwrap_or_default())]
    Edges {
        /// The number of edges.
        edges: usize,
        /// The number of scores.
        scores: usize,
        /// The number of components.
        components: usize,
        /// The first edge that names a component that is not there.
        wrong: Option<[usize; 2]>,
    },
    /// An outline that nothing can be drawn of.
    #[error("{list}[{index}]: {reason}")]
    Outline {
        /// The list it stands in, such as `texts`.
        list: &'static str,
        /// Its place there, counted from 0.
        index: usize,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// Targets that cannot be drawn.
    #[error("{what}: {reason}")]
    Setup {
        /// What was being set up.
        what: &'static str,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// A map that cannot be drawn.
    #[error(transparent)]
    Map(#[from] glyphic_imgproc::Error),
}

impl Error {
    pub(crate) fn config(field: &'static str, value: impl ToString, expected: &'static str) -> Self {
        Self::Config { field, value: value.to_string(), expected }
    }
}

/// This crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;
