use pulp::{Arch, NullaryFnOnce};

/// Numbers as bytes: `x` is `(q - zero) scale`, with `q` from 0 to 255.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grid {
    /// Between two neighbouring numbers, above 0.
    pub scale: f32,
    /// The byte of 0.
    pub zero: u8,
}

impl Grid {
    /// Added to a number below 2^22, it leaves the nearest integer in the low bits.
    pub(crate) const ROUND: f32 = 12_582_912.0;

    /// The grid of fewest steps over a range, which is widened to hold 0.
    pub fn over(least: f32, most: f32) -> Self {
        let (least, most) = (least.min(0.0), most.max(0.0));
        let scale = ((f64::from(most) - f64::from(least)) / 255.0) as f32;
        // Nothing but zeros, or not to be told from them.
        let scale = if scale >= 1e-30 { scale.min(1e30) } else { 1.0 };
        Self { scale, zero: (-least / scale).round_ties_even() as u8 }
    }

    /// The least and the most steps from 0.
    pub fn steps(self) -> [f32; 2] {
        [-f32::from(self.zero), 255.0 - f32::from(self.zero)]
    }

    /// The nearest bytes, half to even.
    ///
    /// # Panics
    /// Where there are not as many bytes as numbers.
    pub fn quantize(self, from: &[f32], to: &mut [u8]) {
        self.quantize_wide::<1>(from, to);
    }

    /// As [`Grid::quantize`], each byte the first of `SIZE`, the others 0: a number of so many bytes where the lowest stands
    /// first.
    ///
    /// # Panics
    /// Where there are not as many numbers on both sides.
    pub(crate) fn quantize_wide<const SIZE: usize>(self, from: &[f32], to: &mut [u8]) {
        let (to, rest) = to.as_chunks_mut::<SIZE>();
        assert!(from.len() == to.len() && rest.is_empty(), "{SIZE} bytes for each number");
        Arch::new().dispatch(Quantize { grid: self, from, to });
    }

    /// The number that a byte stands for.
    pub fn number(self, byte: u8) -> f32 {
        (f32::from(byte) - f32::from(self.zero)) * self.scale
    }

    /// The nearest number of the grid.
    pub fn round(self, x: f32) -> f32 {
        let mut byte = [0];
        self.quantize(&[x], &mut byte);
        self.number(byte[0])
    }
}

struct Quantize<'a, const SIZE: usize> {
    grid: Grid,
    from: &'a [f32],
    to: &'a mut [[u8; SIZE]],
}

impl<const SIZE: usize> NullaryFnOnce for Quantize<'_, SIZE> {
    type Output = ();

    /// A loop that compilers turn into vectors.
    #[inline(always)]
    fn call(self) {
        let Self { grid, from, to } = self;
        let (inverse, zero, [least, most]) = (1.0 / grid.scale, grid.zero, grid.steps());
        for (to, x) in to.iter_mut().zip(from) {
            let x = x * inverse;
            // Not `max` and `min`, which say other things of what is no number.
            let x = if x > least { x } else { least };
            let x = if x < most { x } else { most };
            let mut number = [0; SIZE];
            number[0] = ((x + Grid::ROUND).to_bits() as u8).wrapping_add(zero);
            *to = number;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Activation;
    use crate::reference::numbers;

    #[test]
    fn bytes_are_the_nearest_half_to_even_and_stay_in_range() {
        let grid = Grid { scale: 0.5, zero: 3 };
        let table = [
            (0.0, 3),
            (0.25, 3),
            (0.75, 5),
            (-0.25, 3),
            (-0.75, 1),
            (1.0, 5),
            (-9.0, 0),
            (1e30, 255),
            (f32::NEG_INFINITY, 0),
            (f32::NAN, 0),
            (126.0, 255),
            (125.9, 255),
        ];
        let (from, expected): (Vec<f32>, Vec<u8>) = table.into_iter().unzip();
        let mut got = vec![7; from.len()];
        grid.quantize(&from, &mut got);
        assert_eq!(got, expected);
        assert_eq!(grid.round(0.7), 0.5);
    }

    #[test]
    fn the_activation_rounds_as_bytes_do() {
        for grid in [Grid::over(-0.3, 0.7), Grid::over(0.0, 0.5), Grid { scale: 0.25, zero: 255 }] {
            let mut values = numbers(300, 4);
            values.extend([0.125, -0.125, 1e9, -1e9]);
            let expected: Vec<f32> = values.iter().map(|x| grid.round(*x)).collect();
            Activation::Round(grid).apply(&mut values);
            assert_eq!(values, expected);
        }
    }
}
