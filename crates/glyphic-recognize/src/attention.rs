//! What recognizers share whose classes are those of a [`LabelConfig`]: all but CTC's and SegOCR.

use std::sync::Arc;

#[cfg(feature = "train")]
use burn::tensor::{Device, Int, Tensor, TensorData};
use glyphic_core::Vocab;

use crate::input::Preprocess;
use crate::model::Model;
use crate::{
    AttentionCodec, InputConfig, LabelConfig, LanguageModel, ResizeConfig, Result, Search, StepOptions,
};
#[cfg(feature = "train")]
use crate::{Reduction, SequenceLoss, model::LineBatch, network::valid_columns};
use glyphic_codec::Codec;

/// The parts of a configuration that all these recognizers have.
pub(crate) struct Parts<'a> {
    /// The classes.
    pub(crate) labels: &'a LabelConfig,
    /// What is done to a crop.
    pub(crate) input: &'a InputConfig,
    /// Columns of the input in one column of the features.
    pub(crate) stride: u32,
    /// How classes are chosen one after the other; `None` for a network that gives all scores at once.
    pub(crate) search: Option<Search>,
}

/// A [`Model`] whose classes are those of a [`LabelConfig`].
pub(crate) trait AttentionModel: Send + Sync {
    /// As [`Model::name`].
    const NAME: &'static str;

    /// As [`Model::network_keys`].
    const NETWORK_KEYS: &'static [&'static str];

    fn parts(&self) -> Parts<'_>;

    /// Checks what is not among the parts.
    ///
    /// # Errors
    /// Those of [`Model::validate`].
    fn check(&self) -> Result<()>;

    /// The codec of the classes.
    ///
    /// # Errors
    /// Those of [`Model::vocab`].
    fn label_codec(&self) -> Result<AttentionCodec> {
        Ok(self.parts().labels.codec()?)
    }

    /// How its step is repeated, where that is not as for others.
    fn stepped(&self, options: StepOptions) -> StepOptions {
        options
    }

    /// As [`Model::resize_mut`].
    fn resize_mut(&mut self) -> Option<&mut ResizeConfig>;
}

impl<M: AttentionModel> Model for M {
    fn name(&self) -> &'static str {
        M::NAME
    }

    fn validate(&self) -> Result<()> {
        let Parts { labels, input, stride, search } = self.parts();
        labels.validate(M::NAME)?;
        input.validate(M::NAME, stride).map_err(|error| error.inside("input"))?;
        search.map_or(Ok(()), |search| search.validate(M::NAME))?;
        self.check()
    }

    fn vocab(&self) -> Result<Vocab> {
        Ok(self.parts().labels.vocab()?)
    }

    fn preprocess(&self) -> Box<dyn Preprocess> {
        Box::new(self.parts().input.clone())
    }

    fn codec(&self, _: Option<Arc<LanguageModel>>) -> Result<Box<dyn Codec>> {
        Ok(Box::new(self.label_codec()?))
    }

    fn steps(&self) -> Result<Option<StepOptions>> {
        let Parts { labels, stride, search, .. } = self.parts();
        let Some(search) = search else { return Ok(None) };
        let codec = labels.codec()?;
        Ok(Some(self.stepped(StepOptions {
            stride,
            start: codec.start(),
            end: Some(codec.end()),
            limit: labels.max_length,
            search,
            refine: None,
        })))
    }

    fn turn_vertical(&self) -> bool {
        self.parts().input.turn_vertical
    }

    fn resize_mut(&mut self) -> Option<&mut ResizeConfig> {
        AttentionModel::resize_mut(self)
    }

    fn network_keys(&self) -> &'static [&'static str] {
        M::NETWORK_KEYS
    }
}

/// The positions of a map in row-major order: `[N, C, h, w] -> [N, h * w, C]`.
#[cfg(feature = "train")]
pub(crate) fn positions(map: Tensor<4>) -> Tensor<3> {
    let [batch, channels, height, width] = map.dims();
    map.reshape([batch, channels, height * width]).swap_dims(1, 2)
}

/// Padded targets `[N][T]` as a tensor `[N, T]`.
#[cfg(feature = "train")]
pub(crate) fn target_classes(targets: &[Vec<usize>], device: &Device) -> Tensor<2, Int> {
    let (batch, length) = (targets.len(), targets.first().map_or(0, Vec::len));
    let classes: Vec<i64> = targets.iter().flatten().map(|class| *class as i64).collect();
    Tensor::from_data(TensorData::new(classes, [batch, length]), device)
}

/// The loss `[1]` of a network that writes class by class, which is given the targets in training. `forward` makes logits
/// `[N, T, classes]` of crops, their valid columns `[N, 1]`, padded targets `[N][T]` and the class of padding.
/// [`Reduction::None`] is the mean over all positions, of which those of padding cost nothing; [`Reduction::Mean`] that over
/// the others.
///
/// # Errors
/// Those of [`Model::vocab`] and of [`SequenceLoss::forward`].
#[cfg(feature = "train")]
pub(crate) fn step_loss(
    model: &impl AttentionModel,
    batch: &LineBatch,
    reduction: Reduction,
    forward: impl FnOnce(Tensor<4>, Tensor<2>, &[Vec<usize>], usize) -> Tensor<3>,
) -> Result<Tensor<1>> {
    let codec = model.label_codec()?;
    let targets: Vec<Vec<usize>> = batch.targets.iter().map(|target| codec.padded(target)).collect();
    let valid = valid_columns(model.parts().stride, batch.widths, &batch.image.device());
    let logits = forward(batch.image.clone(), valid, &targets, codec.pad());
    let loss = SequenceLoss { ignore: Some(codec.pad()), shifted: true, reduction };
    Ok(loss.forward(logits, &targets)?.mean())
}
