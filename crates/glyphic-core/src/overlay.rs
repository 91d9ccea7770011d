//! Configuration keys set over a default.
//!
//! serde's container default fills a missing field from the field's own type. Where a default value holds a struct that
//! differs from that struct's own `Default`, setting one key inside it would silently change the others. Here a key that
//! is set changes that key and nothing else, at any depth; an enum keeps the base's content only while the variant stays
//! the same. Errors keep the position that the format gives them.

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Deserializes a `T` whose missing keys, nested ones too, are those of `base`.
///
/// # Errors
/// The format's, and one where `base` cannot be serialized.
pub fn deserialize_over<'de, T, D>(base: &T, deserializer: D) -> Result<T, D::Error>
where
    T: Serialize + Deserialize<'de>,
    D: Deserializer<'de>,
{
    let base = serde_json::to_value(base).map_err(D::Error::custom)?;
    T::deserialize(Over { inner: deserializer, base })
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

/// A deserializer whose structs and enums are completed from `base`.
struct Over<D> {
    inner: D,
    base: Value,
}

/// The same for a seed, a visitor and what those are given.
struct OverSeed<S> {
    seed: S,
    base: Value,
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for OverSeed<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<Self::Value, D::Error> {
        self.seed.deserialize(Over { inner, base: self.base })
    }
}

macro_rules! forward {
    ($($method:ident($($argument:ident: $type:ty),*);)*) => {
        $(fn $method<V: Visitor<'de>>(self, $($argument: $type,)* visitor: V) -> Result<V::Value, D::Error> {
            self.inner.$method($($argument,)* visitor)
        })*
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Over<D> {
    type Error = D::Error;

    forward! {
        deserialize_any(); deserialize_bool(); deserialize_i8(); deserialize_i16(); deserialize_i32();
        deserialize_i64(); deserialize_i128(); deserialize_u8(); deserialize_u16(); deserialize_u32();
        deserialize_u64(); deserialize_u128(); deserialize_f32(); deserialize_f64(); deserialize_char();
        deserialize_str(); deserialize_string(); deserialize_bytes(); deserialize_byte_buf();
        deserialize_unit(); deserialize_unit_struct(name: &'static str); deserialize_seq();
        deserialize_tuple(len: usize); deserialize_tuple_struct(name: &'static str, len: usize);
        deserialize_map(); deserialize_identifier(); deserialize_ignored_any();
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_option(OverVisitor { visitor, base: self.base })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.inner.deserialize_newtype_struct(name, OverVisitor { visitor, base: self.base })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.inner.deserialize_struct(name, fields, OverVisitor { visitor, base: self.base })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.inner.deserialize_enum(name, variants, OverVisitor { visitor, base: self.base })
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

struct OverVisitor<V> {
    visitor: V,
    base: Value,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for OverVisitor<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.visitor.expecting(f)
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_none()
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_some(Over { inner, base: self.base })
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_newtype_struct(Over { inner, base: self.base })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, sequence: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_seq(sequence)
    }

    fn visit_map<A: MapAccess<'de>>(self, given: A) -> Result<V::Value, A::Error> {
        let rest = match self.base {
            Value::Object(rest) => rest,
            _ => Map::new(),
        };
        self.visitor.visit_map(Filled { given: Some(given), rest, base: Value::Null, filled: None })
    }

    fn visit_enum<A: EnumAccess<'de>>(self, given: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_enum(OverEnum { given, base: self.base })
    }
}

/// The keys that are given, then those of the base that are not.
struct Filled<A> {
    given: Option<A>,
    rest: Map<String, Value>,
    /// What the base holds at the given key.
    base: Value,
    /// The base's value at a key that is not given.
    filled: Option<Value>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Filled<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        // A seed is used up by the first try: its end is asked for with a seed of its own.
        let mut seed = Some(seed);
        if let Some(given) = &mut self.given {
            let mut name = String::new();
            let key = given.next_key_seed(Named { seed: &mut seed, name: &mut name })?;
            if let Some(key) = key {
                self.base = self.rest.remove(&name).unwrap_or(Value::Null);
                return Ok(Some(key));
            }
        }
        let (Some(seed), Some(name)) = (seed, self.rest.keys().next().cloned()) else { return Ok(None) };
        self.filled = self.rest.remove(&name);
        seed.deserialize(name.into_deserializer()).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        if let Some(value) = self.filled.take() {
            return seed.deserialize(value).map_err(A::Error::custom);
        }
        let given = self.given.as_mut().ok_or_else(|| A::Error::custom("a value without its key"))?;
        given.next_value_seed(OverSeed { seed, base: std::mem::take(&mut self.base) })
    }
}

/// A seed for a name, which is written down. The seed is left where there is no name.
struct Named<'a, S> {
    seed: &'a mut Option<S>,
    name: &'a mut String,
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Named<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        let seed = self.seed.take().ok_or_else(|| D::Error::custom("a name read twice"))?;
        *self.name = String::deserialize(deserializer)?;
        seed.deserialize(self.name.as_str().into_deserializer())
    }
}

struct OverEnum<A> {
    given: A,
    base: Value,
}

impl<'de, A: EnumAccess<'de>> EnumAccess<'de> for OverEnum<A> {
    type Error = A::Error;
    type Variant = OverEnum<A::Variant>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self::Variant), A::Error> {
        let mut name = String::new();
        let named = Named { seed: &mut Some(seed), name: &mut name };
        let (value, given) = self.given.variant_seed(named)?;
        let base = match self.base {
            Value::Object(mut variant) => variant.remove(&name).unwrap_or(Value::Null),
            _ => Value::Null,
        };
        Ok((value, OverEnum { given, base }))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for OverEnum<A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.given.unit_variant()
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, A::Error> {
        self.given.newtype_variant_seed(OverSeed { seed, base: self.base })
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        self.given.tuple_variant(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        self.given.struct_variant(fields, OverVisitor { visitor, base: self.base })
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
    fn typos_and_wrong_types_keep_their_position() {
        for (given, line, word) in [
            ("{\n\"iner\": {}}", "line 2", "iner"),
            ("{\"inner\": {\n\n\"c\": 1}}", "line 3", "unknown field `c`"),
            ("{\"kind\":\n {\"deeep\": {}}}", "line 2", "deeep"),
            ("{\"inner\":\n {\"a\": \"x\"}}", "line 2", "invalid type"),
        ] {
            let error = read(given).unwrap_err().to_string();
            assert!(error.contains(line) && error.contains(word), "{given}: {error}");
        }
    }
}
