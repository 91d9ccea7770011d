//! One engine for every detector: a picture is scaled, normalised and padded, a network computes maps of it, and a decoder
//! reads regions off them in the picture's own pixels.
//!
//! On the processor the network is a graph, on other devices the burn module that the graph was recorded from. A network that is
//! decided about in between (proposals, then what a second part says of them) has several [`Part`]s; the decoder runs
//! the later ones through [`Network`].

#[cfg(feature = "train")]
use glyphic_core::Page;
use glyphic_core::{Detected, Detector, Image, Region};
use glyphic_graph::{Graph, Session, Tensor};
#[cfg(feature = "train")]
use glyphic_nn::{
    Device,
    burn::{
        self,
        module::Module,
        tensor::{DType, TensorData},
    },
    capture::{Axis, Tape, capture},
    checkpoint::{LoadOptions, StateDict, load_into},
};

use crate::input::Prepared;
#[cfg(feature = "train")]
use crate::input::SIDE_MULTIPLE;
use crate::{Error, InputConfig, Maps, Result};

/// A part of a network: which values of its graph it computes from which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Names of inputs, or of marked values that another part computes.
    pub inputs: &'static [&'static str],
    /// Names of outputs or marked values.
    pub outputs: &'static [&'static str],
}

/// A network ready to run, by parts. Any number of threads may share it.
pub trait Network: Send + Sync {
    /// The outputs of a part, in its order, from its inputs in their order.
    ///
    /// # Errors
    /// [`Error::Graph`] for inputs of another shape than the part's, and for a part that is not there.
    fn run(&self, part: usize, inputs: Vec<Tensor>) -> Result<Vec<Tensor>>;
}

/// What a detector is, by its configuration: how its pictures are prepared, and how its outputs are read.
pub trait DetectorModel: Clone + Send + Sync + 'static {
    /// The parts of the network. The first one has the input `image` alone. None for a network in one part, all of whose
    /// outputs are wanted.
    const PARTS: &'static [Part] = &[];

    /// Checks every value.
    ///
    /// # Errors
    /// [`Error::Config`] with the field, its value and what would be right.
    fn validate(&self) -> Result<()>;

    /// What is done to a picture first.
    fn input(&self) -> &InputConfig;

    /// The regions, in pixels of the picture, from the outputs of the network's first part.
    ///
    /// # Errors
    /// Those of the decoder and, where it runs further parts, of [`Network::run`].
    fn decode(&self, outputs: &[Tensor], frame: &Frame, network: &dyn Network) -> Result<Detected>;
}

/// A detector's network as a burn module.
#[cfg(feature = "train")]
pub trait DetectorNetwork: DetectorModel {
    /// The module, whose field names are the checkpoint's names.
    type Net: Module + Send + Sync + 'static;

    /// The network with fresh weights.
    fn init(&self, device: &Device) -> Self::Net;

    /// What the decoder reads: normalised pictures `[N, 3, H, W]`, sides multiples of 32, to outputs by name, those of the
    /// first part.
    fn forward(&self, net: &Self::Net, image: burn::Tensor<4>) -> Vec<(&'static str, burn::Tensor<4>)>;

    /// Records the network: its whole graph. What is written here is for a network in one part.
    fn record(&self, net: &Self::Net, tape: &mut Tape) {
        for (name, output) in self.forward(net, image_input(tape)) {
            tape.output(name, output);
        }
    }

    /// A part after the first on a device that is not the processor, as [`Network::run`].
    ///
    /// # Errors
    /// [`Error::Graph`] for a part that is not there.
    fn run_part(
        &self,
        net: &Self::Net,
        part: usize,
        inputs: Vec<Tensor>,
        device: &Device,
    ) -> Result<Vec<Tensor>> {
        let _ = (net, inputs, device);
        Err(no_part(part))
    }

    /// The graph of the network with these weights, all of them and no others.
    ///
    /// # Errors
    /// [`Error::Config`] for a value that makes no network, [`Error::Weights`] where names or shapes do not fit.
    fn graph(&self, name: &str, weights: &StateDict) -> Result<Graph> {
        self.validate()?;
        let mut net = self.init(&glyphic_nn::device::cpu());
        load_into(&mut net, weights, &LoadOptions::default())?;
        Ok(capture(name, &net, |net, tape| self.record(net, tape))?)
    }
}

/// A detector's targets and loss.
#[cfg(feature = "train")]
pub trait TrainableDetector: DetectorNetwork {
    /// What the network shall say of one picture, on plain slices.
    type Targets: Send + 'static;

    /// The targets of a picture, which has the page's size: a multiple of 32 on both sides. The generator is that of the
    /// sample, for targets that are drawn.
    ///
    /// # Errors
    /// What is wrong with the page, which is then skipped.
    fn targets(&self, page: &Page, rng: &mut dyn rand::Rng) -> Result<Self::Targets, String>;

    /// What training minimises, `[1]`, of pictures `[N, 3, H, W]` and their targets.
    ///
    /// # Errors
    /// Those of the loss.
    fn loss(
        &self,
        net: &Self::Net,
        images: burn::Tensor<4>,
        targets: &[Self::Targets],
    ) -> Result<burn::Tensor<1>>;
}

/// Maps of as many pictures, `[height, width]` each, as a tensor `[N, height, width]`.
#[cfg(feature = "train")]
pub(crate) fn planes<'a, T: Copy + Into<f32> + 'a>(
    pictures: impl Iterator<Item = &'a [T]>,
    [height, width]: [usize; 2],
    device: &Device,
) -> burn::Tensor<3> {
    let values: Vec<f32> = pictures.flatten().map(|v| (*v).into()).collect();
    let pictures = values.len() / (height * width).max(1);
    burn::Tensor::from_data(TensorData::new(values, [pictures, height, width]), device)
}

/// The input `image`, `[N, 3, H, W]` with sides that are multiples of 32.
#[cfg(feature = "train")]
pub fn image_input(tape: &mut Tape) -> burn::Tensor<4> {
    let side = |name| Axis::free(name, SIDE_MULTIPLE as usize);
    tape.input("image", [Axis::BATCH, Axis::Fixed(3), side("height"), side("width")])
}

/// A tensor of a device as one that decoders read.
///
/// # Errors
/// [`Error::Graph`] where its numbers do not fit its shape, which is a defect.
#[cfg(feature = "train")]
pub fn to_host<const D: usize>(tensor: burn::Tensor<D>) -> Result<Tensor> {
    let shape = tensor.dims();
    let data = tensor.into_data();
    let values = if data.dtype() == DType::F32 { data.try_into_vec().ok() } else { None };
    Ok(Tensor::from_f32(&shape, values.unwrap_or_default())?)
}

/// A tensor of a decoder on a device, with the rank that is expected.
///
/// # Errors
/// [`Error::Graph`] for another rank, or numbers that are no 32-bit floats.
#[cfg(feature = "train")]
pub fn to_device<const D: usize>(tensor: Tensor, device: &Device) -> Result<burn::Tensor<D>> {
    let shape = tensor.shape().to_vec();
    let wrong = || glyphic_graph::Error::Graph {
        reason: format!("{D} axes of 32-bit floats are needed, got the shape {shape:?}"),
    };
    let dims: [usize; D] = shape.clone().try_into().map_err(|_| wrong())?;
    let values = tensor.into_f32().ok_or_else(wrong)?;
    Ok(burn::Tensor::from_data(TensorData::new(values, dims), device))
}

/// The numbers of an output.
///
/// # Errors
/// [`Error::Graph`] where it is missing or not of 32-bit floats, which is a defect of the network's definition.
pub(crate) fn floats(output: Option<Tensor>) -> Result<Vec<f32>> {
    let missing =
        || glyphic_graph::Error::Graph { reason: "an output of 32-bit floats is missing".to_owned() };
    Ok(output.and_then(Tensor::into_f32).ok_or_else(missing)?)
}

/// The error of a part that is not there.
pub(crate) fn no_part(part: usize) -> Error {
    let reason = format!("the network has no part {part}");
    glyphic_graph::Error::Graph { reason }.into()
}

/// A picture in the network's input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Frame {
    /// Width and height of the input, multiples of 32.
    pub input: [usize; 2],
    /// Width and height of the scaled picture, in the input's top-left corner; the rest is padding.
    pub content: [usize; 2],
    /// Pixels of the picture a pixel of the input, horizontally and vertically.
    pub scale: [f64; 2],
}

impl Frame {
    /// An output `[1, C, h, w]` without what lies over the padding.
    ///
    /// # Errors
    /// [`Error::Graph`] for another shape, which is a defect of the network's definition.
    pub fn crop(&self, output: &Tensor) -> Result<Cropped> {
        let wrong = || glyphic_graph::Error::Graph {
            reason: format!("maps [1, C, h, w] are needed, got the shape {:?}", output.shape()),
        };
        let (&[1, channels, height, width], Some(values)) = (output.shape(), output.as_f32()) else {
            return Err(wrong().into());
        };
        if width == 0 || height == 0 {
            return Err(wrong().into());
        }
        let [step_x, step_y] = [self.input[0] as f64 / width as f64, self.input[1] as f64 / height as f64];
        let side =
            |content: usize, step: f64, most: usize| ((content as f64 / step).ceil() as usize).clamp(1, most);
        let kept = [side(self.content[0], step_x, width), side(self.content[1], step_y, height)];
        let mut cropped = Vec::with_capacity(channels * kept[0] * kept[1]);
        for plane in values.chunks_exact(width * height) {
            for row in plane.chunks_exact(width).take(kept[1]) {
                cropped.extend_from_slice(&row[..kept[0]]);
            }
        }
        Ok(Cropped {
            values: cropped,
            shape: [channels, kept[1], kept[0]],
            scale: [self.scale[0] * step_x, self.scale[1] * step_y],
        })
    }

    /// [`Frame::crop`] of the only output of a network; `decoder` stands in the error.
    ///
    /// # Errors
    /// Those of [`Frame::crop`], and [`Error::Regions`] for another number of outputs.
    pub fn crop_only(&self, decoder: &'static str, outputs: &[Tensor]) -> Result<Cropped> {
        match outputs {
            [output] => self.crop(output),
            _ => Err(glyphic_regions::Error::MapCount { decoder, expected: 1, got: outputs.len() }.into()),
        }
    }

    /// [`Frame::crop`] of one of several outputs.
    ///
    /// # Errors
    /// Those of [`Frame::crop`], and [`Error::Graph`] where there is no such output.
    pub fn crop_of(&self, outputs: &[Tensor], index: usize) -> Result<Cropped> {
        let missing = || glyphic_graph::Error::Graph { reason: format!("the network has no output {index}") };
        self.crop(outputs.get(index).ok_or_else(missing)?)
    }
}

/// Maps of the picture alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Cropped {
    /// `[channels, height, width]`
    pub values: Vec<f32>,
    /// Channels, height, width.
    pub shape: [usize; 3],
    /// Pixels of the picture a pixel of the maps, horizontally and vertically.
    pub scale: [f64; 2],
}

impl Cropped {
    /// As a decoder takes them.
    ///
    /// # Errors
    /// [`Error::Regions`] for maps without pixels.
    pub fn maps(&self) -> Result<Maps<'_>> {
        Ok(Maps::new(&self.values, self.shape)?)
    }
}

/// A network on the processor, a session a part.
struct Sessions(Vec<(Vec<String>, Session)>);

impl Sessions {
    fn new(graph: &Graph, parts: &[Part]) -> Result<Self> {
        let part = |graph: Graph| {
            let inputs = graph.inputs.iter().map(|input| input.name.clone()).collect();
            Ok((inputs, Session::new(graph)?))
        };
        let parts = match parts {
            [] => {
                let outputs: Vec<&str> = graph.outputs.iter().map(|output| output.name.as_str()).collect();
                vec![part(graph.cut(&["image"], &outputs)?)?]
            }
            parts => {
                let cut = |p: &Part| part(graph.cut(p.inputs, p.outputs)?);
                parts.iter().map(cut).collect::<Result<_>>()?
            }
        };
        Ok(Self(parts))
    }
}

impl Network for Sessions {
    fn run(&self, part: usize, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let (names, session) = self.0.get(part).ok_or_else(|| no_part(part))?;
        let inputs: Vec<(&str, Tensor)> = names.iter().map(String::as_str).zip(inputs).collect();
        Ok(session.run(&inputs)?)
    }
}

/// A network on another device.
#[cfg(feature = "train")]
struct OnDevice<M: DetectorNetwork> {
    model: M,
    net: M::Net,
    device: Device,
}

#[cfg(feature = "train")]
impl<M: DetectorNetwork> Network for OnDevice<M> {
    fn run(&self, part: usize, mut inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        if part > 0 {
            return self.model.run_part(&self.net, part, inputs, &self.device);
        }
        let image = inputs.pop().ok_or_else(|| no_part(part))?;
        let outputs = self.model.forward(&self.net, to_device(image, &self.device)?);
        outputs.into_iter().map(|(_, output)| to_host(output)).collect()
    }
}

/// A detector with its weights, ready to run. One serves every thread.
pub struct Engine<M> {
    model: M,
    network: Box<dyn Network>,
}

impl<M: DetectorModel> Engine<M> {
    /// The network that a graph holds, as [`DetectorNetwork::graph`] makes it, on the processor.
    ///
    /// # Errors
    /// [`Error::Config`] for a value that makes no detector, [`Error::Graph`] for another network's graph.
    pub fn from_graph(model: M, graph: &Graph) -> Result<Self> {
        model.validate()?;
        Ok(Self { network: Box::new(Sessions::new(graph, M::PARTS)?), model })
    }

    /// The regions of one picture.
    fn find(&self, image: &Image) -> Result<Detected> {
        let prepared = self.model.input().prepare(image, 1.0)?;
        let Prepared { width, height, content, .. } = prepared;
        let frame =
            Frame { input: [width, height], content: [content.width, content.height], scale: content.scale };
        let picture = Tensor::from_f32(&[1, 3, height, width], prepared.planes())?;
        let outputs = self.network.run(0, vec![picture])?;
        self.model.decode(&outputs, &frame, &*self.network)
    }
}

#[cfg(feature = "train")]
impl<M: DetectorNetwork> Engine<M> {
    /// Builds the network and loads the weights, all of them and no others.
    ///
    /// # Errors
    /// [`Error::Config`] for a value that makes no network, [`Error::Weights`] where names or shapes do not fit.
    pub fn new(model: M, weights: &StateDict, device: &Device) -> Result<Self> {
        if *device == glyphic_nn::device::cpu() {
            let graph = model.graph("detector", weights)?;
            return Self::from_graph(model, &graph);
        }
        Self::on_device(model, weights, device)
    }

    /// As [`Engine::new`], with the burn module on every device.
    ///
    /// # Errors
    /// Those of [`Engine::new`].
    pub fn on_device(model: M, weights: &StateDict, device: &Device) -> Result<Self> {
        model.validate()?;
        let mut net = model.init(device);
        load_into(&mut net, weights, &LoadOptions::default())?;
        let network = Box::new(OnDevice { model: model.clone(), net, device: device.clone() });
        Ok(Self { model, network })
    }
}

impl<M: DetectorModel> Detector for Engine<M> {
    /// Pictures are looked at one by one, each on all threads, so a result cannot depend on its neighbours.
    fn detect(&self, images: &[Image]) -> glyphic_core::Result<Vec<Vec<Region>>> {
        Ok(self.detect_counted(images)?.into_iter().map(|detected| detected.regions).collect())
    }

    fn detect_counted(&self, images: &[Image]) -> glyphic_core::Result<Vec<Detected>> {
        let found: Result<Vec<Detected>> = images.iter().map(|image| self.find(image)).collect();
        found.map_err(|e| glyphic_core::Error::Stage { stage: "detect", source: Box::new(e) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_padding_is_cut_off_at_the_maps_own_size() {
        let frame = Frame { input: [64, 32], content: [41, 30], scale: [2.0, 3.0] };
        let values: Vec<f32> = (0..2 * 8 * 16).map(|v| v as f32).collect();
        let cropped = frame.crop(&Tensor::from_f32(&[1, 2, 8, 16], values).unwrap()).unwrap();
        assert_eq!((cropped.shape, cropped.scale), ([2, 8, 11], [8.0, 12.0]));
        assert_eq!(cropped.values[10..12], [10.0, 16.0]);
        assert_eq!(cropped.values[88], 128.0);
        assert!(frame.crop(&Tensor::from_f32(&[2, 1, 1, 1], vec![0.0; 2]).unwrap()).is_err());
    }
}
