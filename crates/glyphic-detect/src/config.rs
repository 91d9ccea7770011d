use glyphic_core::{Detector, deserialize_over, deserialize_over_default};
use glyphic_graph::Graph;
#[cfg(feature = "train")]
use glyphic_nn::{
    Device,
    checkpoint::{StateDict, state_names},
};
use serde::{Deserialize, Deserializer, Serialize};

#[cfg(feature = "train")]
use crate::Error;
use crate::dbnet::{DbBackbone, DbLevel};
use crate::{
    DbNetConfig, DbNetDetector, DrrgConfig, Engine, FceNetConfig, InputConfig, MaskRcnnConfig, PanNetConfig,
    PpOcrDetectorConfig, PseNetConfig, Result, TextSnakeConfig,
};

/// The detectors there are. A key that is set inside a model changes that key of the model's default and nothing else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum DetectorConfig {
    /// DBNet with MMOCR's values, [`DbNetConfig::default`].
    Dbnet(#[serde(deserialize_with = "deserialize_over_default")] DbNetConfig),
    /// The default detector, [`DbNetConfig::lite`]: DBNet with a small backbone.
    DbnetLite(#[serde(deserialize_with = "over_lite")] DbNetConfig),
    /// PSENet with MMOCR's values, [`PseNetConfig::default`].
    Psenet(#[serde(deserialize_with = "deserialize_over_default")] PseNetConfig),
    /// PANet with MMOCR's values, [`PanNetConfig::default`].
    Panet(#[serde(deserialize_with = "deserialize_over_default")] PanNetConfig),
    /// A detector of PaddleOCR, from its ONNX file; it is not trained here.
    Ppocr(#[serde(deserialize_with = "deserialize_over_default")] PpOcrDetectorConfig),
    /// TextSnake.
    Textsnake(#[serde(deserialize_with = "deserialize_over_default")] TextSnakeConfig),
    /// FCENet.
    Fcenet(#[serde(deserialize_with = "deserialize_over_default")] FceNetConfig),
    /// DRRG.
    Drrg(#[serde(deserialize_with = "deserialize_over_default")] DrrgConfig),
    /// Mask R-CNN.
    MaskRcnn(#[serde(deserialize_with = "deserialize_over_default")] MaskRcnnConfig),
}

fn over_lite<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<DbNetConfig, D::Error> {
    deserialize_over(&DbNetConfig::lite(), deserializer)
}

impl Default for DetectorConfig {
    /// The default detector, [`DbNetConfig::lite`].
    fn default() -> Self {
        Self::DbnetLite(DbNetConfig::lite())
    }
}

/// The one arm a model has: what is done with its configuration.
macro_rules! each {
    ($self:expr, $config:ident => $done:expr) => {
        match $self {
            Self::Dbnet($config) | Self::DbnetLite($config) => $done,
            Self::Psenet($config) => $done,
            Self::Panet($config) => $done,
            Self::Ppocr($config) => $done,
            Self::Textsnake($config) => $done,
            Self::Fcenet($config) => $done,
            Self::Drrg($config) => $done,
            Self::MaskRcnn($config) => $done,
        }
    };
}

/// What every model of the list gives. Models that run on [`Engine`] have it from that.
pub(crate) trait Registered {
    fn check(&self) -> Result<()>;
    fn detector_of(&self, graph: &Graph) -> Result<Box<dyn Detector>>;
    #[cfg(feature = "train")]
    fn detector(&self, weights: &StateDict, device: &Device) -> Result<Box<dyn Detector>>;
    #[cfg(feature = "train")]
    fn network_graph(&self, name: &str, weights: &StateDict) -> Result<Graph>;
    #[cfg(feature = "train")]
    fn names(&self) -> Vec<(String, Vec<usize>)>;
}

/// [`Registered`] for configurations that run on [`Engine`] as they are.
macro_rules! registered {
    ($($config:ty),* $(,)?) => {$(
        impl Registered for $config {
            fn check(&self) -> Result<()> {
                crate::DetectorModel::validate(self)
            }
            fn detector_of(&self, graph: &Graph) -> Result<Box<dyn Detector>> {
                Ok(Box::new(crate::Engine::from_graph(self.clone(), graph)?))
            }
            #[cfg(feature = "train")]
            fn detector(&self, weights: &StateDict, device: &Device) -> Result<Box<dyn Detector>> {
                Ok(Box::new(crate::Engine::new(self.clone(), weights, device)?))
            }
            #[cfg(feature = "train")]
            fn network_graph(&self, name: &str, weights: &StateDict) -> Result<Graph> {
                crate::DetectorNetwork::graph(self, name, weights)
            }
            #[cfg(feature = "train")]
            fn names(&self) -> Vec<(String, Vec<usize>)> {
                state_names(&crate::DetectorNetwork::init(self, &glyphic_nn::device::cpu()))
            }
        }
    )*};
}

registered!(PseNetConfig, PanNetConfig, TextSnakeConfig, FceNetConfig, DrrgConfig, MaskRcnnConfig,);

impl Registered for PpOcrDetectorConfig {
    fn check(&self) -> Result<()> {
        crate::DetectorModel::validate(self)
    }
    fn detector_of(&self, graph: &Graph) -> Result<Box<dyn Detector>> {
        Ok(Box::new(crate::Engine::from_graph(self.clone(), &Self::named(graph)?)?))
    }
    #[cfg(feature = "train")]
    fn detector(&self, _: &StateDict, _: &Device) -> Result<Box<dyn Detector>> {
        Err(Error::Foreign { model: "ppocr" })
    }
    #[cfg(feature = "train")]
    fn network_graph(&self, _: &str, _: &StateDict) -> Result<Graph> {
        Err(Error::Foreign { model: "ppocr" })
    }
    /// None: the network is not defined here.
    #[cfg(feature = "train")]
    fn names(&self) -> Vec<(String, Vec<usize>)> {
        Vec::new()
    }
}

/// [`Engine`] serves DBNets that look once; what looks again or knows levels has a detector of its own.
impl Registered for DbNetConfig {
    fn check(&self) -> Result<()> {
        self.validate()
    }
    fn detector_of(&self, graph: &Graph) -> Result<Box<dyn Detector>> {
        if self.looks_once() && graph.inputs.len() == 1 {
            return Ok(Box::new(Engine::from_graph(self.clone(), graph)?));
        }
        Ok(Box::new(DbNetDetector::from_graph(self.clone(), graph)?))
    }
    #[cfg(feature = "train")]
    fn detector(&self, weights: &StateDict, device: &Device) -> Result<Box<dyn Detector>> {
        if self.looks_once() {
            return Ok(Box::new(Engine::new(self.clone(), weights, device)?));
        }
        Ok(Box::new(DbNetDetector::new(self.clone(), weights, device)?))
    }
    #[cfg(feature = "train")]
    fn network_graph(&self, _: &str, weights: &StateDict) -> Result<Graph> {
        DbNetConfig::graph(self, weights)
    }
    #[cfg(feature = "train")]
    fn names(&self) -> Vec<(String, Vec<usize>)> {
        state_names(&self.init(&glyphic_nn::device::cpu()))
    }
}

impl DetectorConfig {
    /// A detector with these weights on this device.
    ///
    /// # Errors
    /// [`crate::Error::Config`] for a configuration that makes no network, [`crate::Error::Weights`] where the weights
    /// are not exactly the network's.
    #[cfg(feature = "train")]
    pub fn build(&self, weights: &StateDict, device: &Device) -> Result<Box<dyn Detector>> {
        each!(self, config => config.detector(weights, device))
    }

    /// The name of the model, as files write it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Dbnet(_) => "dbnet",
            Self::DbnetLite(_) => "dbnet_lite",
            Self::Psenet(_) => "psenet",
            Self::Panet(_) => "panet",
            Self::Ppocr(_) => "ppocr",
            Self::Textsnake(_) => "textsnake",
            Self::Fcenet(_) => "fcenet",
            Self::Drrg(_) => "drrg",
            Self::MaskRcnn(_) => "mask_rcnn",
        }
    }

    /// Checks every value.
    ///
    /// # Errors
    /// [`crate::Error::Config`] with the field, its value and what would be right.
    pub fn validate(&self) -> Result<()> {
        each!(self, config => config.check())
    }

    /// What is done to a picture first: how far it is scaled, and how it is normalised.
    pub fn input_mut(&mut self) -> &mut InputConfig {
        each!(self, config => &mut config.input)
    }

    /// Which regions are found, for detectors that know words from lines.
    pub fn level_mut(&mut self) -> Option<&mut DbLevel> {
        match self {
            Self::Dbnet(config) | Self::DbnetLite(config) => config.level.as_mut(),
            _ => None,
        }
    }

    /// What the backbone keeps as it is in training, by key: statistics (`norm_eval`) and weights (`frozen_stages`). That is for a
    /// backbone that was trained before.
    pub fn kept_of_backbone(&self) -> Vec<&'static str> {
        let backbone = match self {
            Self::Dbnet(config) | Self::DbnetLite(config) => match &config.backbone {
                DbBackbone::Resnet(backbone) => backbone,
                DbBackbone::Lite(_) => return Vec::new(),
            },
            Self::Psenet(config) => &config.backbone,
            Self::Panet(config) => &config.backbone,
            Self::Ppocr(_) => return Vec::new(),
            Self::Textsnake(config) => &config.backbone,
            Self::Fcenet(config) => &config.backbone,
            Self::Drrg(config) => &config.backbone,
            Self::MaskRcnn(config) => &config.backbone,
        };
        let keys = [
            (backbone.norm_eval, "backbone.norm_eval"),
            (backbone.frozen_stages.is_some(), "backbone.frozen_stages"),
        ];
        keys.into_iter().filter(|(kept, _)| *kept).map(|(_, key)| key).collect()
    }

    /// The detector of this configuration and its network's graph, as [`DetectorConfig::graph`] makes it, on the processor.
    ///
    /// # Errors
    /// [`crate::Error::Config`] for a configuration that makes no detector, [`crate::Error::Graph`] for another network's
    /// graph.
    pub fn from_graph(&self, graph: &Graph) -> Result<Box<dyn Detector>> {
        each!(self, config => config.detector_of(graph))
    }

    /// The graph of the network with these weights: what a file of it holds.
    ///
    /// # Errors
    /// Those of [`DetectorConfig::build`].
    #[cfg(feature = "train")]
    pub fn graph(&self, weights: &StateDict) -> Result<Graph> {
        each!(self, config => config.network_graph(self.name(), weights))
    }

    /// Names and shapes of the network's weights, in its order.
    #[cfg(feature = "train")]
    pub fn state_names(&self) -> Vec<(String, Vec<usize>)> {
        each!(self, config => config.names())
    }

    /// The keys that shape the network. Weights that were made with other values of them do not fit; every other key may change.
    pub fn network_keys(&self) -> &'static [&'static str] {
        match self {
            Self::Dbnet(_) | Self::DbnetLite(_) | Self::Panet(_) => &["backbone", "neck"],
            Self::Ppocr(_) => &[],
            // A kernel a ratio.
            Self::Psenet(_) => &["backbone", "neck", "targets"],
            Self::Textsnake(_) => &["backbone", "neck_channels"],
            // The degree of the signatures.
            Self::Fcenet(_) => &["backbone", "neck_channels", "targets"],
            Self::Drrg(_) => &["backbone", "neck_channels", "graph"],
            Self::MaskRcnn(_) => &["backbone", "neck_channels", "anchors"],
        }
    }

    /// Every model by name, with the configuration that is its default.
    pub fn all() -> Vec<(&'static str, Self)> {
        vec![
            ("dbnet_lite", Self::DbnetLite(DbNetConfig::lite())),
            ("dbnet_r18", Self::Dbnet(DbNetConfig::default())),
            ("dbnet_r50dcnv2", Self::Dbnet(DbNetConfig::r50dcnv2())),
            ("dbnetpp_r50dcnv2", Self::Dbnet(DbNetConfig::plus_plus())),
            ("psenet_r50", Self::Psenet(PseNetConfig::default())),
            ("panet_r18", Self::Panet(PanNetConfig::default())),
            ("panet_r50", Self::Panet(PanNetConfig::r50())),
            ("textsnake_r50", Self::Textsnake(TextSnakeConfig::default())),
            ("fcenet_r50", Self::Fcenet(FceNetConfig::default())),
            ("fcenet_r50dcnv2", Self::Fcenet(FceNetConfig::deformable())),
            ("drrg_r50", Self::Drrg(DrrgConfig::default())),
            ("mask_rcnn_r50", Self::MaskRcnn(MaskRcnnConfig::default())),
        ]
    }
}
