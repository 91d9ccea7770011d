//! Paths to edges, and edges to bounds: chains that rise from a local minimum (greatest y) to a local maximum.

use super::{
    NONE, Vertex, collinear,
    sweep::{Edge, Minimum, Sweep},
};

impl Sweep {
    /// Adds a closed path; one without area in y, or with fewer than three vertices off a line, adds nothing.
    pub(super) fn add_path(&mut self, path: &[Vertex]) {
        let Some(first) = self.add_edges(path) else { return };
        let mut flat = true;
        let mut e = first;
        loop {
            let (a, b) = (self.edges[e].current, self.edges[self.edges[e].next].current);
            let edge = &mut self.edges[e];
            (edge.bottom, edge.top) = if a.y >= b.y { (a, b) } else { (b, a) };
            edge.set_slope();
            e = edge.next;
            flat &= self.edges[e].current.y == self.edges[first].current.y;
            if e == first {
                break;
            }
        }
        if flat {
            return;
        }
        if self.edges[self.edges[e].previous].bottom == self.edges[self.edges[e].previous].top {
            e = self.edges[e].next;
        }
        let mut first_minimum = NONE;
        loop {
            e = self.next_local_minimum(e);
            if e == first_minimum {
                return;
            }
            if first_minimum == NONE {
                first_minimum = e;
            }
            // `e` and the edge before it share the minimum: which one rises on the left?
            let before = self.edges[e].previous;
            let forward = self.edges[e].slope >= self.edges[before].slope;
            let (left, right) = if forward { (e, before) } else { (before, e) };
            self.edges[left].wind_delta = if self.edges[left].next == right { -1 } else { 1 };
            self.edges[right].wind_delta = -self.edges[left].wind_delta;
            let y = self.edges[e].bottom.y;
            let after_left = self.link_bound(left, forward);
            let after_right = self.link_bound(right, !forward);
            self.minima.push(Minimum { y, left, right });
            e = if forward { after_left } else { after_right };
        }
    }

    /// Makes the ring of edges without repeated and collinear vertices; its first edge, `None` where nothing is left.
    fn add_edges(&mut self, path: &[Vertex]) -> Option<usize> {
        let mut n = path.len();
        while n > 1 && path[n - 1] == path[0] {
            n -= 1;
        }
        while n > 1 && path[n - 1] == path[n - 2] {
            n -= 1;
        }
        if n < 3 {
            return None;
        }
        let base = self.edges.len();
        self.edges.extend((0..n).map(|i| Edge::new(path[i], base + (i + 1) % n, base + (i + n - 1) % n)));
        let mut first = base;
        let (mut e, mut stop) = (base, base);
        loop {
            let Edge { next, previous, current, .. } = self.edges[e];
            if current == self.edges[next].current {
                if e == next {
                    return None;
                }
                first = if e == first { next } else { first };
                e = self.unlink(e);
                stop = e;
                continue;
            }
            if previous == next {
                return None;
            }
            if collinear(self.edges[previous].current, current, self.edges[next].current) {
                first = if e == first { next } else { first };
                self.unlink(e);
                e = previous;
                stop = e;
                continue;
            }
            e = next;
            if e == stop {
                return Some(first);
            }
        }
    }

    fn unlink(&mut self, e: usize) -> usize {
        let Edge { next, previous, .. } = self.edges[e];
        self.edges[previous].next = next;
        self.edges[next].previous = previous;
        next
    }

    fn next_local_minimum(&self, mut e: usize) -> usize {
        let edges = &self.edges;
        let before = |e: usize| edges[e].previous;
        loop {
            while edges[e].bottom != edges[before(e)].bottom || edges[e].current == edges[e].top {
                e = edges[e].next;
            }
            if !edges[e].horizontal() && !edges[before(e)].horizontal() {
                return e;
            }
            while edges[before(e)].horizontal() {
                e = before(e);
            }
            let start = e;
            while edges[e].horizontal() {
                e = edges[e].next;
            }
            if edges[e].top.y == edges[before(e)].bottom.y {
                continue; // a horizontal on the way, no minimum
            }
            return if edges[before(start)].bottom.x < edges[e].bottom.x { start } else { e };
        }
    }

    /// Links the edges that rise from a minimum; the edge just beyond them.
    fn link_bound(&mut self, start: usize, forward: bool) -> usize {
        let onwards = |sweep: &Self, e: usize| {
            let edge = &sweep.edges[e];
            if forward { edge.next } else { edge.previous }
        };
        let back = |sweep: &Self, e: usize| {
            let edge = &sweep.edges[e];
            if forward { edge.previous } else { edge.next }
        };
        if self.edges[start].horizontal() {
            let before = &self.edges[back(self, start)];
            let x = self.edges[start].bottom.x;
            let turned = if before.horizontal() {
                before.bottom.x != x && before.top.x != x
            } else {
                before.bottom.x != x
            };
            if turned {
                self.edges[start].flip();
            }
        }
        let mut last = start;
        while self.edges[last].top.y == self.edges[onwards(self, last)].bottom.y {
            last = onwards(self, last);
        }
        if self.edges[last].horizontal() {
            // Horizontals on top of a bound belong to it only where the edge below meets their left end.
            let mut horizontal = last;
            while self.edges[back(self, horizontal)].horizontal() {
                horizontal = back(self, horizontal);
            }
            let below = back(self, horizontal);
            let (here, beyond) = (self.edges[below].top.x, self.edges[onwards(self, last)].top.x);
            if here > beyond || (!forward && here == beyond) {
                last = below;
            }
        }
        let mut e = start;
        loop {
            if e != last {
                self.edges[e].next_in_bound = onwards(self, e);
            }
            let below = self.edges[back(self, e)].top.x;
            if self.edges[e].horizontal() && e != start && self.edges[e].bottom.x != below {
                self.edges[e].flip();
            }
            if e == last {
                return onwards(self, last);
            }
            e = onwards(self, e);
        }
    }

    /// The least and the greatest coordinates of the bounds, `None` without any.
    pub(super) fn bounds(&self) -> Option<[Vertex; 2]> {
        let mut corners: Option<[Vertex; 2]> = None;
        for minimum in &self.minima {
            for start in [minimum.left, minimum.right] {
                let mut e = start;
                while e != NONE {
                    for v in [self.edges[e].bottom, self.edges[e].top] {
                        let [low, high] = corners.get_or_insert([v, v]);
                        *low = Vertex { x: low.x.min(v.x), y: low.y.min(v.y) };
                        *high = Vertex { x: high.x.max(v.x), y: high.y.max(v.y) };
                    }
                    e = self.edges[e].next_in_bound;
                }
            }
        }
        corners
    }
}
