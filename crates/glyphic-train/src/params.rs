//! Walks over a module's parameters: gradient norm and clipping, moving averages.

use burn::Tensor;
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;

/// Sum of squares of every gradient.
struct SquareSum<'a> {
    gradients: &'a GradientsParams,
    parts: Vec<Tensor<1>>,
}

impl ModuleVisitor for SquareSum<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            self.parts.push(gradient.powf_scalar(2.0).sum());
        }
    }
}

/// Scales every gradient.
struct Scale {
    from: GradientsParams,
    to: GradientsParams,
    factor: f32,
}

impl ModuleVisitor for Scale {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.from.remove::<D>(param.id) {
            self.to.register(param.id, gradient.mul_scalar(self.factor));
        }
    }
}

/// Clips by the norm of all gradients taken as one vector (Pascanu et al. 2013). Gives the gradients back with
/// that norm before clipping, which is not finite where a gradient is not.
pub(crate) fn clip_by_global_norm<M: Module>(
    module: &M,
    gradients: GradientsParams,
    max_norm: f64,
) -> (GradientsParams, f64) {
    let mut squares = SquareSum { gradients: &gradients, parts: Vec::new() };
    module.visit(&mut squares);
    if squares.parts.is_empty() {
        return (gradients, 0.0);
    }
    let norm = f64::from(Tensor::cat(squares.parts, 0).sum().into_scalar::<f32>()).sqrt();
    if !norm.is_finite() || norm <= max_norm {
        return (gradients, norm);
    }
    let mut scale = Scale { from: gradients, to: GradientsParams::new(), factor: (max_norm / norm) as f32 };
    module.visit(&mut scale);
    (scale.to, norm)
}

/// The current values of a module's floats, by parameter.
struct Collect(GradientsParams);

impl ModuleVisitor for Collect {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.register(param.id, param.val().inner());
    }
}

/// Values that a forward pass changes by itself: the running statistics of batch normalization.
pub(crate) struct Statistics(GradientsParams);

impl Statistics {
    /// Those of a module with autodiff on. Tensors are shared, not copied.
    pub(crate) fn of<M: Module>(module: &M) -> Self {
        let mut statistics = Self(GradientsParams::new());
        module.visit(&mut statistics);
        statistics
    }

    /// Whether those of a module are finite. A loss does not tell: an activation may hide a NaN that they have taken in.
    pub(crate) fn are_finite<M: Module>(module: &M) -> bool {
        let mut sums = StatisticSums(Vec::new());
        module.visit(&mut sums);
        sums.0.is_empty() || Tensor::cat(sums.0, 0).sum().into_scalar::<f32>().is_finite()
    }

    /// Puts them back into the module that they were taken from.
    pub(crate) fn restore<M: Module>(mut self, module: M) -> M {
        module.map(&mut self)
    }
}

/// The sum of each running statistic.
struct StatisticSums(Vec<Tensor<1>>);

impl ModuleVisitor for StatisticSums {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val();
        if !value.is_require_grad() {
            self.0.push(value.inner().sum());
        }
    }
}

impl ModuleVisitor for Statistics {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val();
        if !value.is_require_grad() {
            self.0.register(param.id, value.inner());
        }
    }
}

impl ModuleMapper for Statistics {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        match self.0.remove::<D>(param.id) {
            Some(old) => param.map(|_| Tensor::from_inner(old)),
            None => param,
        }
    }
}

struct Lerp {
    current: GradientsParams,
    keep: f32,
}

impl ModuleMapper for Lerp {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        match self.current.remove::<D>(param.id) {
            Some(new) => param.map(|old| old.mul_scalar(self.keep) + new.mul_scalar(1.0 - self.keep)),
            None => param,
        }
    }
}

/// One step of an exponential moving average of weights and running statistics (Polyak and Juditsky 1992);
/// `average` shares the parameter ids of `module`.
///
/// The rate is warmed up as `step / (step + 10)`, so that the first steps do not weigh for ever.
pub(crate) fn update_average<M: Module>(average: M, module: &M, step: u64, decay: f64) -> M {
    let keep = decay.min(step as f64 / (step as f64 + 10.0)) as f32;
    let mut current = Collect(GradientsParams::new());
    module.visit(&mut current);
    average.map(&mut Lerp { current: current.0, keep })
}
