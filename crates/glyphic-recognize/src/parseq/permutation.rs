//! The orders in which texts are read in training.

/// Orders of reading a text of `length` characters, for a whole batch: each is a permutation of `0..length + 2` that begins with the
/// start, 0. The first is that of writing, the second its reverse, in which the end is read with nothing before it; then come
/// others and their reverses, in which the end, `length + 1`, is last. There are `count` of them, or as many as there are.
/// `random` gives numbers from 0 to below 1.
pub fn permutations(length: usize, count: usize, mut random: impl FnMut() -> f64) -> Vec<Vec<usize>> {
    let end = length + 1;
    let whole = |order: &[usize]| -> Vec<usize> {
        std::iter::once(0).chain(order.iter().copied()).chain([end]).collect()
    };
    let forwards: Vec<usize> = (1..=length).collect();
    if count < 2 || length < 2 {
        return vec![whole(&forwards)];
    }
    // Half of all orders of so many characters; the others are their reverses.
    let pairs = (2..=length).take(20).try_fold(1usize, usize::checked_mul).map_or(usize::MAX, |all| all / 2);
    let mut orders = vec![forwards];
    while orders.len() < pairs.min(count / 2) {
        let mut order: Vec<usize> = (1..=length).collect();
        for i in (1..length).rev() {
            order.swap(i, ((random() * (i + 1) as f64) as usize).min(i));
        }
        let known = |other: &Vec<usize>| *other == order || other.iter().rev().eq(&order);
        if !orders.iter().any(known) {
            orders.push(order);
        }
    }
    let mut all = Vec::with_capacity(2 * orders.len());
    for (i, order) in orders.iter().enumerate() {
        all.push(whole(order));
        let reverse: Vec<usize> = order.iter().rev().copied().collect();
        all.push(match i {
            0 => std::iter::once(0).chain((1..=end).rev()).collect(),
            _ => whole(&reverse),
        });
    }
    all
}

/// 1 where the query of a position must not see the class at another: queries of the positions 1 to the end, in that order, over
/// the classes of the positions 0 to the one before the end, `[length + 1, length + 1]` row by row.
pub(super) fn blocked(order: &[usize]) -> Vec<f32> {
    let steps = order.len() - 1;
    let mut place = vec![0; order.len()];
    order.iter().enumerate().for_each(|(i, position)| place[*position] = i);
    let hidden = |query: usize, key: usize| place[key] >= place[query];
    (1..=steps).flat_map(|q| (0..steps).map(move |k| (q, k))).map(|(q, k)| f32::from(hidden(q, k))).collect()
}

/// Numbers from 0 to below 1 that follow from the first one (Knuth's linear congruential generator).
pub(super) fn draws(first: f32) -> impl FnMut() -> f64 {
    let mut state = u64::from(first.to_bits());
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers() -> impl FnMut() -> f64 {
        draws(0.25)
    }

    #[test]
    fn orders_are_permutations_in_pairs_and_none_stands_twice() {
        for (length, expected) in [(1, 1), (2, 2), (3, 6), (4, 6), (9, 6), (25, 6)] {
            let orders = permutations(length, 6, numbers());
            assert_eq!(orders.len(), expected, "{length}");
            assert_eq!(orders[0], (0..length + 2).collect::<Vec<_>>());
            for (i, order) in orders.iter().enumerate() {
                let mut sorted = order.clone();
                sorted.sort_unstable();
                assert_eq!(sorted, orders[0]);
                assert_eq!(order[0], 0);
                assert!(orders[..i].iter().all(|other| other != order), "{length}: {order:?} stands twice");
            }
            if length > 1 {
                assert_eq!(orders[1][1..], (1..length + 2).rev().collect::<Vec<_>>());
            }
            for pair in orders.chunks_exact(2).skip(1) {
                assert!(pair[0][1..=length].iter().rev().eq(&pair[1][1..=length]));
                assert_eq!(pair[1][length + 1], length + 1);
            }
        }
        assert_eq!(permutations(5, 1, numbers()).len(), 1);
        assert_eq!(permutations(5, 2, numbers()).len(), 2);
    }

    #[test]
    fn a_query_sees_what_stands_before_it_in_the_order() {
        // Forwards: each sees the start and those before it.
        assert_eq!(blocked(&[0, 1, 2, 3]), [0., 1., 1., 0., 0., 1., 0., 0., 0.]);
        // 2 is read first, then 1, then the end.
        assert_eq!(blocked(&[0, 2, 1, 3]), [0., 1., 0., 0., 1., 1., 0., 0., 0.]);
        // The end is read first.
        assert_eq!(blocked(&[0, 3, 2, 1]), [0., 1., 0., 0., 1., 1., 0., 1., 1.]);
    }
}
