use glyphic_core::Point;

/// A complex number, `[real, imaginary]`.
type Complex = [f64; 2];

/// The values of all harmonics at the points of a contour.
#[derive(Debug, Clone)]
pub struct FourierBasis {
    degree: usize,
    /// Point after point, at each the harmonics from `-degree` to `degree`.
    harmonics: Vec<Complex>,
}

impl FourierBasis {
    /// For contours of `points` points and signatures of the harmonics from `-degree` to `degree`.
    pub fn new(degree: usize, points: usize) -> Self {
        let harmonics = (0..points)
            .flat_map(|i| {
                (0..=2 * degree).map(move |j| {
                    let turns = (i as f64 / points as f64) * (j as f64 - degree as f64);
                    let (sin, cos) = (turns * std::f64::consts::TAU).sin_cos();
                    [cos, sin]
                })
            })
            .collect();
        Self { degree, harmonics }
    }

    /// The contour with this Fourier signature, whole pixels, cut towards zero as the reference does. `signature` holds
    /// `2 * degree + 1` coefficients from `-degree` to `degree`, `[x, y]` in pixels; missing ones are 0.
    pub fn contour(&self, signature: &[[f64; 2]]) -> Vec<Point> {
        let row = 2 * self.degree + 1;
        self.harmonics
            .chunks_exact(row)
            .map(|harmonics| {
                let sum = harmonics.iter().zip(signature).fold([0.0; 2], |[x, y], ([cos, sin], [a, b])| {
                    [x + a * cos - b * sin, y + a * sin + b * cos]
                });
                let [x, y] = sum.map(|v| f64::from(v as i32));
                Point::new(x, y)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_harmonic_is_a_circle_around_the_constant() {
        let basis = FourierBasis::new(2, 4);
        let contour = basis.contour(&[[0.0; 2], [0.0; 2], [50.5, 40.5], [10.0, 0.0], [0.0; 2]]);
        assert_eq!(
            contour,
            [(60.0, 40.0), (50.0, 50.0), (40.0, 40.0), (50.0, 30.0)].map(|(x, y)| Point::new(x, y))
        );
    }

    #[test]
    fn numbers_that_are_not_finite_give_points_nevertheless() {
        let basis = FourierBasis::new(1, 5);
        let contour = basis.contour(&[[f64::NAN, 0.0], [f64::INFINITY; 2], [1e300, 1.0]]);
        assert!(contour.len() == 5 && contour.iter().all(|p| p.x.is_finite() && p.y.is_finite()));
    }
}
