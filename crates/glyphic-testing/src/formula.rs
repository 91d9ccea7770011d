//! Weights and inputs that are computed, not stored: FNV-1a seeds a SplitMix64 stream, and simple rules by
//! name and shape turn the stream into weights. Bit-exact on every platform.

/// FNV-1a, 64 bit, of the UTF-8 bytes of `salt` followed by `name`.
pub fn seed(salt: &str, name: &str) -> u64 {
    salt.bytes()
        .chain(name.bytes())
        .fold(0xcbf2_9ce4_8422_2325, |h, byte| (h ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// SplitMix64 as numbers in [-1, 1), each exact in `f32`.
#[derive(Debug, Clone)]
pub struct Stream {
    state: u64,
}

impl Stream {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }
}

impl Iterator for Stream {
    type Item = f64;

    fn next(&mut self) -> Option<f64> {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        let u = (z >> 40) as f64 / f64::from(1u32 << 24);
        Some(2.0 * u - 1.0)
    }
}

/// `n` values of the stream named `salt + name`, each times `scale` (product in f64, rounded once to f32).
pub fn values(salt: &str, name: &str, n: usize, scale: f64) -> Vec<f32> {
    Stream::new(seed(salt, name)).take(n).map(|v| (v * scale) as f32).collect()
}

/// The value of one state-dict entry; `None` for entries no rule covers, which keep the value that the network's
/// constructor gave them.
pub fn weight(salt: &str, name: &str, shape: &[usize]) -> Option<Vec<f32>> {
    let n: usize = shape.iter().product();
    let last = name.rsplit('.').next().unwrap_or(name);
    let stream = Stream::new(seed(salt, name)).take(n);
    let with = |f: &dyn Fn(f64) -> f64| Some(stream.map(|v| f(v) as f32).collect());
    match last {
        "num_batches_tracked" => Some(vec![0.0; n]),
        "running_mean" => with(&|v| 0.1 * v),
        "running_var" => with(&|v| 1.0 + 0.2 * v.abs()),
        _ if last.starts_with("weight_ih") || last.starts_with("weight_hh") => {
            let bound = (1.0 / shape[1] as f64).sqrt();
            with(&|v| v * bound)
        }
        _ if last.starts_with("bias_ih") || last.starts_with("bias_hh") => with(&|v| 0.1 * v),
        "weight" if shape.len() == 1 => with(&|v| 1.0 + 0.1 * v),
        "weight" => {
            let fan: usize = shape[1..].iter().product();
            let bound = 1.2 * (3.0 / fan as f64).sqrt();
            with(&|v| v * bound)
        }
        "bias" => with(&|v| 0.1 * v),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_give_the_published_check_values() {
        let table = [
            (
                "backbone.conv1.weight",
                0x00f9_c445_1268_2697,
                [0.109597564, 0.584141493, 0.235045433, 0.585575581],
            ),
            ("input:demo", 0x51cd_181a_4204_2b38, [-0.299157143, -0.633937716, -0.828810692, -0.189075589]),
        ];
        for (name, expected_seed, expected) in table {
            assert_eq!(seed("", name), expected_seed, "{name}");
            for (v, e) in Stream::new(expected_seed).zip(expected) {
                assert!((v - e).abs() < 1e-9, "{name}: {v} is not {e}");
            }
        }
    }

    #[test]
    fn the_salt_stands_before_the_name() {
        assert_eq!(seed("backbone.", "conv1.weight"), 0x00f9_c445_1268_2697);
    }

    #[test]
    fn each_kind_of_entry_follows_its_rule() {
        let bn = weight("", "a.bn.weight", &[64]).unwrap();
        assert!(bn.iter().all(|w| (0.9..1.1).contains(w)));
        let var = weight("", "a.bn.running_var", &[64]).unwrap();
        assert!(var.iter().all(|w| (1.0..=1.2).contains(w)));
        let bound = 1.2 * (3.0f32 / 27.0).sqrt();
        let conv = weight("", "a.conv.weight", &[8, 3, 3, 3]).unwrap();
        assert!(conv.iter().all(|w| w.abs() <= bound) && conv.iter().any(|w| w.abs() > bound * 0.9));
        let lstm = weight("", "rnn.weight_ih_l0_reverse", &[40, 25]).unwrap();
        assert!(lstm.iter().all(|w| w.abs() <= 0.2) && lstm.iter().any(|w| w.abs() > 0.18));
        assert_eq!(weight("", "pos_table", &[4]), None);
    }
}
