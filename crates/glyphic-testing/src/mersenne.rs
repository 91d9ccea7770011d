//! The Mersenne Twister (Matsumoto & Nishimura 1998) as PyTorch draws weights from it on the processor. Some weights of the
//! golden cases were left as the network's constructor drew them; the state of the generator before each is kept here.

use std::path::Path;

use serde_json::Value;

/// Words of the generator's state.
const WORDS: usize = 624;

/// The generator.
struct Mersenne {
    state: Vec<u32>,
    next: usize,
}

impl Mersenne {
    fn next(&mut self) -> u32 {
        let at = |i: usize| (self.next + i) % WORDS;
        let joined = (self.state[at(0)] & 0x8000_0000) | (self.state[at(1)] & 0x7fff_ffff);
        let twisted = (joined >> 1) ^ if joined & 1 == 1 { 0x9908_b0df } else { 0 };
        let mut x = self.state[at(397)] ^ twisted;
        let place = at(0);
        self.state[place] = x;
        self.next = (self.next + 1) % WORDS;
        x ^= x >> 11;
        x ^= (x << 7) & 0x9d2c_5680;
        x ^= (x << 15) & 0xefc6_0000;
        x ^ (x >> 18)
    }
}

/// A matrix `[rows, columns]` of a case that was drawn evenly from +- sqrt(6 / (rows + columns)); `None` for one whose state is
/// not kept.
pub(crate) fn matrix(case: &str, name: &str, [rows, columns]: [usize; 2]) -> Option<Vec<f32>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/initial_states.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let states: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    // Layers that were copied share their weights.
    let (_, words) = states[case].as_object()?.iter().find(|(pattern, _)| {
        pattern.split_once('*').is_some_and(|(head, tail)| name.starts_with(head) && name.ends_with(tail))
    })?;
    let state = words.as_array()?.iter().map(|w| w.as_u64().expect("a word") as u32).collect();
    let mut generator = Mersenne { state, next: 0 };
    let bound = (3f64.sqrt() * (2.0 / (rows + columns) as f64).sqrt()) as f32;
    let draw = |_| {
        let even = (generator.next() & 0xff_ffff) as f32 / (1 << 24) as f32;
        even * (2.0 * bound) - bound
    };
    Some((0..rows * columns).map(draw).collect())
}
