//! What a data set is like, in numbers.

use std::collections::BTreeMap;
use std::fmt;

use glyphic_labels::Result;
use glyphic_labels::formats::{Kind, Reader, Record, Truth};
use serde::Serialize;

/// So many characters and labels are named in words.
const NAMED: usize = 20;

/// How often each whole number occurs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Histogram(pub BTreeMap<usize, usize>);

impl Histogram {
    fn add(&mut self, value: usize) {
        *self.0.entry(value).or_default() += 1;
    }

    /// The value below which this share of all lies; `None` where there is none.
    pub fn quantile(&self, share: f64) -> Option<usize> {
        let all: usize = self.0.values().sum();
        let mut before = 0;
        self.0.iter().find_map(|(value, count)| {
            before += count;
            (before as f64 >= share * all as f64 && before > 0).then_some(*value)
        })
    }
}

impl fmt::Display for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [least, middle, most, largest] = [0.0, 0.5, 0.95, 1.0].map(|q| self.quantile(q).unwrap_or(0));
        write!(f, "{least} to {largest}, half up to {middle}, 95% up to {most}")
    }
}

/// Numbers of a data set. Its `Display` says them in words.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Stats {
    /// The format's name.
    pub format: &'static str,
    /// Records, by what they hold.
    pub scenes: usize,
    /// Crops.
    pub crops: usize,
    /// Sentences.
    pub sentences: usize,
    /// Labels that could not be read.
    pub broken: usize,
    /// Things put right on reading.
    pub warnings: usize,
    /// Pictures that do not exist.
    pub missing_pictures: usize,
    /// Regions in pictures.
    pub regions: usize,
    /// Those of them to ignore.
    pub ignored: usize,
    /// Regions in each picture.
    pub regions_each: Histogram,
    /// Vertices of each region.
    pub vertices: Histogram,
    /// Widths of the pictures whose size is known, in pixels.
    pub widths: Histogram,
    /// Their heights.
    pub heights: Histogram,
    /// Texts that are not ignored, of regions, crops and sentences.
    pub texts: usize,
    /// Their lengths in characters.
    pub lengths: Histogram,
    /// How often each of their characters occurs.
    pub chars: BTreeMap<char, usize>,
    /// How often each class of a region or entity occurs.
    pub labels: BTreeMap<String, usize>,
}

impl Stats {
    /// Reads all records; `on` is called with each. Pictures are not decoded: their sizes are the labels', or those in the
    /// heads of their files.
    pub fn of(reader: &mut Reader, mut on: impl FnMut(&Record)) -> Self {
        let mut stats = Self { format: reader.format().name(), ..Self::default() };
        for record in reader.by_ref() {
            stats.add(&record, &mut on);
        }
        stats.warnings = reader.warnings().count;
        stats
    }

    fn add(&mut self, record: &Result<Record>, on: &mut impl FnMut(&Record)) {
        let Ok(record) = record else {
            self.broken += 1;
            return;
        };
        on(record);
        match record.truth.kind() {
            Kind::Instances => self.scenes += 1,
            Kind::Text => self.crops += 1,
            Kind::Sentence => self.sentences += 1,
        }
        if record.truth.kind() != Kind::Sentence {
            let there = record.picture.exists();
            self.missing_pictures += usize::from(!there);
            let size = record.size.or_else(|| there.then(|| record.dimensions().ok()).flatten());
            if let Some((width, height)) = size {
                self.widths.add(width as usize);
                self.heights.add(height as usize);
            }
        }
        match &record.truth {
            Truth::Text(text) => self.text(text),
            Truth::Sentence { text, entities } => {
                self.text(text);
                entities.iter().for_each(|e| self.label(&e.category));
            }
            Truth::Instances(instances) => {
                self.regions += instances.len();
                self.regions_each.add(instances.len());
                for instance in instances {
                    self.vertices.add(instance.region.polygon.points().len());
                    self.ignored += usize::from(instance.ignore);
                    instance.label.iter().for_each(|l| self.label(l));
                    if let (Some(t), false) = (&instance.transcript, instance.ignore) {
                        self.text(&t.text);
                    }
                }
            }
        }
    }

    fn text(&mut self, text: &str) {
        self.texts += 1;
        self.lengths.add(text.chars().count());
        text.chars().for_each(|c| *self.chars.entry(c).or_default() += 1);
    }

    fn label(&mut self, label: &str) {
        match self.labels.get_mut(label) {
            Some(count) => *count += 1,
            None => drop(self.labels.insert(label.to_owned(), 1)),
        }
    }
}

/// The most frequent first, as many as are named.
fn most<K: Clone + Ord>(counts: &BTreeMap<K, usize>) -> Vec<(K, usize)> {
    let mut all: Vec<(K, usize)> = counts.iter().map(|(k, n)| (k.clone(), *n)).collect();
    all.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    all.truncate(NAMED);
    all
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "format             {}", self.format)?;
        for (count, what) in [
            (self.scenes, "pictures          "),
            (self.crops, "crops             "),
            (self.sentences, "sentences         "),
            (self.broken, "broken labels     "),
            (self.warnings, "put right         "),
            (self.missing_pictures, "missing pictures  "),
        ] {
            if count > 0 {
                writeln!(f, "{what} {count}")?;
            }
        }
        if !self.widths.0.is_empty() {
            writeln!(f, "width, pixels      {}", self.widths)?;
            writeln!(f, "height, pixels     {}", self.heights)?;
        }
        if self.scenes > 0 {
            writeln!(f, "regions            {}, {} of them ignored", self.regions, self.ignored)?;
            writeln!(f, "regions each       {}", self.regions_each)?;
            writeln!(f, "vertices           {}", self.vertices)?;
        }
        writeln!(f, "texts              {}", self.texts)?;
        if self.texts > 0 {
            writeln!(f, "length, characters {}", self.lengths)?;
            let chars: Vec<String> =
                most(&self.chars).into_iter().map(|(c, n)| format!("{c:?} {n}")).collect();
            writeln!(
                f,
                "characters         {} different: {}",
                self.chars.len(),
                listed(&chars, self.chars.len())
            )?;
        }
        if !self.labels.is_empty() {
            let labels: Vec<String> =
                most(&self.labels).into_iter().map(|(l, n)| format!("{l} {n}")).collect();
            writeln!(
                f,
                "labels             {} different: {}",
                self.labels.len(),
                listed(&labels, self.labels.len())
            )?;
        }
        Ok(())
    }
}

fn listed(named: &[String], all: usize) -> String {
    let rest = if all > named.len() { ", ..." } else { "" };
    named.join(", ") + rest
}

#[cfg(test)]
mod tests {
    use glyphic_testing::packs;

    use super::*;
    use glyphic_labels::formats::ReadOptions;

    #[test]
    fn numbers_are_those_of_the_labels() {
        let line = r####"{"file_name": "a.png", "annotations": [{"polygon": [5, 5, 25, 5, 25, 15, 5, 15], "text": "abb", "entity": "shop"},
            {"polygon": [1, 1, 9, 1, 9, 9], "text": "###"}, {"polygon": [1, 1, 9, 1, 9, 9]}]}"####
            .replace('\n', "");
        let dir = packs::detection(&[&line, "broken", r#"{"file_name": "gone.png"}"#], &[("a.png", 60, 40)]);
        let mut reader = Reader::open(dir.path(), &ReadOptions::default()).expect("opened");
        let mut calls = 0;
        let stats = Stats::of(&mut reader, |_| calls += 1);
        assert_eq!((stats.scenes, stats.broken, stats.missing_pictures, calls), (2, 1, 1, 2));
        assert_eq!((stats.regions, stats.ignored, stats.texts), (3, 1, 1));
        assert_eq!((stats.chars[&'b'], stats.labels["shop"], stats.widths.0[&60]), (2, 1, 1));
        assert_eq!((stats.regions_each.quantile(0.5), stats.regions_each.quantile(1.0)), (Some(0), Some(3)));
        let text = stats.to_string();
        assert!(text.contains("3, 1 of them ignored") && text.contains("'b' 2, 'a' 1"), "{text}");
    }
}
