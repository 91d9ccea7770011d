//! Configuration keys set over a default.
//!
//! serde's container default fills a missing field from the field's own type. Where a default value holds a struct that
//! differs from that struct's own `Default`, setting one key inside it would silently change the others. Here a key that
//! is set changes that key and nothing else, at any depth; an enum keeps the base's content only while the variant stays
//! the same. Errors name the keys that lead to them, those of TOML their line too.
//!
//! What a format gives is first taken as a tree: configurations are large, and are compiled for one deserializer so.

use std::fmt;
use std::vec;

use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer,
    MapAccess, SeqAccess, VariantAccess, Visitor,
};
use serde::{Deserialize, Serialize, forward_to_deserialize_any};
use serde_json::Value;

/// Deserializes a `T` whose missing keys, nested ones too, are those of `base`.
///
/// # Errors
/// The format's, and one where `base` cannot be serialized.
pub fn deserialize_over<'de, T, D>(base: &T, deserializer: D) -> Result<T, D::Error>
where
    T: Serialize + Deserialize<'de>,
    D: Deserializer<'de>,
{
    let base = serde_json::to_value(base).map_err(D::Error::custom)?.into();
    let given = Tree::deserialize(deserializer)?;
    T::deserialize(Over { given, base }).map_err(D::Error::custom)
}

/// [`deserialize_over`] the type's default, for `#[serde(deserialize_with = "...")]`.
///
/// # Errors
/// Those of [`deserialize_over`].
pub fn deserialize_over_default<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Default + Serialize + Deserialize<'de>,
    D: Deserializer<'de>,
{
    deserialize_over(&T::default(), deserializer)
}

/// Reads TOML.
///
/// # Errors
/// What is wrong with its line and column.
pub fn from_toml<T: DeserializeOwned>(text: &str) -> Result<T, TomlError> {
    read(text, Tree::Null)
}

/// Reads TOML whose missing keys, nested ones too, are those of `base`.
///
/// # Errors
/// What is wrong with its line and column, and one where `base` cannot be serialized.
pub fn from_toml_over<T: Serialize + DeserializeOwned>(base: &T, text: &str) -> Result<T, TomlError> {
    let base = serde_json::to_value(base).map_err(|e| TomlError(e.to_string()))?;
    read(text, base.into())
}

/// Why a TOML text was refused, and where: line and column count from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TomlError(String);

fn read<T: DeserializeOwned>(text: &str, base: Tree) -> Result<T, TomlError> {
    let given = toml::from_str(text).map_err(|e| TomlError(e.to_string()))?;
    T::deserialize(Over { given, base }).map_err(|e| match place(text, &e.keys) {
        Some((line, column)) => TomlError(format!("line {line}, column {column}: {}", e.message)),
        None => TomlError(e.to_string()),
    })
}

/// Line and column, from 1, of the last of the keys that the text has.
fn place(text: &str, keys: &str) -> Option<(usize, usize)> {
    let root = toml::de::DeTable::parse(text).ok()?;
    let (mut table, mut list) = (Some(root.get_ref()), None);
    let (mut keys, mut at) = (keys.to_owned(), None);
    // A name may hold dots itself.
    let rest = |keys: &str, name: &str| match keys.strip_prefix(name)? {
        "" => Some(String::new()),
        rest => rest.strip_prefix('.').map(str::to_owned),
    };
    loop {
        let next = match (table, list) {
            (Some(table), _) => table
                .iter()
                .find_map(|(key, value)| Some((rest(&keys, key.get_ref())?, key.span().start, value))),
            (None, Some(list)) => {
                let list: &toml::de::DeArray<'_> = list;
                let number = keys.split('.').next().unwrap_or_default();
                let value = number.parse().ok().and_then(|i: usize| list.get(i));
                value.and_then(|value| Some((rest(&keys, number)?, value.span().start, value)))
            }
            (None, None) => None,
        };
        let Some((keys_left, start, value)) = next else { break };
        at = Some(start);
        (table, list) = (value.get_ref().as_table(), value.get_ref().as_array());
        keys = keys_left;
    }
    let before = text.get(..at?)?;
    let line = before.rfind('\n').map_or(0, |end| end + 1);
    Some((1 + before.matches('\n').count(), 1 + before[line..].chars().count()))
}

/// Anything that a format of configurations can hold.
#[derive(Debug, Clone, PartialEq)]
enum Tree {
    Null,
    Flag(bool),
    Signed(i64),
    Unsigned(u64),
    Float(f64),
    Text(String),
    List(Vec<Tree>),
    Table(Vec<(String, Tree)>),
}

impl Tree {
    /// What stands at a key of a table.
    fn at(self, name: &str) -> Self {
        let Self::Table(entries) = self else { return Self::Null };
        entries.into_iter().find(|(key, _)| key == name).map_or(Self::Null, |(_, value)| value)
    }
}

impl From<Value> for Tree {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(flag) => Self::Flag(flag),
            Value::Number(n) => match (n.as_i64(), n.as_u64()) {
                (Some(n), _) => Self::Signed(n),
                (None, Some(n)) => Self::Unsigned(n),
                (None, None) => n.as_f64().map_or(Self::Null, Self::Float),
            },
            Value::String(text) => Self::Text(text),
            Value::Array(list) => Self::List(list.into_iter().map(Self::from).collect()),
            Value::Object(map) => Self::Table(map.into_iter().map(|(k, v)| (k, v.into())).collect()),
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Tree, E> {
        Ok(Tree::Flag(flag))
    }

    fn visit_i64<E>(self, n: i64) -> Result<Tree, E> {
        Ok(Tree::Signed(n))
    }

    fn visit_u64<E>(self, n: u64) -> Result<Tree, E> {
        Ok(Tree::Unsigned(n))
    }

    fn visit_f64<E>(self, x: f64) -> Result<Tree, E> {
        Ok(Tree::Float(x))
    }

    fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
        Ok(Tree::Text(text.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_none<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<Tree, D::Error> {
        Tree::deserialize(inner)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Tree, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = sequence.next_element()? {
            list.push(value);
        }
        Ok(Tree::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut entries: Vec<(String, Tree)> = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, Tree>()? {
            if entries.iter().any(|(other, _)| *other == name) {
                return Err(A::Error::custom(format!("`{name}` is given twice")));
            }
            entries.push((name, value));
        }
        Ok(Tree::Table(entries))
    }
}

/// What is wrong, and the keys that lead there, joined by dots.
#[derive(Debug)]
struct OverError {
    keys: String,
    message: String,
}

impl OverError {
    /// The error of a value that stands at `key`.
    fn under(self, key: &str) -> Self {
        let keys = match self.keys.as_str() {
            "" => key.to_owned(),
            keys => format!("{key}.{keys}"),
        };
        Self { keys, ..self }
    }
}

impl fmt::Display for OverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.keys.as_str() {
            "" => f.write_str(&self.message),
            keys => write!(f, "in `{keys}`: {}", self.message),
        }
    }
}

impl std::error::Error for OverError {}

impl de::Error for OverError {
    /// An error of [`deserialize_over`] further in comes as its text: its keys are taken out again.
    fn custom<T: fmt::Display>(message: T) -> Self {
        let text = message.to_string();
        match text.strip_prefix("in `").and_then(|rest| rest.split_once("`: ")) {
            Some((keys, message)) => Self { keys: keys.to_owned(), message: message.to_owned() },
            None => Self { keys: String::new(), message: text },
        }
    }
}

/// A deserializer whose structs and enums are completed from `base`.
struct Over {
    given: Tree,
    base: Tree,
}

impl<'de> Deserializer<'de> for Over {
    type Error = OverError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, OverError> {
        match self.given {
            Tree::Null => visitor.visit_unit(),
            Tree::Flag(flag) => visitor.visit_bool(flag),
            Tree::Signed(n) => visitor.visit_i64(n),
            Tree::Unsigned(n) => visitor.visit_u64(n),
            Tree::Float(x) => visitor.visit_f64(x),
            Tree::Text(text) => visitor.visit_string(text),
            Tree::List(list) => visitor.visit_seq(Items { count: 0, rest: list.into_iter() }),
            Tree::Table(given) => visitor.visit_map(Filled::new(given, Tree::Null)),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, OverError> {
        match self.given {
            Tree::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, OverError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, OverError> {
        match self.given {
            Tree::Table(given) => visitor.visit_map(Filled::new(given, self.base)),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, OverError> {
        let (name, given) = match self.given {
            Tree::Text(name) => (name, Tree::Null),
            Tree::Table(mut entries) if entries.len() == 1 => entries.remove(0),
            Tree::Table(entries) => {
                let names: Vec<String> = entries.iter().map(|(name, _)| format!("`{name}`")).collect();
                let found = match names.is_empty() {
                    true => "none".to_owned(),
                    false => names.join(", "),
                };
                return Err(OverError::custom(format!("expected one key; found {found}")));
            }
            _ => return self.deserialize_any(visitor),
        };
        visitor.visit_enum(OverVariant { base: self.base.at(&name), name, given })
    }
}

/// The items of a list.
struct Items {
    count: usize,
    rest: vec::IntoIter<Tree>,
}

impl<'de> SeqAccess<'de> for Items {
    type Error = OverError;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, OverError> {
        let Some(given) = self.rest.next() else { return Ok(None) };
        self.count += 1;
        let value = seed.deserialize(Over { given, base: Tree::Null });
        value.map(Some).map_err(|e| e.under(&(self.count - 1).to_string()))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

/// The keys that are given, then those of the base that are not.
struct Filled {
    entries: vec::IntoIter<(String, Over)>,
    /// The key read last, and what stands there.
    value: Option<(String, Over)>,
}

impl Filled {
    fn new(given: Vec<(String, Tree)>, base: Tree) -> Self {
        let mut rest = match base {
            Tree::Table(rest) => rest,
            _ => Vec::new(),
        };
        let mut entries: Vec<(String, Over)> = Vec::with_capacity(given.len().max(rest.len()));
        for (name, given) in given {
            let base = match rest.iter().position(|(key, _)| *key == name) {
                Some(at) => rest.remove(at).1,
                None => Tree::Null,
            };
            entries.push((name, Over { given, base }));
        }
        entries.extend(rest.into_iter().map(|(name, given)| (name, Over { given, base: Tree::Null })));
        Self { entries: entries.into_iter(), value: None }
    }
}

impl<'de> MapAccess<'de> for Filled {
    type Error = OverError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, OverError> {
        let Some((name, value)) = self.entries.next() else { return Ok(None) };
        let key =
            seed.deserialize(name.as_str().into_deserializer()).map_err(|e: OverError| e.under(&name))?;
        self.value = Some((name, value));
        Ok(Some(key))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, OverError> {
        let (name, value) = self.value.take().ok_or_else(|| OverError::custom("a value without its key"))?;
        seed.deserialize(value).map_err(|e| e.under(&name))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.entries.len())
    }
}

/// A variant and its content; none where the name stands alone.
struct OverVariant {
    name: String,
    given: Tree,
    base: Tree,
}

impl<'de> EnumAccess<'de> for OverVariant {
    type Error = OverError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), OverError> {
        let value = seed.deserialize(self.name.as_str().into_deserializer());
        Ok((value.map_err(|e: OverError| e.under(&self.name))?, self))
    }
}

impl OverVariant {
    fn content(self) -> (String, Over) {
        (self.name, Over { given: self.given, base: self.base })
    }
}

impl<'de> VariantAccess<'de> for OverVariant {
    type Error = OverError;

    fn unit_variant(self) -> Result<(), OverError> {
        match &self.given {
            Tree::Null => Ok(()),
            Tree::Table(entries) if entries.is_empty() => Ok(()),
            _ => Err(OverError::custom(format!("`{0}` has no content; expected \"{0}\"", self.name))
                .under(&self.name)),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, OverError> {
        let (name, content) = self.content();
        seed.deserialize(content).map_err(|e| e.under(&name))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value, OverError> {
        let (name, content) = self.content();
        content.deserialize_any(visitor).map_err(|e| e.under(&name))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, OverError> {
        let (name, content) = self.content();
        content.deserialize_struct("", fields, visitor).map_err(|e| e.under(&name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Inner {
        a: f32,
        b: Option<u64>,
        list: Vec<i32>,
    }

    impl Default for Inner {
        fn default() -> Self {
            Self { a: 1.0, b: None, list: vec![1, 2] }
        }
    }

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        Plain,
        Deep(Inner),
        Other(Inner),
        Pair(f64, f64),
        Named { x: Inner, y: u8 },
    }

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Outer {
        inner: Inner,
        maybe: Option<Inner>,
        kind: Kind,
    }

    /// A default whose parts differ from their own defaults.
    impl Default for Outer {
        fn default() -> Self {
            let part = Inner { a: 0.4, b: Some(7), list: vec![3] };
            Self { inner: part.clone(), maybe: Some(part.clone()), kind: Kind::Deep(part) }
        }
    }

    fn read(json: &str) -> Result<Outer, serde_json::Error> {
        deserialize_over_default(&mut serde_json::Deserializer::from_str(json))
    }

    #[test]
    fn a_key_that_is_set_changes_that_key_and_nothing_else() {
        let base = Outer::default();
        assert_eq!(read("{}").unwrap(), base);
        let mut expected = base.clone();
        expected.inner.a = 2.0;
        assert_eq!(read(r#"{"inner": {"a": 2}}"#).unwrap(), expected);
        let mut expected = base.clone();
        expected.inner.list = vec![];
        expected.maybe = Some(Inner { b: Some(1), ..base.inner.clone() });
        expected.kind = Kind::Deep(Inner { a: 9.0, ..base.inner.clone() });
        let given = r#"{"inner": {"list": []}, "maybe": {"b": 1}, "kind": {"deep": {"a": 9}}}"#;
        assert_eq!(read(given).unwrap(), expected);
        assert_eq!(read(r#"{"maybe": null}"#).unwrap().maybe, None);
    }

    #[test]
    fn another_variant_has_its_own_defaults() {
        for (given, expected) in [
            (r#""plain""#, Kind::Plain),
            (r#"{"other": {"b": 3}}"#, Kind::Other(Inner { b: Some(3), ..Inner::default() })),
            (r#"{"pair": [1, 2]}"#, Kind::Pair(1.0, 2.0)),
            (r#"{"named": {"x": {}, "y": 3}}"#, Kind::Named { x: Inner::default(), y: 3 }),
        ] {
            assert_eq!(read(&format!(r#"{{"kind": {given}}}"#)).unwrap().kind, expected, "{given}");
        }
        let base = Kind::Named { x: Inner { a: 5.0, ..Inner::default() }, y: 3 };
        let mut json = serde_json::Deserializer::from_str(r#"{"named": {"x": {"b": 2}}}"#);
        let expected = Kind::Named { x: Inner { a: 5.0, b: Some(2), ..Inner::default() }, y: 3 };
        assert_eq!(deserialize_over(&base, &mut json).unwrap(), expected);
    }

    #[test]
    fn typos_and_wrong_types_are_named_with_their_keys_and_lines() {
        for (given, line, word) in [
            ("\niner = {}\n", "line 2, column 1:", "unknown field `iner`"),
            ("[inner]\n\n  c = 1\n", "line 3, column 3:", "unknown field `c`"),
            ("[kind.deeep]\n", "line 1, column 7:", "unknown variant `deeep`"),
            ("kind = \"deeep\"\n", "line 1, column 1:", "unknown variant `deeep`"),
            ("kind = 3\n", "line 1, column 1:", "invalid type: integer `3`"),
            ("[inner]\na = 1\nlist = [1,\n \"x\"]\n", "line 4, column 2:", "invalid type"),
            ("[kind]\ndeep.a = \"x\"\n", "line 2, column 6:", "invalid type: string \"x\", expected f32"),
            ("[kind]\ndeep.a = 1\nother.a = 1\n", "line 1, column 2:", "found `deep`, `other`"),
            ("[kind]\nplain.a = 1\n", "line 2, column 1:", "`plain` has no content"),
            ("[kind]\n\nnamed.y = 300\n", "line 3, column 7:", "300"),
            ("inner = {\n", "line 1", "TOML parse error"),
        ] {
            let error = from_toml_over(&Outer::default(), given).unwrap_err().to_string();
            assert!(error.contains(line) && error.contains(word), "{given}: {error}");
        }
        for (given, keys, word) in [
            (r#"{"inner": {"c": 1}}"#, "in `inner.c`", "unknown field `c`"),
            (r#"{"inner": {"a": "x"}}"#, "in `inner.a`", "invalid type"),
            (r#"{"inner": {}, "inner": {}}"#, "", "`inner` is given twice"),
        ] {
            let error = read(given).unwrap_err().to_string();
            assert!(error.contains(keys) && error.contains(word), "{given}: {error}");
        }
    }

    /// A part whose default is not that of its own type, inside a type that is read over its default itself.
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Outmost {
        #[serde(deserialize_with = "deserialize_over_default")]
        outer: Outer,
    }

    #[test]
    fn a_type_that_is_read_over_its_default_keeps_its_place_in_errors() {
        let expected = Outer { inner: Inner { a: 3.0, ..Outer::default().inner }, ..Outer::default() };
        assert_eq!(from_toml::<Outmost>("[outer]\ninner.a = 3\n").unwrap(), Outmost { outer: expected });
        let error = from_toml::<Outmost>("[outer]\n[outer.inner]\nb = 2\naa = 3\n").unwrap_err().to_string();
        assert!(error.starts_with("line 4, column 1: unknown field `aa`"), "{error}");
    }

    #[test]
    fn numbers_that_are_no_json_are_kept() {
        let read: Inner = from_toml("a = inf\n").unwrap();
        assert_eq!(read.a, f32::INFINITY);
        assert!(from_toml::<Inner>("a = nan\n").unwrap().a.is_nan());
        assert_eq!(
            from_toml::<Inner>("a = 0.1\nb = 9007199254740993\n").unwrap().b,
            Some(9_007_199_254_740_993)
        );
    }
}
