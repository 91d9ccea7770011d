//! Recurrent layers.

use crate::{
    Args, Float, OpResult, RnnActivation, RnnDirection, Tensor, elements, ensure, float_type,
    matmul::{parallel_product, product, transposed},
    movement::permuted,
    typed,
};

fn activate<T: Float>(a: RnnActivation, x: T) -> T {
    match a {
        RnnActivation::Sigmoid => T::of(1.) / (T::of(1.) + (-x).exp()),
        RnnActivation::Tanh => x.tanh(),
        RnnActivation::Relu => x.max(T::default()),
    }
}

/// What a recurrent layer reads, in the order `[T, N, I]`, with sizes checked.
struct Layer<'a, T: Float> {
    steps: usize,
    batch: usize,
    input: usize,
    hidden: usize,
    gates: usize,
    directions: usize,
    direction: RnnDirection,
    x: Vec<T>,
    w: &'a [T],
    r: &'a [T],
    bias: Option<&'a [T]>,
    lengths: Vec<usize>,
}

/// Activations and whether time runs backwards, of one direction.
fn functions(
    given: &[RnnActivation],
    defaults: &[RnnActivation],
    directions: usize,
) -> OpResult<Vec<RnnActivation>> {
    if given.is_empty() {
        return Ok(defaults.repeat(directions));
    }
    let n = defaults.len() * directions;
    ensure!(given.len() == n, "{} activations; expected {n}", given.len());
    Ok(given.to_vec())
}

impl<'a, T: Float> Layer<'a, T> {
    fn new(
        args: &'a Args,
        direction: RnnDirection,
        hidden: usize,
        gates: usize,
        batch_first: bool,
    ) -> OpResult<Self> {
        let x = args.get(0)?;
        let [a, b, input] = *x.shape() else {
            return Err(format!("an input of shape {:?}; expected [T, N, I]", x.shape()).into());
        };
        let (steps, batch) = if batch_first { (b, a) } else { (a, b) };
        let directions = if direction == RnnDirection::Bidirectional { 2 } else { 1 };
        ensure!((1..1 << 24).contains(&hidden), "a state of {hidden}");
        let rows = gates * hidden;
        let check = |i: usize, expected: &[usize]| -> OpResult<()> {
            let shape = args.get(i)?.shape();
            ensure!(shape == expected, "operand {i} of shape {shape:?}; expected {expected:?}");
            Ok(())
        };
        check(1, &[directions, rows, input])?;
        check(2, &[directions, rows, hidden])?;
        let bias = match args.opt(3) {
            Some(b) => {
                check(3, &[directions, 2 * rows])?;
                Some(typed::<T>(b, 3)?)
            }
            None => None,
        };
        let lengths = match args.opt_ints(4)? {
            None => vec![steps; batch],
            Some(lengths) => {
                let lengths: Vec<usize> = lengths.iter().filter_map(|l| usize::try_from(*l).ok()).collect();
                ensure!(
                    lengths.len() == batch && lengths.iter().all(|l| *l <= steps),
                    "lengths {lengths:?} of {steps} steps"
                );
                lengths
            }
        };
        elements(&[steps, directions, batch, rows])?;
        let values = typed::<T>(x, 0)?;
        let x =
            if batch_first { permuted(values, &[batch, steps, input], &[1, 0, 2]) } else { values.to_vec() };
        let (w, r) = (typed(args.get(1)?, 1)?, typed(args.get(2)?, 2)?);
        Ok(Self { steps, batch, input, hidden, gates, directions, direction, x, w, r, bias, lengths })
    }

    fn rows(&self) -> usize {
        self.gates * self.hidden
    }

    fn reverse(&self, d: usize) -> bool {
        d == 1 || self.direction == RnnDirection::Reverse
    }

    /// A state given by an operand (`[D, N, H]`, or `[N, D, H]` batch first), or zeros.
    fn state(&self, args: &Args, i: usize, batch_first: bool) -> OpResult<Vec<T>> {
        let (d, n, h) = (self.directions, self.batch, self.hidden);
        let Some(state) = args.opt(i) else { return Ok(vec![T::default(); d * n * h]) };
        let expected = if batch_first { [n, d, h] } else { [d, n, h] };
        ensure!(state.shape() == expected, "operand {i} of shape {:?}; expected {expected:?}", state.shape());
        let values = typed::<T>(state, i)?;
        Ok(if batch_first { permuted(values, &[n, d, h], &[1, 0, 2]) } else { values.to_vec() })
    }

    /// The input's part of all gates at all steps, with the input's bias: `[T * N, gates * H]`.
    fn projected(&self, d: usize) -> Vec<T> {
        let rows = self.rows();
        let w = transposed(&self.w[d * rows * self.input..(d + 1) * rows * self.input], rows, self.input);
        let mut out = vec![T::default(); self.steps * self.batch * rows];
        if let Some(bias) = self.bias {
            let bias = &bias[d * 2 * rows..d * 2 * rows + rows];
            out.chunks_mut(rows).for_each(|o| o.copy_from_slice(bias));
        }
        parallel_product(&self.x, &w, &mut out, self.input, rows);
        out
    }

    /// The state's weights `[H, gates * H]` and bias.
    fn recurrent(&self, d: usize) -> (Vec<T>, Vec<T>) {
        let rows = self.rows();
        let r = transposed(&self.r[d * rows * self.hidden..(d + 1) * rows * self.hidden], rows, self.hidden);
        let bias = self.bias.map_or_else(
            || vec![T::default(); rows],
            |b| b[d * 2 * rows + rows..(d + 1) * 2 * rows].to_vec(),
        );
        (r, bias)
    }

    /// `[T, D, N, H]`, or `[N, T, D, H]` batch first, and the last states.
    fn results(&self, y: Vec<T>, states: Vec<Vec<T>>, batch_first: bool) -> Vec<Tensor> {
        let (t, d, n, h) = (self.steps, self.directions, self.batch, self.hidden);
        let mut results = Vec::with_capacity(1 + states.len());
        results.push(if batch_first {
            Tensor::of(&[n, t, d, h], permuted(&y, &[t, d, n, h], &[2, 0, 1, 3]))
        } else {
            Tensor::of(&[t, d, n, h], y)
        });
        for state in states {
            results.push(if batch_first {
                Tensor::of(&[n, d, h], permuted(&state, &[d, n, h], &[1, 0, 2]))
            } else {
                Tensor::of(&[d, n, h], state)
            });
        }
        results
    }

    /// The steps of a member of the batch, in the order of time's run.
    fn time(&self, d: usize, n: usize, step: usize) -> Option<usize> {
        let length = self.lengths[n];
        (step < length).then(|| if self.reverse(d) { length - 1 - step } else { step })
    }
}

pub(crate) fn lstm(
    args: &Args,
    direction: RnnDirection,
    hidden: usize,
    activations: &[RnnActivation],
    batch_first: bool,
) -> OpResult<Vec<Tensor>> {
    use RnnActivation::{Sigmoid, Tanh};
    let dtype = args.get(0)?.dtype();
    float_type!(dtype, T => {
        let l = Layer::<T>::new(args, direction, hidden, 4, batch_first)?;
        let functions = functions(activations, &[Sigmoid, Tanh, Tanh], l.directions)?;
        let mut h = l.state(args, 5, batch_first)?;
        let mut c = l.state(args, 6, batch_first)?;
        let peepholes = match args.opt(7) {
            Some(p) => {
                let expected = [l.directions, 3 * hidden];
                ensure!(p.shape() == expected, "peepholes of shape {:?}; expected {expected:?}", p.shape());
                Some(typed::<T>(p, 7)?)
            }
            None => None,
        };
        let (rows, size) = (l.rows(), l.batch * hidden);
        let mut y = vec![T::default(); elements(&[l.steps, l.directions, l.batch, hidden])?];
        for d in 0..l.directions {
            let inputs = l.projected(d);
            let (r, bias) = l.recurrent(d);
            let [f, g, k] = [functions[3 * d], functions[3 * d + 1], functions[3 * d + 2]];
            let peepholes = peepholes.map(|p| &p[d * 3 * hidden..(d + 1) * 3 * hidden]);
            let (h, c) = (&mut h[d * size..(d + 1) * size], &mut c[d * size..(d + 1) * size]);
            let mut gates = vec![T::default(); l.batch * rows];
            for step in 0..l.steps {
                gates.chunks_mut(rows).for_each(|g| g.copy_from_slice(&bias));
                product(h, &r, &mut gates, hidden, rows);
                for n in 0..l.batch {
                    let Some(t) = l.time(d, n, step) else { continue };
                    let x = &inputs[(t * l.batch + n) * rows..][..rows];
                    let z = &gates[n * rows..(n + 1) * rows];
                    for j in 0..hidden {
                        let (hn, cn) = (&mut h[n * hidden + j], &mut c[n * hidden + j]);
                        let at = |gate: usize| x[gate * hidden + j] + z[gate * hidden + j];
                        let peep = |gate: usize, c: T| peepholes.map_or(T::default(), |p| p[gate * hidden + j] * c);
                        let i = activate(f, at(0) + peep(0, *cn));
                        let forget = activate(f, at(2) + peep(2, *cn));
                        *cn = forget * *cn + i * activate(g, at(3));
                        let o = activate(f, at(1) + peep(1, *cn));
                        *hn = o * activate(k, *cn);
                        y[((t * l.directions + d) * l.batch + n) * hidden + j] = *hn;
                    }
                }
            }
        }
        Ok(l.results(y, vec![h, c], batch_first))
    })
}

pub(crate) fn gru(
    args: &Args,
    direction: RnnDirection,
    hidden: usize,
    activations: &[RnnActivation],
    linear_before_reset: bool,
    batch_first: bool,
) -> OpResult<Vec<Tensor>> {
    use RnnActivation::{Sigmoid, Tanh};
    let dtype = args.get(0)?.dtype();
    float_type!(dtype, T => {
        let l = Layer::<T>::new(args, direction, hidden, 3, batch_first)?;
        let functions = functions(activations, &[Sigmoid, Tanh], l.directions)?;
        let mut h = l.state(args, 5, batch_first)?;
        let (rows, size) = (l.rows(), l.batch * hidden);
        let mut y = vec![T::default(); elements(&[l.steps, l.directions, l.batch, hidden])?];
        for d in 0..l.directions {
            let inputs = l.projected(d);
            let (r, bias) = l.recurrent(d);
            // The hidden gate's weights alone, for a reset that comes first.
            let reset_first: Vec<T> = r.chunks(rows).flat_map(|row| &row[2 * hidden..]).copied().collect();
            let [f, g] = [functions[2 * d], functions[2 * d + 1]];
            let h = &mut h[d * size..(d + 1) * size];
            let mut gates = vec![T::default(); l.batch * rows];
            for step in 0..l.steps {
                gates.chunks_mut(rows).for_each(|g| g.copy_from_slice(&bias));
                product(h, &r, &mut gates, hidden, rows);
                for n in 0..l.batch {
                    let Some(t) = l.time(d, n, step) else { continue };
                    let x = &inputs[(t * l.batch + n) * rows..][..rows];
                    let s = &gates[n * rows..(n + 1) * rows];
                    let h = &mut h[n * hidden..(n + 1) * hidden];
                    let reset: Vec<T> = (0..hidden).map(|j| activate(f, x[hidden + j] + s[hidden + j])).collect();
                    let candidate: Vec<T> = if linear_before_reset {
                        (0..hidden).map(|j| activate(g, x[2 * hidden + j] + reset[j] * s[2 * hidden + j])).collect()
                    } else {
                        let kept: Vec<T> = reset.iter().zip(h.iter()).map(|(r, h)| *r * *h).collect();
                        let mut sums = bias[2 * hidden..].to_vec();
                        product(&kept, &reset_first, &mut sums, hidden, hidden);
                        (0..hidden).map(|j| activate(g, x[2 * hidden + j] + sums[j])).collect()
                    };
                    for j in 0..hidden {
                        let z = activate(f, x[j] + s[j]);
                        h[j] = (1. - z) * candidate[j] + z * h[j];
                        y[((t * l.directions + d) * l.batch + n) * hidden + j] = h[j];
                    }
                }
            }
        }
        Ok(l.results(y, vec![h], batch_first))
    })
}
