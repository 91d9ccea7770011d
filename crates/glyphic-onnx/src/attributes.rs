//! A node's attributes, of which none may be overlooked.

use std::collections::BTreeMap;

use glyphic_graph::{Padding, Tensor};

use crate::{proto, tensor};

/// Why a node cannot be read.
pub(crate) type Refusal = String;
pub(crate) type Outcome<T> = std::result::Result<T, Refusal>;

/// Attributes by name; each is taken once, and what is left at the end is not supported.
pub(crate) struct Attributes(BTreeMap<String, proto::Attribute>);

impl Attributes {
    pub(crate) fn new(list: Vec<proto::Attribute>) -> Self {
        Self(list.into_iter().map(|a| (a.name.clone(), a)).collect())
    }

    /// Takes attributes that change nothing in inference.
    pub(crate) fn ignore(&mut self, names: &[&str]) {
        for name in names {
            self.0.remove(*name);
        }
    }

    /// Refuses what nobody has taken.
    pub(crate) fn finish(self) -> Outcome<()> {
        match self.0.into_keys().next() {
            Some(name) => Err(format!("attribute {name:?}")),
            None => Ok(()),
        }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub(crate) fn int(&mut self, name: &str, default: i64) -> i64 {
        self.opt_int(name).unwrap_or(default)
    }

    pub(crate) fn opt_int(&mut self, name: &str) -> Option<i64> {
        self.0.remove(name).map(|a| a.i.unwrap_or(0))
    }

    pub(crate) fn flag(&mut self, name: &str, default: bool) -> bool {
        self.int(name, i64::from(default)) != 0
    }

    /// Refuses any other value than this one.
    pub(crate) fn only(&mut self, name: &str, value: i64) -> Outcome<()> {
        match self.int(name, value) {
            v if v == value => Ok(()),
            v => Err(format!("{name} = {v}; only {value} is supported")),
        }
    }

    pub(crate) fn count(&mut self, name: &str, default: usize) -> Outcome<usize> {
        match self.opt_int(name) {
            Some(i) => usize::try_from(i).map_err(|_| format!("{name} = {i}")),
            None => Ok(default),
        }
    }

    pub(crate) fn float(&mut self, name: &str, default: f32) -> f32 {
        self.0.remove(name).map_or(default, |a| a.f.unwrap_or(0.))
    }

    pub(crate) fn opt_float(&mut self, name: &str) -> Option<f32> {
        self.0.remove(name).map(|a| a.f.unwrap_or(0.))
    }

    pub(crate) fn opt_floats(&mut self, name: &str) -> Option<Vec<f32>> {
        self.0.remove(name).map(|a| a.floats)
    }

    pub(crate) fn opt_ints(&mut self, name: &str) -> Option<Vec<i64>> {
        self.0.remove(name).map(|a| a.ints)
    }

    /// Sizes; empty where there are none.
    pub(crate) fn counts(&mut self, name: &str) -> Outcome<Vec<usize>> {
        let ints = self.opt_ints(name).unwrap_or_default();
        ints.iter().map(|i| usize::try_from(*i).map_err(|_| format!("{name} = {ints:?}"))).collect()
    }

    /// Sizes an axis, ones by default.
    pub(crate) fn each(&mut self, name: &str, rank: usize) -> Outcome<Vec<usize>> {
        let counts = self.counts(name)?;
        Ok(if counts.is_empty() { vec![1; rank] } else { counts })
    }

    pub(crate) fn text(&mut self, name: &str, default: &str) -> Outcome<String> {
        match self.0.remove(name) {
            Some(a) => String::from_utf8(a.s.unwrap_or_default()).map_err(|_| format!("{name} is not UTF-8")),
            None => Ok(default.to_owned()),
        }
    }

    pub(crate) fn texts(&mut self, name: &str) -> Outcome<Vec<String>> {
        let list = self.0.remove(name).map(|a| a.strings).unwrap_or_default();
        list.into_iter().map(|s| String::from_utf8(s).map_err(|_| format!("{name} is not UTF-8"))).collect()
    }

    pub(crate) fn tensor(&mut self, name: &str) -> Outcome<Option<Tensor>> {
        let Some(t) = self.0.remove(name).and_then(|a| a.t) else { return Ok(None) };
        tensor::read(t, None).map(Some).map_err(|e| e.to_string())
    }

    /// `pads` and `auto_pad` of a window over some axes.
    pub(crate) fn padding(&mut self, rank: usize) -> Outcome<Padding> {
        let pads = self.counts("pads")?;
        match self.text("auto_pad", "NOTSET")?.as_str() {
            "NOTSET" => Ok(Padding::Explicit(if pads.is_empty() { vec![0; 2 * rank] } else { pads })),
            "VALID" => Ok(Padding::Explicit(vec![0; 2 * rank])),
            "SAME_UPPER" => Ok(Padding::SameUpper),
            "SAME_LOWER" => Ok(Padding::SameLower),
            other => Err(format!("auto_pad = {other:?}")),
        }
    }
}
