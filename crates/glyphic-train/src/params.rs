//! Walks over a module's parameters: gradient norm and clipping, moving averages.

use std::collections::{BTreeMap, HashSet};

use burn::Tensor;
use burn::lr_scheduler::LrSchedulerConfig;
use burn::lr_scheduler::module_lr_scheduler::{ModuleLearningRate, ModuleLrSchedulerConfig};
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamGroup, ParamId};
use burn::optim::GradientsParams;
use glyphic_capture::Path;

/// Learning rates of the parts of a network.
pub(crate) struct Rates(Vec<(ParamGroup, f64)>);

impl Rates {
    /// From factors by the start of names.
    ///
    /// # Errors
    /// The first of the factors' names that no parameter's name begins with, with the names that could be meant.
    pub(crate) fn new<M: Module>(module: &M, factors: &BTreeMap<String, f64>) -> Result<Self, String> {
        let mut parts = Parts { path: Path::default(), factors, ids: BTreeMap::new(), first: Vec::new() };
        module.visit(&mut parts);
        let group = |(name, factor): (&String, &f64)| match parts.ids.get(name.as_str()) {
            Some(ids) => Ok((ParamGroup::from_ids(ids.clone()), *factor)),
            None => {
                let first = parts.first.join(", ");
                Err(format!(
                    "no weight's name begins with {name:?}, or longer ones cover it; expected {first} or longer names"
                ))
            }
        };
        Ok(Self(factors.iter().map(group).collect::<Result<_, _>>()?))
    }

    /// The rate of each part, where most parts have `base`.
    pub(crate) fn at(&self, base: f64) -> Result<ModuleLearningRate, String> {
        let rates = ModuleLrSchedulerConfig::new(LrSchedulerConfig::Constant(base));
        let add = |rates: ModuleLrSchedulerConfig, (group, factor): &(ParamGroup, f64)| {
            rates.with_group(group.clone(), LrSchedulerConfig::Constant(base * factor))
        };
        Ok(self.0.iter().fold(rates, add).init()?.step())
    }
}

/// The parameters of each part that has a factor of its own.
struct Parts<'a> {
    path: Path,
    factors: &'a BTreeMap<String, f64>,
    ids: BTreeMap<&'a str, Vec<ParamId>>,
    /// What names begin with.
    first: Vec<String>,
}

impl ModuleVisitor for Parts<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let name = self.path.name();
        let first = name.split('.').next().unwrap_or_default();
        if self.first.last().is_none_or(|last| last != first) {
            self.first.push(first.to_owned());
        }
        let within = |part: &&String| {
            name.strip_prefix(part.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        if let Some(part) = self.factors.keys().filter(within).max_by_key(|part| part.len()) {
            self.ids.entry(part).or_default().push(param.id);
        }
    }
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }
    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.exit();
    }
}

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

/// The current values of a module's floats, by parameter, and which of them are not learned.
struct Collect {
    values: GradientsParams,
    kept: HashSet<ParamId>,
}

impl ModuleVisitor for Collect {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val();
        if !value.is_require_grad() {
            self.kept.insert(param.id);
        }
        self.values.register(param.id, value.inner());
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

    /// Whether those of a module are still as finite as these. A loss does not tell: an activation may hide a NaN that they have
    /// taken in. What is computed once and never changes may hold infinities, as the masks of an attention do.
    pub(crate) fn stay_finite<M: Module>(&self, module: &M) -> bool {
        let mut sums = StatisticSums { before: &self.0, pairs: Vec::new() };
        module.visit(&mut sums);
        let finite = |sums: Vec<Tensor<1>>| Tensor::cat(sums, 0).sum().into_scalar::<f32>().is_finite();
        let now: Vec<Tensor<1>> = sums.pairs.iter().map(|[_, now]| now.clone()).collect();
        now.is_empty()
            || finite(now)
            || sums.pairs.into_iter().all(|[before, now]| finite(vec![now]) || !finite(vec![before]))
    }

    /// Puts them back into the module that they were taken from.
    pub(crate) fn restore<M: Module>(mut self, module: M) -> M {
        module.map(&mut self)
    }
}

/// The sum of each running statistic, before and now.
struct StatisticSums<'a> {
    before: &'a GradientsParams,
    pairs: Vec<[Tensor<1>; 2]>,
}

impl ModuleVisitor for StatisticSums<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val();
        if let (false, Some(before)) = (value.is_require_grad(), self.before.get::<D>(param.id)) {
            self.pairs.push([before.sum(), value.inner().sum()]);
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
    current: Collect,
    keep: f32,
}

impl ModuleMapper for Lerp {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(new) = self.current.values.remove::<D>(param.id) else { return param };
        let kept = self.current.kept.contains(&param.id);
        param.map(|old| {
            let mean = old.clone().mul_scalar(self.keep) + new.clone().mul_scalar(1.0 - self.keep);
            // What has not changed has no mean: it may be an infinity.
            if kept { mean.mask_where(old.equal(new.clone()), new) } else { mean }
        })
    }
}

/// One step of an exponential moving average of weights and running statistics (Polyak and Juditsky 1992);
/// `average` shares the parameter ids of `module`.
///
/// The rate is warmed up as `step / (step + 10)`, so that the first steps do not weigh for ever.
pub(crate) fn update_average<M: Module>(average: M, module: &M, step: u64, decay: f64) -> M {
    let keep = decay.min(step as f64 / (step as f64 + 10.0)) as f32;
    let mut current = Collect { values: GradientsParams::new(), kept: HashSet::new() };
    module.visit(&mut current);
    average.map(&mut Lerp { current, keep })
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;

    /// A weight that is learned, and a mask and a statistic that are not.
    #[derive(Module, Debug)]
    struct Masked {
        weight: Param<Tensor<1>>,
        mask: Param<Tensor<1>>,
        mean: Param<Tensor<1>>,
    }

    fn masked(values: [[f32; 2]; 3], device: &Device) -> Masked {
        let [weight, mask, mean] =
            values.map(|v| Param::from_tensor(Tensor::from_data(TensorData::from(v), device)));
        Masked { weight, mask: mask.set_require_grad(false), mean: mean.set_require_grad(false) }
    }

    const MINUS: f32 = f32::NEG_INFINITY;

    #[test]
    fn parts_learn_at_their_own_rates() {
        let device = glyphic_nn::device::cpu().autodiff();
        let net = masked([[1.0, 2.0], [0.0, 0.0], [1.0, 1.0]], &device);
        let stepped = |factors: &[(&str, f64)]| {
            let factors = factors.iter().map(|(name, factor)| ((*name).to_owned(), *factor)).collect();
            let rates = Rates::new(&net, &factors)?;
            let gradients = GradientsParams::from_grads(net.weight.val().sum().backward(), &net);
            let step = burn::optim::SgdConfig::new().init().step(rates.at(0.5)?, net.clone(), gradients);
            Ok::<Vec<f32>, String>(step.weight.val().into_data().iter::<f32>().collect())
        };
        assert_eq!(stepped(&[]).unwrap(), [0.5, 1.5]);
        assert_eq!(stepped(&[("weight", 0.5)]).unwrap(), [0.75, 1.75]);
        assert_eq!(stepped(&[("weight", 0.0), ("mean", 3.0)]).unwrap(), [1.0, 2.0]);
        let error = stepped(&[("weigh", 0.5)]).unwrap_err();
        assert!(error.contains("\"weigh\"") && error.contains("weight, mask, mean"), "{error}");
    }

    #[test]
    fn infinities_that_were_there_before_are_no_failure() {
        let device = glyphic_nn::device::cpu().autodiff();
        let net = masked([[1.0, 2.0], [0.0, MINUS], [0.5, 0.5]], &device);
        let before = Statistics::of(&net);
        assert!(before.stay_finite(&net));
        for broken in [f32::NAN, f32::INFINITY] {
            let mean = net.mean.clone().map(|mean| mean * broken);
            assert!(!before.stay_finite(&Masked { mean, ..net.clone() }), "{broken}");
        }
    }

    #[test]
    fn a_moving_average_keeps_what_does_not_change() {
        let device = glyphic_nn::device::cpu().autodiff();
        let net = masked([[1.0, 2.0], [0.0, MINUS], [0.5, 0.5]], &device);
        for (decay, weight) in [(0.0, 3.0), (0.5, 2.0), (1.0 - 1e-12, 2.0)] {
            let weights = net.weight.clone().map(|_| Tensor::from_data([3.0, 3.0], &device).require_grad());
            let mean = net.mean.clone().map(|mean| mean + 1.0);
            let stepped = Masked { weight: weights, mean, ..net.clone() };
            // So late that the decay is not warmed up any more.
            let average = update_average(net.valid(), &stepped, 1 << 40, decay);
            let values = |param: &Param<Tensor<1>>| param.val().into_data().iter::<f32>().collect::<Vec<_>>();
            assert_eq!(values(&average.mask), [0.0, MINUS], "{decay}");
            if decay < 0.9 {
                assert!((values(&average.weight)[0] - weight).abs() < 1e-6, "{decay}");
                assert!((values(&average.mean)[0] - (1.5 - decay as f32)).abs() < 1e-6, "{decay}");
            }
        }
    }
}
