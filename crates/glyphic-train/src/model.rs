//! The models that can be trained, by name.

use glyphic_detect::DetectorConfig;
use glyphic_extract::{EntityConfig, ExtractorConfig};
use glyphic_recognize::RecognizerConfig;
use serde::de::value::StringDeserializer;
use serde::de::{
    DeserializeSeed, EnumAccess, Error as _, IntoDeserializer, MapAccess, VariantAccess, Visitor,
};
use serde::{Deserialize, Deserializer, Serialize, forward_to_deserialize_any};

use crate::Result;

/// The models that can be trained, externally tagged as in `[model.NAME]`. A key that is set inside a model changes that
/// key of the model's default and nothing else.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum ModelConfig {
    /// A detector.
    Detector(DetectorConfig),
    /// A recognizer.
    Recognizer(RecognizerConfig),
    /// An extractor of key information.
    Extractor(ExtractorConfig),
    /// A finder of named entities.
    Entities(EntityConfig),
}

impl<'de> Deserialize<'de> for ModelConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Named;
        impl<'de> Visitor<'de> for Named {
            type Value = ModelConfig;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "a model: one of {}", quoted(&ModelConfig::names()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<ModelConfig, A::Error> {
                let name: Option<String> = map.next_key()?;
                let name = name.ok_or_else(|| A::Error::custom(format!("no model; expected {self:?}")))?;
                let task = ModelConfig::task_of(&name).ok_or_else(|| {
                    let names = quoted(&ModelConfig::names());
                    A::Error::custom(format!("unknown variant `{name}`, expected one of {names}"))
                })?;
                let keyed = Keyed { name, map: &mut map };
                let model = match task {
                    Task::Detect => ModelConfig::Detector(DetectorConfig::deserialize(keyed)?),
                    Task::Recognize => ModelConfig::Recognizer(RecognizerConfig::deserialize(keyed)?),
                    Task::Extract => ModelConfig::Extractor(ExtractorConfig::deserialize(keyed)?),
                    Task::Entities => ModelConfig::Entities(EntityConfig::deserialize(keyed)?),
                };
                match map.next_key::<String>()? {
                    Some(second) => {
                        Err(A::Error::custom(format!("`{second}` is a second model; expected one")))
                    }
                    None => Ok(model),
                }
            }
        }
        impl std::fmt::Debug for Named {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.expecting(f)
            }
        }
        deserializer.deserialize_map(Named)
    }
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The rest of a map whose key has been read, as an enum's variant of that name.
struct Keyed<'a, A> {
    name: String,
    map: &'a mut A,
}

impl<'de, A: MapAccess<'de>> Deserializer<'de> for Keyed<'_, A> {
    type Error = A::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> std::result::Result<V::Value, A::Error> {
        visitor.visit_enum(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct
        seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de, A: MapAccess<'de>> EnumAccess<'de> for Keyed<'_, A> {
    type Error = A::Error;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> std::result::Result<(S::Value, Self), A::Error> {
        let name: StringDeserializer<A::Error> = self.name.clone().into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de, A: MapAccess<'de>> VariantAccess<'de> for Keyed<'_, A> {
    type Error = A::Error;

    fn unit_variant(self) -> std::result::Result<(), A::Error> {
        self.map.next_value()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> std::result::Result<S::Value, A::Error> {
        self.map.next_value_seed(seed)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> std::result::Result<V::Value, A::Error> {
        Err(A::Error::custom("a model is a table"))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        _: V,
    ) -> std::result::Result<V::Value, A::Error> {
        Err(A::Error::custom("a model is a table"))
    }
}

/// What a model does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    Detect,
    Recognize,
    Extract,
    Entities,
}

impl ModelConfig {
    /// The names of all models, as `[model.NAME]` writes them.
    pub fn names() -> Vec<&'static str> {
        let detectors = DetectorConfig::all().into_iter().map(|(_, config)| config.name());
        let recognizers = RecognizerConfig::all().into_iter().map(|(_, config)| config.name());
        let mut names = Vec::new();
        let others = [ExtractorConfig::default().name(), EntityConfig::default().name()];
        for name in detectors.chain(recognizers).chain(others) {
            // Variants of a model share its name.
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// The task of a model's name.
    pub(crate) fn task_of(name: &str) -> Option<Task> {
        if DetectorConfig::all().iter().any(|(_, config)| config.name() == name) {
            return Some(Task::Detect);
        }
        if name == ExtractorConfig::default().name() {
            return Some(Task::Extract);
        }
        if name == EntityConfig::default().name() {
            return Some(Task::Entities);
        }
        RecognizerConfig::all().iter().any(|(_, config)| config.name() == name).then_some(Task::Recognize)
    }

    /// Checks every value of the model.
    pub(crate) fn validate(&self) -> Result<()> {
        match self {
            Self::Detector(config) => Ok(config.validate()?),
            Self::Recognizer(config) => Ok(config.validate()?),
            Self::Extractor(config) => Ok(config.validate()?),
            Self::Entities(config) => Ok(config.validate()?),
        }
    }
}

#[cfg(test)]
mod tests {
    use glyphic_core::from_toml;

    use super::*;

    #[test]
    fn every_name_is_a_model_with_a_task() {
        for name in ModelConfig::names() {
            let text = format!("[{name}]\n");
            let model: ModelConfig = from_toml(&text).unwrap_or_else(|e| panic!("{e}"));
            model.validate().unwrap();
            assert!(ModelConfig::task_of(name).is_some(), "{name}");
        }
        let error = from_toml::<ModelConfig>("[dbnett]\n").unwrap_err().to_string();
        assert!(ModelConfig::names().iter().all(|name| error.contains(&format!("`{name}`"))), "{error}");
    }
}
