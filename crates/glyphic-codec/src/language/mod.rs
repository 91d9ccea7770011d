//! How likely a text is, whatever the picture shows: a model of characters for the
//! [beam search](crate::BeamConfig).
//!
//! An n-gram model with Witten-Bell smoothing (Witten and Bell 1991; Chen and Goodman 1998, section 2.6) over the
//! letters of single words, without their case: what a word begins and ends with, and which letters follow which. The
//! case of a letter is a second, small model over the cases before it in the word.

mod file;
mod train;

pub use train::LanguageModelTrainer;

/// The largest order of a model: an n-gram is packed into eight bytes, one of which counts its characters.
pub const MAX_ORDER: usize = 7;

/// What words begin after and end with.
const BOUNDARY: u8 = 0;

/// The context of nothing.
const ROOT: u32 = 0;

/// Steps a unit of a stored logarithm has; they are stored in one byte, as what they lie below 0.
const QUANTUM: f32 = 16.0;

/// The probability of characters, given those before them in the word.
#[derive(Debug, Clone, PartialEq)]
pub struct LanguageModel {
    order: usize,
    /// The characters that have been seen, without case, in order; their symbols are 1, 2, ...
    characters: Vec<char>,
    /// Of nodes in the order of a breadth-first walk, without the root: the symbol that leads to it, and the logarithm
    /// of its probability after what leads to its parent.
    symbols: Vec<u8>,
    log_probabilities: Vec<u8>,
    /// Of nodes with children, in that order, the root first: what a shorter context's probability is lowered by.
    backoffs: Vec<u8>,
    /// Of every case before, the probability that a letter is a capital.
    capitals: [f32; Case::COUNT],
    links: Links,
}

/// What follows from the shape of the tree. Nodes are counted with the root, which is 0.
#[derive(Debug, Clone, Default, PartialEq)]
struct Links {
    /// Where the children of a node begin; of the next one they end there.
    children: Vec<u32>,
    /// Of the same characters without the first.
    suffixes: Vec<u32>,
    /// The longest end of the same characters that has children.
    contexts: Vec<u32>,
    /// Each node's place in the backoffs; of those without children any.
    backoffs: Vec<u32>,
}

/// The capitals and small letters of a word so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    /// The word begins.
    Start,
    /// No letter yet.
    NoLetter,
    /// One letter, a capital.
    First,
    /// Two letters or more, capitals all.
    Upper,
    /// A small letter was the last.
    Lower,
    /// A capital was the last, after small letters.
    Mixed,
}

impl Case {
    const COUNT: usize = 6;

    fn then(self, capital: Option<bool>) -> Self {
        match (self, capital) {
            (Self::Start, None) => Self::NoLetter,
            (case, None) => case,
            (_, Some(false)) => Self::Lower,
            (Self::Start | Self::NoLetter, Some(true)) => Self::First,
            (Self::First | Self::Upper, Some(true)) => Self::Upper,
            (Self::Lower | Self::Mixed, Some(true)) => Self::Mixed,
        }
    }
}

/// What a model remembers of the characters before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LanguageState {
    context: u32,
    case: Case,
}

/// A character as a model sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Letter {
    /// `None` for one that the model has never seen.
    symbol: Option<u8>,
    /// `None` where the case is not to be judged.
    capital: Option<bool>,
}

/// A character without case, and whether it is a capital; `None` for those that have no case.
fn fold(char: char) -> (char, Option<bool>) {
    let only = |mut chars: Box<dyn Iterator<Item = char>>| match (chars.next(), chars.next()) {
        (Some(c), None) => Some(c),
        _ => None,
    };
    match (only(Box::new(char.to_lowercase())), only(Box::new(char.to_uppercase()))) {
        (Some(lower), Some(upper)) if lower != upper => (lower, Some(char == upper)),
        _ => (char, None),
    }
}

impl LanguageModel {
    /// How many characters a probability takes into account, its own with them.
    pub fn order(&self) -> usize {
        self.order
    }

    /// The number of n-grams.
    pub fn len(&self) -> usize {
        self.symbols.len()
    }

    /// Whether it has seen nothing.
    pub fn is_empty(&self) -> bool {
        self.symbols.is_empty()
    }

    /// A character as the model sees it. Where not every case can be read, as in vocabularies of small letters alone, it
    /// is not `cased`: then its case is not judged. White space is the end of a word.
    pub fn letter(&self, char: char, cased: bool) -> Letter {
        if char.is_whitespace() {
            return Letter { symbol: Some(BOUNDARY), capital: None };
        }
        let (folded, capital) = fold(char);
        let symbol = self.characters.binary_search(&folded).ok().map(|i| i as u8 + 1);
        Letter { symbol, capital: capital.filter(|_| cased) }
    }

    /// Before a word.
    pub fn start(&self) -> LanguageState {
        let context = self.child(ROOT, BOUNDARY).map_or(ROOT, |node| self.links.contexts[node as usize]);
        LanguageState { context, case: Case::Start }
    }

    /// The natural logarithm of a character's probability, and the state behind it.
    pub fn advance(&self, state: LanguageState, letter: Letter) -> (f32, LanguageState) {
        let (mut log, context) = self.follow(state.context, letter.symbol);
        if letter.symbol == Some(BOUNDARY) {
            return (log, self.start());
        }
        if let Some(capital) = letter.capital {
            let capitals = self.capitals[state.case as usize];
            log += if capital { capitals } else { 1.0 - capitals }.ln();
        }
        (log, LanguageState { context, case: state.case.then(letter.capital) })
    }

    /// The natural logarithm of the probability that a word ends here; 0 where none has begun.
    pub fn end(&self, state: LanguageState) -> f32 {
        if state.case == Case::Start { 0.0 } else { self.follow(state.context, Some(BOUNDARY)).0 }
    }

    /// The natural logarithm of a text's probability: of its words one by one.
    pub fn log_probability(&self, text: &str) -> f32 {
        let word = |word: &str| {
            let (log, state) = word.chars().fold((0.0, self.start()), |(sum, state), char| {
                let (log, state) = self.advance(state, self.letter(char, true));
                (sum + log, state)
            });
            log + self.end(state)
        };
        text.split_whitespace().map(word).sum()
    }

    /// A symbol after a context: the logarithm of its probability, and the context that it makes.
    fn follow(&self, mut context: u32, symbol: Option<u8>) -> (f32, u32) {
        let mut log = 0.0;
        loop {
            if let Some(node) = symbol.and_then(|symbol| self.child(context, symbol)) {
                let found = dequantized(self.log_probabilities[node as usize - 1]);
                return (log + found, self.links.contexts[node as usize]);
            }
            log += dequantized(self.backoffs[self.links.backoffs[context as usize] as usize]);
            if context == ROOT {
                // One more than there are: the one that was never seen.
                return (log - (self.characters.len() as f32 + 2.0).ln(), ROOT);
            }
            context = self.links.suffixes[context as usize];
        }
    }

    fn child(&self, node: u32, symbol: u8) -> Option<u32> {
        let (first, end) = self.links.children_of(node);
        let symbols = &self.symbols[first as usize - 1..end as usize - 1];
        symbols.binary_search(&symbol).ok().map(|i| first + i as u32)
    }
}

impl Links {
    fn children_of(&self, node: u32) -> (u32, u32) {
        (self.children[node as usize], self.children[node as usize + 1])
    }

    /// From each node's number of children, the root first, and the symbols of all others. What is wrong is told.
    fn new(counts: &[u8], symbols: &[u8], order: usize) -> Result<Self, String> {
        let nodes = counts.len();
        if nodes != symbols.len() + 1 {
            return Err(format!("{nodes} nodes have {} symbols", symbols.len()));
        }
        let mut children = Vec::with_capacity(nodes + 1);
        let mut at = 1_u32;
        for &count in counts {
            children.push(at);
            at += u32::from(count);
        }
        children.push(at);
        if at as usize != nodes {
            return Err(format!("{nodes} nodes have {} children", at - 1));
        }
        let mut links = Self {
            children,
            suffixes: vec![ROOT; nodes],
            contexts: vec![ROOT; nodes],
            backoffs: vec![0; nodes],
        };
        let mut inner = 0;
        let mut depths = vec![0_u8; nodes];
        for node in 0..nodes as u32 {
            let (first, end) = links.children_of(node);
            if first <= node && first < end {
                return Err(format!("node {node} is a child of its own"));
            }
            let own = &symbols[first as usize - 1..end as usize - 1];
            if !own.is_sorted_by(|a, b| a < b) {
                return Err(format!("the symbols after node {node} are not in order"));
            }
            if usize::from(depths[node as usize]) >= order && first < end {
                return Err(format!("an n-gram is longer than {order}"));
            }
            // The children of the suffix hold all symbols of the node's, in the same order.
            let suffix = links.suffixes[node as usize];
            let (mut candidate, last) = links.children_of(suffix);
            for child in first..end {
                depths[child as usize] = depths[node as usize] + 1;
                if node == ROOT {
                    continue;
                }
                let symbol = symbols[child as usize - 1];
                while candidate < last && symbols[candidate as usize - 1] < symbol {
                    candidate += 1;
                }
                if candidate == last || symbols[candidate as usize - 1] != symbol {
                    return Err(format!("n-gram {child} stands there without its end"));
                }
                links.suffixes[child as usize] = candidate;
            }
            let has_children = first < end || node == ROOT;
            links.contexts[node as usize] =
                if has_children { node } else { links.contexts[links.suffixes[node as usize] as usize] };
            links.backoffs[node as usize] = inner;
            inner += u32::from(has_children);
        }
        Ok(links)
    }
}

fn quantized(log: f64) -> u8 {
    (-log * f64::from(QUANTUM)).round().clamp(0.0, 255.0) as u8
}

fn dequantized(byte: u8) -> f32 {
    -f32::from(byte) / QUANTUM
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn model(texts: &[(&str, f64)], order: usize, min_count: f64) -> LanguageModel {
        let mut trainer = LanguageModelTrainer::new(order).unwrap();
        texts.iter().for_each(|(text, weight)| trainer.add(text, *weight));
        trainer.finish(min_count)
    }

    /// The sum of the probabilities of everything that can follow.
    fn total(model: &LanguageModel, state: LanguageState) -> f64 {
        let mut symbols: Vec<Option<u8>> = (0..=model.characters.len() as u8).map(Some).collect();
        symbols.push(None);
        symbols.into_iter().map(|symbol| f64::from(model.follow(state.context, symbol).0).exp()).sum()
    }

    #[test]
    fn probabilities_are_those_of_witten_and_bell() {
        let model = model(&[("aab", 1.0)], 2, 0.0);
        // Symbols: the end, a, b, and one for what was never seen. Seen: a twice, b, the end; three kinds of four.
        let uniform = 1.0 / 4.0;
        let single = |count: f64| (count + 3.0 * uniform) / (4.0 + 3.0);
        // After a: a and b.
        let a_after_a = (1.0 + 2.0 * single(2.0)) / (2.0 + 2.0);
        // After b: the end alone, so that a falls back.
        let a_after_b = single(2.0) / (1.0 + 1.0);
        let letter = |c| model.letter(c, false);
        let after = |text: &str| text.chars().fold(model.start(), |s, c| model.advance(s, letter(c)).1);
        for (before, char, expected) in [
            ("a", 'a', a_after_a),
            ("b", 'a', a_after_b),
            ("z", 'a', single(2.0)),
            ("z", 'z', 3.0 * uniform / 7.0),
        ] {
            let got = model.advance(after(before), letter(char)).0;
            assert!((f64::from(got) - expected.ln()).abs() < 0.1, "{char} after {before}: {got}, {expected}");
        }
    }

    #[test]
    fn what_was_read_is_likelier_than_what_was_not() {
        let texts = [("Restaurant", 4.0), ("restaurant", 4.0), ("TOTAL", 9.0), ("table", 3.0)];
        let model = model(&texts, 5, 0.0);
        let log = |text| model.log_probability(text);
        assert!(log("Restaurant") > log("Restourant"));
        assert!(log("RESTAURANT") > log("RESTAURRNT"));
        assert!(log("TOTAL") > log("ToTAL"), "capitals follow capitals");
        assert!(log("total") > log("t0tal"));
        assert!((log("total table") - log("total") - log("table")).abs() < 1e-4, "words stand alone");
        assert!(log("日本").is_finite(), "what was never seen has a probability too");
    }

    #[test]
    fn case_is_not_judged_where_it_cannot_be_read() {
        let model = model(&[("TOTAL", 9.0)], 3, 0.0);
        let log = |char, cased| model.advance(model.start(), model.letter(char, cased)).0;
        assert_eq!(log('t', false), log('T', false));
        assert!(log('T', true) > log('t', true));
        assert!(log('t', false) > log('T', true), "it costs nothing");
    }

    #[test]
    fn labels_in_capitals_do_not_teach_to_shout() {
        let mut trainer = LanguageModelTrainer::new(4).unwrap();
        trainer.add_caseless("TOTAL CASH", 99.0);
        trainer.add("Total cash", 1.0);
        let model = trainer.finish(0.0);
        assert!(model.log_probability("Total") > model.log_probability("TOTAL"));
        assert!(model.log_probability("Total") > model.log_probability("Tatol"));
    }

    #[test]
    fn rare_ngrams_are_left_out_and_the_rest_still_adds_up() {
        let texts = [("abcabd", 1.0), ("abce", 5.0), ("bcd", 0.4), ("dcba", 0.2)];
        let (whole, pruned) = (model(&texts, 4, 0.0), model(&texts, 4, 1.0));
        assert!(pruned.len() < whole.len(), "{} and {}", pruned.len(), whole.len());
        for text in ["", "a", "ab", "abc", "bc", "dc", "x"] {
            for model in [&whole, &pruned] {
                let step = |state, char| model.advance(state, model.letter(char, true)).1;
                let total = total(model, text.chars().fold(model.start(), step));
                assert!((total - 1.0).abs() < 0.05, "after {text:?}: {total}");
            }
        }
    }

    #[test]
    fn a_model_of_nothing_takes_all_for_equal() {
        let model = LanguageModelTrainer::new(3).unwrap().finish(0.0);
        assert!(model.is_empty());
        assert_eq!(model.log_probability("ab"), model.log_probability("yz"));
        assert!(model.log_probability("ab").is_finite());
    }

    #[test]
    fn an_order_beyond_the_largest_is_refused() {
        for order in [0, 8] {
            let error = LanguageModelTrainer::new(order).unwrap_err().to_string();
            assert!(error.contains(&order.to_string()) && error.contains("1 to 7"), "{error}");
        }
    }

    #[test]
    fn a_file_holds_the_whole_model() {
        let model = model(&[("Größe 12,50 €", 2.0), ("abc", 1.0), ("abd", 0.3)], 4, 0.5);
        let bytes = model.to_bytes();
        assert_eq!(LanguageModel::from_bytes(&bytes).unwrap(), model);
        for end in [0, 7, 40, bytes.len() / 2, bytes.len() - 1] {
            assert!(LanguageModel::from_bytes(&bytes[..end]).is_err(), "{end} bytes");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn whatever_is_read_every_context_adds_up_to_one(
            texts in proptest::collection::vec(("[a-dA-D ]{0,8}", 0.01f64..3.0), 1..12),
            order in 1usize..=7,
            min_count in 0.0f64..2.0,
            context in "[a-eA-E ]{0,9}",
        ) {
            let texts: Vec<(&str, f64)> = texts.iter().map(|(t, w)| (t.as_str(), *w)).collect();
            let model = model(&texts, order, min_count);
            let state = context.chars().fold(model.start(), |s, c| model.advance(s, model.letter(c, true)).1);
            let total = total(&model, state);
            prop_assert!((total - 1.0).abs() < 0.06, "{}", total);
        }

        #[test]
        fn broken_bytes_are_an_error_and_no_panic(
            changes in proptest::collection::vec((0usize..4000, any::<u8>()), 1..6),
        ) {
            let mut bytes = model(&[("abcabd", 1.0), ("abce", 5.0)], 4, 0.0).to_bytes();
            for (at, byte) in changes {
                let at = at % bytes.len();
                bytes[at] = byte;
            }
            if let Ok(model) = LanguageModel::from_bytes(&bytes) {
                prop_assert!(!model.log_probability("abcd xyz").is_nan());
            }
        }
    }
}
