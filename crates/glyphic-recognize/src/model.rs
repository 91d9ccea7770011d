//! What a recognizer brings: [`Model`] to be used, and [`Learn`] to be trained.

use std::sync::Arc;

use glyphic_core::Vocab;

#[cfg(feature = "train")]
use burn::{
    module::Module,
    tensor::{Device, Tensor},
};
#[cfg(feature = "train")]
use glyphic_graph::Graph;
#[cfg(feature = "train")]
use glyphic_nn::checkpoint::{LoadOptions, StateDict, load_into, state_dict, state_names};

use crate::input::Preprocess;
use crate::{Decoding, LanguageModel, RereadConfig, ResizeConfig, Result};
#[cfg(feature = "train")]
use crate::{Width, network::DeviceNetwork};
use glyphic_codec::{Codec, StepOptions};

/// A recognizer's configuration: preprocessing, the way its network is run, and codec.
pub trait Model: Send + Sync {
    /// The name, as files write it.
    fn name(&self) -> &'static str;

    /// Checks every value.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) with the field, its value and what would be right.
    fn validate(&self) -> Result<()>;

    /// The classes of the network.
    ///
    /// # Errors
    /// [`Error::Core`](crate::Error::Core) where a character stands twice.
    fn vocab(&self) -> Result<Vocab>;

    /// What is done to a crop.
    fn preprocess(&self) -> Box<dyn Preprocess>;

    /// From the network's output to text.
    ///
    /// # Errors
    /// Those of [`Model::vocab`].
    fn codec(&self, language: Option<Arc<LanguageModel>>) -> Result<Box<dyn Codec>>;

    /// How a network that writes class by class is run; `None` for one that gives all scores at once.
    ///
    /// # Errors
    /// Those of [`Model::vocab`].
    fn steps(&self) -> Result<Option<StepOptions>> {
        Ok(None)
    }

    /// Whether crops taller than 1.5 times their width are also read turned.
    fn turn_vertical(&self) -> bool {
        false
    }

    /// Which crops are read again in other shapes; `None` for none.
    fn reread(&self) -> Option<&RereadConfig> {
        None
    }

    /// As [`Model::reread`], to be changed.
    fn reread_mut(&mut self) -> Option<&mut RereadConfig> {
        None
    }

    /// How a language model is used; `None` for a network that is read without one.
    fn decoding(&self) -> Option<&Decoding> {
        None
    }

    /// As [`Model::decoding`], to be changed.
    fn decoding_mut(&mut self) -> Option<&mut Decoding> {
        None
    }

    /// The size of the input, to be changed in training; `None` for a network that has but one.
    fn resize_mut(&mut self) -> Option<&mut ResizeConfig> {
        None
    }

    /// The keys that shape the network. Weights that were made with other values of them do not fit; every other key may
    /// change.
    fn network_keys(&self) -> &'static [&'static str];
}

/// How far a label can be trusted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LabelKind {
    /// To the letter.
    #[default]
    Exact,
    /// Its case may be wrong: either case of a letter is right.
    IgnoreCase,
    /// Its spaces may be missing: a space that is read is as good as nothing.
    IgnoreSpaces,
}

/// Crops with their labels.
#[cfg(feature = "train")]
#[derive(Debug, Clone)]
pub struct LineBatch<'a> {
    /// `[N, channels, height, W]`, normalised.
    pub image: Tensor<4>,
    /// What [`Learn::target`] made of each text.
    pub targets: &'a [Vec<usize>],
    /// The content of each crop, and W.
    pub widths: &'a [Width],
    /// How far each label can be trusted.
    pub kinds: &'a [LabelKind],
}

/// A recognizer that can be trained.
#[cfg(feature = "train")]
pub trait Learn: Model + Clone + 'static {
    /// The network.
    type Net: Module + 'static;

    /// A network with fresh weights for `classes` classes.
    fn init(&self, classes: usize, device: &Device) -> Self::Net;

    /// Weights under the network's own names, where their file has other ones.
    fn own_names(&self, _: &StateDict) -> Option<StateDict> {
        None
    }

    /// The network as a graph.
    ///
    /// # Errors
    /// Those of [`capture`](glyphic_nn::capture::capture).
    fn graph(&self, net: &Self::Net) -> glyphic_nn::Result<Graph>;

    /// The network on a device that is not the processor.
    fn on_device(&self, net: Self::Net) -> DeviceNetwork;

    /// The classes of a text to train on, for a crop of this width.
    ///
    /// # Errors
    /// [`Error::Codec`](crate::Error::Codec) where the network cannot write it.
    fn target(&self, text: &str, width: Width) -> Result<Vec<usize>>;

    /// Pixels of width that a class needs; 0 where the width does not bound the length.
    fn pixels_per_class(&self) -> u32 {
        0
    }

    /// The loss of a batch, `[1]`.
    ///
    /// # Errors
    /// Those of the loss.
    fn loss(&self, net: &Self::Net, batch: &LineBatch) -> Result<Tensor<1>>;

    /// The configuration with another size of the input in training; `None` as for [`Model::resize_mut`].
    #[must_use]
    fn resized(&self, resize: ResizeConfig) -> Option<Self> {
        let mut config = self.clone();
        *config.resize_mut()? = resize;
        Some(config)
    }
}

/// [`Learn`] for any network.
#[cfg(feature = "train")]
pub(crate) trait AnyModel {
    /// Names and shapes of the weights.
    fn state_names(&self) -> Result<Vec<(String, Vec<usize>)>>;

    /// Weights as they are before training.
    fn fresh_weights(&self) -> Result<StateDict>;

    /// The graph with these weights.
    fn graph_of(&self, weights: &StateDict) -> Result<Graph>;

    /// The network with these weights on a device.
    fn device_network(&self, weights: &StateDict, device: &Device) -> Result<DeviceNetwork>;
}

#[cfg(feature = "train")]
impl<M: Learn> AnyModel for M {
    fn state_names(&self) -> Result<Vec<(String, Vec<usize>)>> {
        Ok(state_names(&self.init(self.vocab()?.len(), &glyphic_nn::device::cpu())))
    }

    fn fresh_weights(&self) -> Result<StateDict> {
        Ok(state_dict(&self.init(self.vocab()?.len(), &glyphic_nn::device::cpu())))
    }

    fn graph_of(&self, weights: &StateDict) -> Result<Graph> {
        Ok(self.graph(&loaded(self, weights, &glyphic_nn::device::cpu())?)?)
    }

    fn device_network(&self, weights: &StateDict, device: &Device) -> Result<DeviceNetwork> {
        Ok(self.on_device(loaded(self, weights, device)?))
    }
}

/// The network with these weights, all of them and no others.
#[cfg(feature = "train")]
fn loaded<M: Learn>(model: &M, weights: &StateDict, device: &Device) -> Result<M::Net> {
    model.validate()?;
    let mut network = model.init(model.vocab()?.len(), device);
    let own = model.own_names(weights);
    load_into(&mut network, own.as_ref().unwrap_or(weights), &LoadOptions::default())?;
    Ok(network)
}
