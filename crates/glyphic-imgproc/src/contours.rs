//! Border following (Suzuki and Abe, 1985) with OpenCV's starting points, marks and order of results; `imageproc` has
//! the algorithm too, but neither the order nor the compression of straight runs.

use crate::{Map, Pixel};

/// Which borders are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retrieval {
    /// All, outer borders and holes (`RETR_LIST`).
    List,
    /// Outer borders that lie in no other component's hole (`RETR_EXTERNAL`).
    External,
}

/// Which pixels of a border are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Approximation {
    /// All (`CHAIN_APPROX_NONE`).
    None,
    /// The ends of horizontal, vertical and diagonal runs (`CHAIN_APPROX_SIMPLE`).
    Simple,
}

/// The border of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contour {
    /// Its pixels, counter-clockwise on the screen for an outer border, clockwise for a hole.
    pub points: Vec<Pixel>,
    /// Whether it surrounds a hole.
    pub hole: bool,
}

/// Steps to the right and then on, counter-clockwise on the screen.
const STEPS: [Pixel; 8] = [[1, 0], [1, -1], [0, -1], [-1, -1], [-1, 0], [-1, 1], [0, 1], [1, 1]];

/// A border pixel that has been followed.
const SEEN: i8 = 2;
/// The same, where the pixel to its right is background: here the inside of a component ends.
const SEEN_RIGHT: i8 = SEEN | -128;

/// The borders of the 8-connected components of non-zero values, the one found last (in raster order of the first
/// pixel) first, as OpenCV's `findContours` lists them.
pub fn find_contours(map: &Map<u8>, retrieval: Retrieval, approximation: Approximation) -> Vec<Contour> {
    // A frame of zeros saves all bounds tests.
    let stride = map.width() + 2;
    let mut marks = vec![0i8; stride * (map.height() + 2)];
    for y in 0..map.height() {
        let row = &mut marks[(y + 1) * stride + 1..][..map.width()];
        for (mark, value) in row.iter_mut().zip(map.row(y)) {
            *mark = i8::from(*value != 0);
        }
    }
    let follower =
        Follower { stride, steps: STEPS.map(|[dx, dy]| dy as isize * stride as isize + dx as isize) };
    let mut contours = Vec::new();
    for y in 1..=map.height() {
        let mut previous = 0i8;
        // The last followed border pixel met in this row: are we inside a component?
        let mut last_border = 0i8;
        let start = y * stride;
        let mut x = 1;
        while x <= map.width() {
            // Inside a run of one value there is nothing to find.
            x += run(&marks[start + x..=start + map.width()], previous);
            if x > map.width() {
                break;
            }
            let mut value = marks[start + x];
            if value != previous {
                let outer = previous == 0 && value == 1;
                let hole = value == 0 && previous >= 1;
                let wanted = match retrieval {
                    Retrieval::List => outer || hole,
                    Retrieval::External => outer && last_border <= 0,
                };
                if wanted {
                    let x = x - usize::from(hole);
                    let origin = [x as i32 - 1, y as i32 - 1];
                    let points = follower.follow(&mut marks, start + x, origin, hole, approximation);
                    contours.push(Contour { points, hole });
                    value = marks[start + x + usize::from(hole)];
                }
            }
            previous = value;
            if value & !1 != 0 {
                last_border = value;
            }
            x += 1;
        }
    }
    contours.reverse();
    contours
}

/// How many of the first values are `value`, in whole chunks.
fn run(values: &[i8], value: i8) -> usize {
    const CHUNK: usize = 16;
    CHUNK * values.chunks_exact(CHUNK).take_while(|chunk| *chunk == [value; CHUNK]).count()
}

struct Follower {
    stride: usize,
    steps: [isize; 8],
}

impl Follower {
    fn follow(
        &self,
        marks: &mut [i8],
        start: usize,
        origin: Pixel,
        hole: bool,
        approximation: Approximation,
    ) -> Vec<Pixel> {
        debug_assert!(start > self.stride);
        let to = |from: usize, direction: usize| from.wrapping_add_signed(self.steps[direction]);
        let first_direction = if hole { 0 } else { 4 };
        let mut direction = first_direction;
        let first_neighbour = loop {
            direction = (direction + 7) & 7;
            let neighbour = to(start, direction);
            if marks[neighbour] != 0 {
                break neighbour;
            }
            if direction == first_direction {
                marks[start] = SEEN_RIGHT;
                return vec![origin];
            }
        };
        let mut points = Vec::new();
        let mut position = origin;
        let mut current = start;
        let mut previous_direction = direction ^ 4;
        loop {
            let arrived = direction;
            let mut turn = direction;
            let next = loop {
                turn += 1;
                let neighbour = to(current, turn & 7);
                if marks[neighbour] != 0 {
                    break neighbour;
                }
            };
            direction = turn & 7;
            // Having turned past "right" means that the pixel to the right is background.
            if direction.wrapping_sub(1) < arrived {
                marks[current] = SEEN_RIGHT;
            } else if marks[current] == 1 {
                marks[current] = SEEN;
            }
            if approximation == Approximation::None || direction != previous_direction {
                points.push(position);
                previous_direction = direction;
            }
            position = [position[0] + STEPS[direction][0], position[1] + STEPS[direction][1]];
            if next == start && current == first_neighbour {
                return points;
            }
            current = next;
            direction = (direction + 4) & 7;
        }
    }
}
