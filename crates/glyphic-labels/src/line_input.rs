use serde::{Deserialize, Serialize};

/// How a line recognizer sees a crop: scaled to a fixed height, its width padded on the right.
///
/// The width a crop gets depends on that crop alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LineInput {
    /// Height in pixels.
    pub height: u32,
    /// The narrowest content, in pixels.
    pub min_width: u32,
    /// The widest content, in pixels; longer lines are squeezed.
    pub max_width: u32,
    /// Padding that is always there on the right, in pixels, so that the last character has context.
    pub margin: u32,
    /// Padded widths are multiples of this.
    pub multiple: u32,
    /// Pixels a time step of the network's output covers.
    pub stride: u32,
}

impl Default for LineInput {
    /// The input of the default recognizer: 32 high, 8 to 3200 wide, 8 margin, multiples of 32, 4 pixels a step.
    fn default() -> Self {
        Self { height: 32, min_width: 8, max_width: 3200, margin: 8, multiple: 32, stride: 4 }
    }
}

impl LineInput {
    /// Width of the scaled crop in pixels, the aspect kept, for a crop of `width` x `height` pixels.
    pub fn content_width(&self, width: u32, height: u32) -> u32 {
        let scaled = f64::from(self.height) * f64::from(width) / f64::from(height.max(1));
        (scaled.round() as u32).clamp(self.min_width, self.max_width)
    }

    /// Width of the network's input for a content of this width: a multiple of [`LineInput::multiple`].
    pub fn padded_width(&self, content: u32) -> u32 {
        (content + self.margin).next_multiple_of(self.multiple)
    }

    /// Time steps that are read of a content of this width: those it touches and one behind it.
    pub fn steps(&self, content: u32) -> usize {
        (content.div_ceil(self.stride) + 1).min((self.padded_width(content) / self.stride).max(1)) as usize
    }
}

/// The fewest time steps in which CTC can write these classes: one each, and a blank between equal neighbours.
///
/// <https://www.cs.toronto.edu/~graves/icml_2006.pdf>
pub fn ctc_steps<T: PartialEq>(labels: &[T]) -> usize {
    labels.len() + labels.windows(2).filter(|w| w[0] == w[1]).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_follow_the_crop_alone() {
        let input = LineInput::default();
        for (w, h, content, padded) in [
            (100, 32, 100, 128),
            (120, 32, 120, 128),
            (121, 32, 121, 160),
            (1, 500, 8, 32),
            (50, 20, 80, 96),
            (100_000, 10, 3200, 3232),
        ] {
            assert_eq!(input.content_width(w, h), content, "{w}x{h}");
            assert_eq!(input.padded_width(content), padded, "{w}x{h}");
        }
    }

    #[test]
    fn repeated_characters_need_a_blank_between_them() {
        for (text, steps) in [("", 0), ("a", 1), ("ab", 2), ("aa", 3), ("hello", 6), ("aaaa", 7)] {
            assert_eq!(ctc_steps(&text.chars().collect::<Vec<_>>()), steps, "{text:?}");
        }
    }
}
