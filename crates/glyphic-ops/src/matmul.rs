//! Products of matrices.

use crate::Tensor;
use crate::{
    Args, Float, OpResult, Scalar, each_rows, elements, elementwise::broadcast_shape, ensure, float_type,
    typed,
};

/// Columns of a block: a row of them stays in the first cache.
const COLUMNS: usize = 512;
/// Depth of a block: `DEPTH x COLUMNS` floats stay in the second cache.
const DEPTH: usize = 128;

/// `c [m, n] += a [m, k] b [k, n]`. The order of additions depends on `k` alone.
pub(crate) fn product<T: Scalar>(a: &[T], b: &[T], c: &mut [T], k: usize, n: usize) {
    if n == 0 || k == 0 {
        return;
    }
    for j0 in (0..n).step_by(COLUMNS) {
        let j1 = (j0 + COLUMNS).min(n);
        for p0 in (0..k).step_by(DEPTH) {
            let p1 = (p0 + DEPTH).min(k);
            let mut rows = c.chunks_exact_mut(n).zip(a.chunks_exact(k));
            while let Some((c0, a0)) = rows.next() {
                let c0 = &mut c0[j0..j1];
                // Two rows share what is read of b.
                if let Some((c1, a1)) = rows.next() {
                    let c1 = &mut c1[j0..j1];
                    let mut p = p0;
                    while p + 4 <= p1 {
                        let b: [&[T]; 4] = std::array::from_fn(|i| &b[(p + i) * n + j0..(p + i) * n + j1]);
                        let (x, y): ([T; 4], [T; 4]) =
                            (std::array::from_fn(|i| a0[p + i]), std::array::from_fn(|i| a1[p + i]));
                        let columns = b[0].iter().zip(b[1]).zip(b[2].iter().zip(b[3]));
                        for ((c0, c1), ((b0, b1), (b2, b3))) in c0.iter_mut().zip(c1.iter_mut()).zip(columns)
                        {
                            let (mut u, mut v) = (*c0, *c1);
                            u = u.plus_product(x[0], *b0);
                            v = v.plus_product(y[0], *b0);
                            u = u.plus_product(x[1], *b1);
                            v = v.plus_product(y[1], *b1);
                            u = u.plus_product(x[2], *b2);
                            v = v.plus_product(y[2], *b2);
                            u = u.plus_product(x[3], *b3);
                            v = v.plus_product(y[3], *b3);
                            *c0 = u;
                            *c1 = v;
                        }
                        p += 4;
                    }
                    for p in p..p1 {
                        let b = &b[p * n + j0..p * n + j1];
                        for ((c0, c1), b) in c0.iter_mut().zip(c1.iter_mut()).zip(b) {
                            *c0 = c0.plus_product(a0[p], *b);
                            *c1 = c1.plus_product(a1[p], *b);
                        }
                    }
                } else {
                    for p in p0..p1 {
                        let b = &b[p * n + j0..p * n + j1];
                        c0.iter_mut().zip(b).for_each(|(c, b)| *c = c.plus_product(a0[p], *b));
                    }
                }
            }
        }
    }
}

/// [`product`] with the rows of the result shared among threads.
pub(crate) fn parallel_product<T: Scalar>(a: &[T], b: &[T], c: &mut [T], k: usize, n: usize) {
    if n == 0 || k == 0 {
        return;
    }
    each_rows(c, n, n * k / 8, &|first, c| {
        let rows = c.len() / n;
        product(&a[first * k..(first + rows) * k], b, c, k, n);
    });
}

/// The transpose of a matrix of `rows` rows.
pub(crate) fn transposed<T: Scalar>(a: &[T], rows: usize, columns: usize) -> Vec<T> {
    super::movement::permuted(a, &[rows, columns], &[1, 0])
}

/// Shapes of a product: of the result, and `m, k, n`.
pub(crate) fn matmul_shape(a: &[usize], b: &[usize]) -> OpResult<(Vec<usize>, [usize; 3])> {
    ensure!(!a.is_empty() && !b.is_empty(), "scalars; expected matrices");
    let (a2, b2) = (
        if a.len() == 1 { vec![1, a[0]] } else { a.to_vec() },
        if b.len() == 1 { vec![b[0], 1] } else { b.to_vec() },
    );
    let (outer_a, [m, k]) = a2.split_last_chunk::<2>().ok_or("an operand without rows")?;
    let (outer_b, [k_b, n]) = b2.split_last_chunk::<2>().ok_or("an operand without rows")?;
    ensure!(k == k_b, "{a:?} times {b:?}: {k} columns and {k_b} rows");
    let mut shape = broadcast_shape(outer_a, outer_b)?;
    if a.len() > 1 {
        shape.push(*m);
    }
    if b.len() > 1 {
        shape.push(*n);
    }
    Ok((shape, [*m, *k, *n]))
}

/// The product of broadcast stacks of matrices.
pub(crate) fn stacks<T: Scalar>(a: (&[usize], &[T]), b: (&[usize], &[T])) -> OpResult<Tensor> {
    let (shape, [m, k, n]) = matmul_shape(a.0, b.0)?;
    let mut out = vec![T::default(); elements(&shape)?];
    if out.is_empty() || k == 0 {
        return Ok(Tensor::of(&shape, out));
    }
    let outer = |s: &[usize]| s[..s.len().saturating_sub(2)].to_vec();
    let (outer_a, outer_b) = (outer(a.0), outer(b.0));
    let b_count: usize = outer_b.iter().product();
    if b_count == 1 {
        // One matrix on the right: all rows on the left are one stack.
        parallel_product(a.1, b.1, &mut out, k, n);
        return Ok(Tensor::of(&shape, out));
    }
    let batch = broadcast_shape(&outer_a, &outer_b)?;
    let position = |mut i: usize, of: &[usize]| {
        let (mut at, mut step) = (0, 1);
        for (a, size) in batch.iter().enumerate().rev() {
            let along = i % size;
            i /= size;
            let own = (a + of.len()).checked_sub(batch.len()).map_or(1, |a| of[a]);
            if own != 1 {
                at += along * step;
            }
            step *= own;
        }
        at
    };
    each_rows(&mut out, m * n, m * n * k / 8, &|first, stack| {
        for (i, c) in stack.chunks_mut(m * n).enumerate() {
            let (x, y) = (position(first + i, &outer_a), position(first + i, &outer_b));
            product(&a.1[x * m * k..(x + 1) * m * k], &b.1[y * k * n..(y + 1) * k * n], c, k, n);
        }
    });
    Ok(Tensor::of(&shape, out))
}

pub(crate) fn matmul(args: &Args) -> OpResult<Tensor> {
    let (a, b) = (args.get(0)?, args.get(1)?);
    float_or_int(a, b)
}

fn float_or_int(a: &Tensor, b: &Tensor) -> OpResult<Tensor> {
    if let (Some(x), Some(y)) = (a.slice::<i32>(), b.slice::<i32>()) {
        return stacks((a.shape(), x), (b.shape(), y));
    }
    if let (Some(x), Some(y)) = (a.slice::<i64>(), b.slice::<i64>()) {
        return stacks((a.shape(), x), (b.shape(), y));
    }
    float_type!(a.dtype(), T => stacks::<T>((a.shape(), typed(a, 0)?), (b.shape(), typed(b, 1)?)))
}

pub(crate) fn gemm(args: &Args, alpha: f32, beta: f32, trans_a: bool, trans_b: bool) -> OpResult<Tensor> {
    let matrix = |i: usize, trans: bool| -> OpResult<([usize; 2], Tensor)> {
        let t = args.get(i)?.clone();
        let t = if trans && t.shape().len() == 2 { super::movement::transpose(t, &[1, 0])? } else { t };
        match *t.shape() {
            [rows, columns] => Ok(([rows, columns], t)),
            _ => Err(format!("operand {i} of shape {:?}; expected a matrix", t.shape()).into()),
        }
    };
    let ([m, k], a) = matrix(0, trans_a)?;
    let ([k_b, n], b) = matrix(1, trans_b)?;
    ensure!(k == k_b, "{k} columns times {k_b} rows");
    float_type!(a.dtype(), T => {
        let mut out = vec![T::default(); elements(&[m, n])?];
        parallel_product(typed::<T>(&a, 0)?, typed::<T>(&b, 1)?, &mut out, k, n);
        if alpha != 1. {
            let alpha = <T as Float>::of(f64::from(alpha));
            out.iter_mut().for_each(|v| *v *= alpha);
        }
        let product = Tensor::of(&[m, n], out);
        let Some(c) = args.opt(2) else { return Ok(product) };
        let shape = broadcast_shape(&[m, n], c.shape())?;
        ensure!(shape == [m, n], "c of shape {:?} does not broadcast to [{m}, {n}]", c.shape());
        let beta = <T as Float>::of(f64::from(beta));
        super::elementwise::broadcast((product.shape(), typed::<T>(&product, 0)?), (c.shape(), typed::<T>(c, 2)?), |p: T, c: T| p + beta * c)
    })
}
