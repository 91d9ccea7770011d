use burn::tensor::{Device, Tensor};
use glyphic_core::Vocab;
use glyphic_graph::Graph;

use super::{CrnnLite, CrnnLiteConfig, STRIDE};
use crate::model::{LabelKind, Learn, LineBatch};
use crate::network::DeviceNetwork;
use crate::{ClassMerge, CtcLoss, Error, Reduction, Result, Width};

/// CTC over samples whose labels are not all to the letter.
#[derive(Debug, Clone)]
pub struct CrnnLiteLoss {
    ctc: CtcLoss,
    case: ClassMerge,
    spaces: ClassMerge,
}

impl CrnnLiteLoss {
    /// The loss for a vocabulary.
    ///
    /// # Errors
    /// [`Error::Codec`] where it has no blank class.
    pub fn new(vocab: &Vocab) -> Result<Self> {
        let blank = vocab.special(glyphic_core::Symbol::Blank);
        let blank = blank.ok_or(glyphic_codec::Error::NoBlank { classes: vocab.len() })?;
        Ok(Self {
            ctc: CtcLoss { blank, reduction: Reduction::None, zero_infinity: true },
            case: ClassMerge::ignoring_case(vocab),
            spaces: ClassMerge::ignoring_spaces(vocab),
        })
    }

    /// The mean over the batch of half of each sample's loss divided by the root of its label's length, so that
    /// neither long lines nor short words rule the gradient. `[1]`
    ///
    /// `logits` `[N, T, classes]`; for each sample its label (as classes), the time steps that are read of it in use (see
    /// [`CrnnLiteConfig::steps`](super::CrnnLiteConfig::steps)) and its kind. A label too long for its steps moves nothing.
    ///
    /// # Errors
    /// Those of [`CtcLoss::forward`].
    pub fn forward(
        &self,
        logits: Tensor<3>,
        labels: &[Vec<usize>],
        steps: &[usize],
        kinds: &[LabelKind],
    ) -> Result<Tensor<1>> {
        let [batch, _, _] = logits.dims();
        if kinds.len() != batch {
            return Err(Error::BatchSize { what: "kinds", batch, got: kinds.len() });
        }
        let merges: Vec<Option<&ClassMerge>> = kinds
            .iter()
            .map(|kind| match kind {
                LabelKind::Exact => None,
                LabelKind::IgnoreCase => Some(&self.case),
                LabelKind::IgnoreSpaces => Some(&self.spaces),
            })
            .collect();
        let device = logits.device();
        let losses = self.ctc.forward(logits, labels, steps, &merges)?;
        let weights: Vec<f32> = labels.iter().map(|l| 0.5 / (l.len().max(1) as f32).sqrt()).collect();
        Ok((losses * Tensor::<1>::from_floats(weights.as_slice(), &device)).mean())
    }
}

impl Learn for CrnnLiteConfig {
    type Net = CrnnLite;

    fn init(&self, classes: usize, device: &Device) -> CrnnLite {
        self.init(classes, device)
    }

    fn graph(&self, net: &CrnnLite) -> glyphic_nn::Result<Graph> {
        net.graph()
    }

    fn on_device(&self, net: CrnnLite) -> DeviceNetwork {
        DeviceNetwork::Whole(Box::new(move |x| net.forward(x)))
    }

    fn target(&self, text: &str, width: Width) -> Result<Vec<usize>> {
        Ok(self.codec()?.target(text, self.steps(width.content, width.padded))?)
    }

    fn pixels_per_class(&self) -> u32 {
        STRIDE
    }

    fn loss(&self, net: &CrnnLite, batch: &LineBatch) -> Result<Tensor<1>> {
        let steps: Vec<usize> =
            batch.widths.iter().map(|width| self.steps(width.content, width.padded)).collect();
        let loss = CrnnLiteLoss::new(&self.vocab()?)?;
        loss.forward(net.forward(batch.image.clone()), batch.targets, &steps, batch.kinds)
    }
}
