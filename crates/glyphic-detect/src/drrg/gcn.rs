use burn::module::{Flag, Module, Param, RunningState};
use burn::nn::{Initializer, Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

/// Channels after each graph convolution.
const WIDTHS: [usize; 4] = [512, 256, 128, 64];

/// Channels inside the classifier.
const INNER: usize = 32;

/// Configuration of [`Gcn`].
#[derive(Debug, Clone, PartialEq)]
pub struct GcnConfig {
    /// Features of a node.
    pub length: usize,
}

impl GcnConfig {
    /// Makes the module.
    pub fn init(&self, device: &Device) -> Gcn {
        let mut from = self.length;
        let [conv1, conv2, conv3, conv4] = WIDTHS.map(|to| {
            let weight = Initializer::XavierUniform { gain: 1.0 };
            let weight = weight.init_with([2 * from, to], Some(2 * from), Some(to), device);
            from = to;
            GraphConv { weight, bias: Initializer::Zeros.init([to], device) }
        });
        let n = [self.length];
        Gcn {
            bn0: NodeNorm {
                running_mean: RunningState::new(Tensor::zeros(n, device)),
                running_var: RunningState::new(Tensor::ones(n, device)),
                training: Param::<Flag>::from_bool(true),
            },
            conv1,
            conv2,
            conv3,
            conv4,
            classifier: (
                LinearConfig::new(from, INNER).init(device),
                PRelu { weight: Initializer::Constant { value: 0.25 }.init([INNER], device) },
                LinearConfig::new(INNER, 2).init(device),
            ),
        }
    }
}

/// The network that scores pairs of components: graph convolutions over local graphs (Wang et al. 2019, "Linkage Based Face
/// Clustering via Graph Convolution Network"). Names: `bn0.running_{mean,var}`, `conv1..4.{weight,bias}`,
/// `classifier.{0,1,2}`.
#[derive(Module, Debug)]
pub struct Gcn {
    bn0: NodeNorm,
    conv1: GraphConv,
    conv2: GraphConv,
    conv3: GraphConv,
    conv4: GraphConv,
    classifier: (Linear, PRelu, Linear),
}

impl Gcn {
    /// Nodes `[graphs, nodes, length]` and normalized adjacency `[graphs, nodes, nodes]` -> what is known of each node,
    /// `[graphs, nodes, 64]`.
    pub fn nodes(&self, x: Tensor<3>, adjacency: Tensor<3>) -> Tensor<3> {
        let convs = [&self.conv1, &self.conv2, &self.conv3, &self.conv4];
        convs.into_iter().fold(self.bn0.forward(x), |x, conv| conv.forward(x, adjacency.clone()))
    }

    /// Nodes `[graphs, neighbours, 64]` -> logits of "not linked with the pivot" and "linked", `[graphs, neighbours, 2]`.
    pub fn classify(&self, x: Tensor<3>) -> Tensor<3> {
        let (first, prelu, last) = &self.classifier;
        last.forward(prelu.forward(first.forward(x)))
    }
}

/// Joins each node with the mean of those around it.
#[derive(Module, Debug)]
struct GraphConv {
    weight: Param<Tensor<2>>,
    bias: Param<Tensor<1>>,
}

impl GraphConv {
    /// `[graphs, nodes, from] -> [graphs, nodes, to]`
    fn forward(&self, x: Tensor<3>, adjacency: Tensor<3>) -> Tensor<3> {
        let around = adjacency.matmul(x.clone());
        let x = Tensor::cat(vec![x, around], 2);
        let y = x.matmul(self.weight.val().unsqueeze::<3>());
        relu(y + self.bias.val().unsqueeze::<3>())
    }
}

/// PReLU with PyTorch's name of its slopes.
#[derive(Module, Debug)]
struct PRelu {
    weight: Param<Tensor<1>>,
}

impl PRelu {
    /// `[graphs, nodes, channels]`, the same shape out.
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let below = relu(x.clone().neg()) * self.weight.val().unsqueeze::<3>();
        relu(x) - below
    }
}

/// Share of a batch in the running statistics, and what is added to the variance: PyTorch's.
const MOMENTUM: f64 = 0.1;
const EPSILON: f64 = 1e-5;

/// Batch normalization over all nodes, without scale and shift.
#[derive(Module, Debug)]
struct NodeNorm {
    running_mean: RunningState<Tensor<1>>,
    running_var: RunningState<Tensor<1>>,
    training: Param<Flag>,
}

impl NodeNorm {
    /// `[graphs, nodes, length]`, the same shape out. Uses and updates batch statistics on an autodiff device, unless
    /// its flag is cleared.
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let device = x.device();
        if !(device.is_autodiff() && self.training.is_enabled()) {
            let mean = self.running_mean.value().to_device(&device).unsqueeze::<3>();
            let deviation = (self.running_var.value().to_device(&device) + EPSILON).sqrt().unsqueeze::<3>();
            return (x - mean) / deviation;
        }
        let [graphs, nodes, length] = x.dims();
        let count = (graphs * nodes) as f64;
        let rows = x.reshape([graphs * nodes, length]);
        let mean = rows.clone().mean_dim(0);
        let centred = rows - mean.clone();
        let variance = centred.clone().square().mean_dim(0);
        track(&self.running_mean, mean.reshape([length]));
        track(&self.running_var, variance.clone().reshape([length]) * (count / (count - 1.0).max(1.0)));
        (centred / (variance + EPSILON).sqrt()).reshape([graphs, nodes, length])
    }
}

fn track(state: &RunningState<Tensor<1>>, batch: Tensor<1>) {
    let batch = batch.detach();
    let old = state.value_sync().to_device(&batch.device());
    state.update((old * (1.0 - MOMENTUM) + batch * MOMENTUM).detach());
    state.value_sync();
}
