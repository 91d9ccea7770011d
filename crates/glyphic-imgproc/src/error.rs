/// What can go wrong with an image operation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Values whose count does not fit the size of a map.
    #[error("a map of {width}x{height} needs {expected} values, got {got}")]
    ValueCount {
        /// Columns.
        width: usize,
        /// Rows.
        height: usize,
        /// `width * height`.
        expected: usize,
        /// The count given.
        got: usize,
    },
    /// A picture or map that has, or is to have, no pixels.
    #[error("{operation}: a size of {width}x{height} has no pixels, both sides must be at least 1")]
    Empty {
        /// What was asked for.
        operation: &'static str,
        /// Columns.
        width: usize,
        /// Rows.
        height: usize,
    },
    /// A result too large to hold.
    #[error("{operation}: a size of {width}x{height} is beyond {max_side} pixels a side")]
    TooLarge {
        /// What was asked for.
        operation: &'static str,
        /// Columns.
        width: usize,
        /// Rows.
        height: usize,
        /// The longest side allowed.
        max_side: usize,
    },
    /// Four corners of which three lie on a line: no perspective maps them to a rectangle.
    #[error("the corners {corners:?} span no quadrilateral: no three of them may lie on a line")]
    DegenerateQuad {
        /// `x, y` of the corners.
        corners: [[f64; 2]; 4],
    },
    /// Pixels of no channel, or of more than can be worked with.
    #[error("{channels} channels: 1 to 4 are possible here, an RGB image has 3")]
    Channels {
        /// The number of channels.
        channels: usize,
    },
    /// An affine map that cannot be undone.
    #[error("the affine map {map:?} has no inverse: it must not flatten the plane")]
    Singular {
        /// Its six numbers.
        map: [f64; 6],
    },
    /// An outline without vertices, or with coordinates that are not finite or lie far beyond any picture.
    #[error(
        "an outline of {vertices} vertices cannot be cropped: it needs coordinates within 2^24 pixels of the origin"
    )]
    Outline {
        /// The number of vertices.
        vertices: usize,
    },
    /// An outline that does not split into a top and a bottom side.
    #[error("a ribbon needs an even number of at least 4 vertices with some length, got {vertices}")]
    Ribbon {
        /// The number of vertices.
        vertices: usize,
    },
}

/// The result of an image operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;
