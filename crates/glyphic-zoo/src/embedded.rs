//! The files that are part of the program.

/// A model's configuration and, where they are shipped, its weights.
pub(crate) struct Embedded {
    pub(crate) name: &'static str,
    pub(crate) config: &'static str,
    pub(crate) weights: Option<&'static [u8]>,
}

macro_rules! config {
    ($name:literal) => {
        include_str!(concat!("../../../configs/", $name, ".toml"))
    };
}

macro_rules! weights {
    ($name:literal) => {
        Some(include_bytes!(concat!("../../../weights/", $name, ".safetensors")))
    };
}

pub(crate) const ALL: &[Embedded] = &[
    Embedded { name: "dbnet_lite", config: config!("dbnet_lite"), weights: weights!("dbnet_lite") },
    Embedded { name: "crnn_lite", config: config!("crnn_lite"), weights: weights!("crnn_lite") },
    Embedded { name: "dbnet_r18", config: config!("dbnet_r18"), weights: None },
    Embedded { name: "crnn", config: config!("crnn"), weights: None },
];

pub(crate) const LANGUAGE_MODELS: &[(&str, &[u8])] =
    &[("latin", include_bytes!("../../../weights/latin.safetensors"))];

pub(crate) fn language_model(name: &str) -> Option<&'static [u8]> {
    LANGUAGE_MODELS.iter().find(|(known, _)| *known == name).map(|(_, bytes)| *bytes)
}

pub(crate) fn of(name: &str) -> Option<&'static Embedded> {
    ALL.iter().find(|e| e.name == name)
}
