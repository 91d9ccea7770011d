//! The pieces as rings of points, and the joins between pieces that share an edge.

use super::{NONE, Vertex, collinear, sweep::Edge, sweep::overlap};

struct Point {
    ring: usize,
    at: Vertex,
    next: usize,
    previous: usize,
}

struct Ring {
    /// Itself, or the ring that it was appended to.
    alias: usize,
    hole: bool,
    /// The ring to its left, which decides whether it is a hole.
    first_left: usize,
    /// Its leftmost point while it is open; [`NONE`] once it was appended to another.
    points: usize,
    bottom: usize,
}

struct Join {
    a: usize,
    b: usize,
    /// The end of the shared edge beyond the points.
    beyond: Vertex,
}

#[derive(Default)]
pub(super) struct Rings {
    points: Vec<Point>,
    rings: Vec<Ring>,
    joins: Vec<Join>,
    /// Points on horizontals of the current beam and the far ends of these, which may become joins.
    pub(super) ghosts: Vec<(usize, Vertex)>,
}

impl Rings {
    fn new_ring(&mut self) -> usize {
        let alias = self.rings.len();
        self.rings.push(Ring { alias, hole: false, first_left: NONE, points: NONE, bottom: NONE });
        alias
    }

    /// Adds a point to the piece of `e` on its side, or begins a piece.
    pub(super) fn add_point(&mut self, edges: &mut [Edge], e: usize, at: Vertex) -> usize {
        let new = self.points.len();
        if !edges[e].contributes() {
            let ring = self.new_ring();
            self.rings[ring].points = new;
            self.points.push(Point { ring, at, next: new, previous: new });
            self.set_hole_state(edges, e, ring);
            edges[e].ring = ring;
            return new;
        }
        let ring = edges[e].ring;
        let first = self.rings[ring].points;
        let last = self.points[first].previous;
        let end = if edges[e].left { first } else { last };
        if self.points[end].at == at {
            return end;
        }
        self.points.push(Point { ring, at, next: first, previous: last });
        self.points[last].next = new;
        self.points[first].previous = new;
        if edges[e].left {
            self.rings[ring].points = new;
        }
        new
    }

    /// The point added last on the side of `edge`.
    pub(super) fn last_point(&self, edge: &Edge) -> usize {
        let first = self.rings[edge.ring].points;
        if edge.left { first } else { self.points[first].previous }
    }

    fn set_hole_state(&mut self, edges: &[Edge], e: usize, ring: usize) {
        let mut left = NONE;
        let mut other = edges[e].active.previous;
        while other != NONE {
            if edges[other].contributes() {
                if left == NONE {
                    left = edges[other].ring;
                } else if left == edges[other].ring {
                    left = NONE;
                }
            }
            other = edges[other].active.previous;
        }
        self.rings[ring].first_left = left;
        self.rings[ring].hole = left != NONE && !self.rings[left].hole;
    }

    pub(super) fn add_join(&mut self, a: usize, b: usize, beyond: Vertex) {
        self.joins.push(Join { a, b, beyond });
    }

    /// Turns the ghosts on horizontals that overlap a new one into joins with its point.
    pub(super) fn join_ghosts(&mut self, point: usize, a: i64, b: i64) {
        for &(ghost, end) in &self.ghosts {
            if overlap(self.points[ghost].at.x, end.x, a, b) {
                self.joins.push(Join { a: ghost, b: point, beyond: end });
            }
        }
    }

    /// Appends the ring `gone` to `kept`, at the sides that met.
    pub(super) fn append(&mut self, kept: usize, kept_left: bool, gone: usize, gone_left: bool) {
        let state = self.hole_state_ring(kept, gone);
        let (kept_first, gone_first) = (self.rings[kept].points, self.rings[gone].points);
        let (kept_last, gone_last) = (self.points[kept_first].previous, self.points[gone_first].previous);
        if kept_left == gone_left {
            self.reverse(gone_first);
            self.link(gone_first, kept_first);
            self.link(kept_last, gone_last);
            if kept_left {
                self.rings[kept].points = gone_last;
            }
        } else {
            self.link(gone_last, kept_first);
            self.link(kept_last, gone_first);
            if kept_left {
                self.rings[kept].points = gone_first;
            }
        }
        self.rings[kept].bottom = NONE;
        if state == gone {
            if self.rings[gone].first_left != kept {
                self.rings[kept].first_left = self.rings[gone].first_left;
            }
            self.rings[kept].hole = self.rings[gone].hole;
        }
        let alias = self.rings[kept].alias;
        let ring = &mut self.rings[gone];
        ring.points = NONE;
        ring.bottom = NONE;
        ring.first_left = kept;
        ring.alias = alias;
    }

    fn link(&mut self, a: usize, b: usize) {
        self.points[a].next = b;
        self.points[b].previous = a;
    }

    fn reverse(&mut self, start: usize) {
        let mut p = start;
        loop {
            let point = &mut self.points[p];
            std::mem::swap(&mut point.next, &mut point.previous);
            p = point.previous;
            if p == start {
                return;
            }
        }
    }

    /// Which of two fragments of a piece knows whether the piece is a hole.
    fn hole_state_ring(&mut self, a: usize, b: usize) -> usize {
        if self.right_of(a, b) {
            b
        } else if self.right_of(b, a) {
            a
        } else {
            self.lowermost(a, b)
        }
    }

    fn right_of(&self, a: usize, b: usize) -> bool {
        let mut ring = self.rings[a].first_left;
        while ring != NONE {
            if ring == b {
                return true;
            }
            ring = self.rings[ring].first_left;
        }
        false
    }

    fn lowermost(&mut self, a: usize, b: usize) -> usize {
        for ring in [a, b] {
            if self.rings[ring].bottom == NONE {
                self.rings[ring].bottom = self.bottom_point(self.rings[ring].points);
            }
        }
        let (pa, pb) = (self.rings[a].bottom, self.rings[b].bottom);
        let (va, vb) = (self.points[pa].at, self.points[pb].at);
        let first = if va.y != vb.y {
            va.y > vb.y
        } else if va.x != vb.x {
            va.x < vb.x
        } else if self.points[pa].next == pa {
            false
        } else if self.points[pb].next == pb {
            true
        } else {
            self.first_is_bottom(pa, pb)
        };
        if first { a } else { b }
    }

    fn bottom_point(&self, start: usize) -> usize {
        let mut best = start;
        let mut twin = NONE;
        let mut p = self.points[best].next;
        while p != best {
            let (v, b) = (self.points[p].at, self.points[best].at);
            if v.y > b.y || (v.y == b.y && v.x < b.x) {
                twin = NONE;
                best = p;
            } else if v == b && self.points[p].next != best && self.points[p].previous != best {
                twin = p;
            }
            p = self.points[p].next;
        }
        if twin != NONE {
            while twin != p {
                if !self.first_is_bottom(p, twin) {
                    best = twin;
                }
                twin = self.points[twin].next;
                while self.points[twin].at != self.points[best].at {
                    twin = self.points[twin].next;
                }
            }
        }
        best
    }

    /// Of two points at one place, whether the edges at the first open wider.
    fn first_is_bottom(&self, a: usize, b: usize) -> bool {
        let slope = |p: usize, forward: bool| {
            let other = self.next_elsewhere(p, forward);
            let (v, w) = (self.points[p].at, self.points[other].at);
            if v.y == w.y { 1.0e40 } else { ((w.x - v.x) as f64 / (w.y - v.y) as f64).abs() }
        };
        let (a_back, a_on) = (slope(a, false), slope(a, true));
        let (b_back, b_on) = (slope(b, false), slope(b, true));
        if a_back.max(a_on) == b_back.max(b_on) && a_back.min(a_on) == b_back.min(b_on) {
            self.area(a) > 0.0
        } else {
            (a_back >= b_back && a_back >= b_on) || (a_on >= b_back && a_on >= b_on)
        }
    }

    /// The nearest point of the ring at another place, `p` itself where there is none.
    fn next_elsewhere(&self, p: usize, forward: bool) -> usize {
        let step = |q: usize| if forward { self.points[q].next } else { self.points[q].previous };
        let mut q = step(p);
        while q != p && self.points[q].at == self.points[p].at {
            q = step(q);
        }
        q
    }

    fn area(&self, start: usize) -> f64 {
        let mut sum = 0.0;
        let mut p = start;
        loop {
            let (a, b) = (self.points[self.points[p].previous].at, self.points[p].at);
            sum += (a.x + b.x) as f64 * (a.y - b.y) as f64;
            p = self.points[p].next;
            if p == start {
                return sum * 0.5;
            }
        }
    }

    /// Joins what shares an edge, drops what is collinear and reads the pieces off.
    pub(super) fn finish(mut self, reversed: bool) -> Vec<Vec<Vertex>> {
        for ring in 0..self.rings.len() {
            if self.rings[ring].points != NONE {
                self.orient(ring, reversed);
            }
        }
        for join in 0..self.joins.len() {
            self.join(join, reversed);
        }
        let mut pieces = Vec::new();
        for ring in 0..self.rings.len() {
            let start = self.rings[ring].points;
            if start == NONE {
                continue;
            }
            let Some(start) = self.clean(start) else { continue };
            let first = self.points[start].previous;
            let mut piece = Vec::new();
            let mut p = first;
            loop {
                piece.push(self.points[p].at);
                p = self.points[p].previous;
                if p == first {
                    break;
                }
            }
            pieces.push(piece);
        }
        pieces
    }

    fn orient(&mut self, ring: usize, reversed: bool) {
        let Ring { points, hole, .. } = self.rings[ring];
        if (hole ^ reversed) == (self.area(points) > 0.0) {
            self.reverse(points);
        }
    }

    /// The ring without repeated and collinear points, `None` where fewer than three are left.
    fn clean(&mut self, start: usize) -> Option<usize> {
        let mut last_kept = NONE;
        let mut p = start;
        loop {
            let Point { next, previous, at, .. } = self.points[p];
            if previous == p || previous == next {
                return None;
            }
            let (before, after) = (self.points[previous].at, self.points[next].at);
            if at == after || at == before || collinear(before, at, after) {
                last_kept = NONE;
                self.link(previous, next);
                p = previous;
            } else if p == last_kept {
                return Some(p);
            } else {
                if last_kept == NONE {
                    last_kept = p;
                }
                p = next;
            }
        }
    }

    fn ring_of(&self, point: usize) -> usize {
        let mut ring = self.points[point].ring;
        while ring != self.rings[ring].alias {
            ring = self.rings[ring].alias;
        }
        ring
    }

    fn join(&mut self, join: usize, reversed: bool) {
        let (a, b) = (self.ring_of(self.joins[join].a), self.ring_of(self.joins[join].b));
        if self.rings[a].points == NONE || self.rings[b].points == NONE {
            return;
        }
        let state = if a == b { a } else { self.hole_state_ring(a, b) };
        if !self.join_points(join, a == b) {
            return;
        }
        if a != b {
            self.rings[a].hole = self.rings[state].hole;
            if state == b {
                self.rings[a].first_left = self.rings[b].first_left;
            }
            let alias = self.rings[a].alias;
            let ring = &mut self.rings[b];
            ring.points = NONE;
            ring.bottom = NONE;
            ring.alias = alias;
            ring.first_left = a;
            return;
        }
        // One ring was split into two.
        let Join { a: first, b: second, .. } = self.joins[join];
        self.rings[a].points = first;
        self.rings[a].bottom = NONE;
        let new = self.new_ring();
        self.rings[new].points = second;
        let mut p = second;
        loop {
            self.points[p].ring = new;
            p = self.points[p].previous;
            if p == second {
                break;
            }
        }
        if self.contains(first, second) {
            self.rings[new].hole = !self.rings[a].hole;
            self.rings[new].first_left = a;
            self.orient(new, reversed);
        } else if self.contains(second, first) {
            self.rings[new].hole = self.rings[a].hole;
            self.rings[a].hole = !self.rings[new].hole;
            self.rings[new].first_left = self.rings[a].first_left;
            self.rings[a].first_left = new;
            self.orient(a, reversed);
        } else {
            self.rings[new].hole = self.rings[a].hole;
            self.rings[new].first_left = self.rings[a].first_left;
        }
    }

    /// Whether the ring `outer` contains the ring `inner`, by its first point that is not on the outline.
    fn contains(&self, outer: usize, inner: usize) -> bool {
        let mut p = inner;
        loop {
            if let Some(inside) = self.point_inside(self.points[p].at, outer) {
                return inside;
            }
            p = self.points[p].next;
            if p == inner {
                return true;
            }
        }
    }

    /// `None` on the outline (Hormann and Agathos, 2001).
    fn point_inside(&self, at: Vertex, start: usize) -> Option<bool> {
        let mut inside = false;
        let mut p = start;
        loop {
            let next = self.points[p].next;
            let (a, b) = (self.points[p].at, self.points[next].at);
            if b.y == at.y && (b.x == at.x || (a.y == at.y && ((b.x > at.x) == (a.x < at.x)))) {
                return None;
            }
            if (a.y < at.y) != (b.y < at.y) {
                if a.x >= at.x && b.x > at.x {
                    inside = !inside;
                } else if a.x >= at.x || b.x > at.x {
                    let cross =
                        (a.x - at.x) as f64 * (b.y - at.y) as f64 - (b.x - at.x) as f64 * (a.y - at.y) as f64;
                    if cross == 0.0 {
                        return None;
                    }
                    if (cross > 0.0) == (b.y > a.y) {
                        inside = !inside;
                    }
                }
            }
            p = next;
            if p == start {
                return Some(inside);
            }
        }
    }

    /// Rewires the points of a join; `false` where they turn out not to share an edge.
    fn join_points(&mut self, join: usize, same_ring: bool) -> bool {
        let Join { a, b, beyond } = self.joins[join];
        let (va, vb) = (self.points[a].at, self.points[b].at);
        if va.y == beyond.y {
            if beyond == va && beyond == vb {
                return false; // touching points are left as they are
            }
            return self.join_horizontal(join, a, b);
        }
        // The points lie at one place at the bottom of the shared edge.
        let Some((a_end, a_turned)) = self.upper_end(a, beyond) else { return false };
        let Some((b_end, b_turned)) = self.upper_end(b, beyond) else { return false };
        if a_end == a || b_end == b || a_end == b_end || (same_ring && a_turned == b_turned) {
            return false;
        }
        let a_twin = self.duplicate(a, !a_turned);
        let b_twin = self.duplicate(b, a_turned);
        if a_turned {
            self.link(b, a);
            self.link(a_twin, b_twin);
        } else {
            self.link(a, b);
            self.link(b_twin, a_twin);
        }
        self.joins[join].a = a;
        self.joins[join].b = a_twin;
        true
    }

    /// The other end of the edge that rises from `p` towards `beyond`, and whether it lies backwards along the ring.
    fn upper_end(&self, p: usize, beyond: Vertex) -> Option<(usize, bool)> {
        let fits = |q: usize| {
            let (v, w) = (self.points[p].at, self.points[q].at);
            w.y <= v.y && collinear(v, w, beyond)
        };
        let ahead = self.next_elsewhere(p, true);
        if fits(ahead) {
            return Some((ahead, false));
        }
        let behind = self.next_elsewhere(p, false);
        fits(behind).then_some((behind, true))
    }

    fn duplicate(&mut self, p: usize, after: bool) -> usize {
        let Point { ring, at, next, previous } = self.points[p];
        let new = self.points.len();
        self.points.push(Point { ring, at, next: NONE, previous: NONE });
        let (before, behind) = if after { (p, next) } else { (previous, p) };
        self.link(before, new);
        self.link(new, behind);
        new
    }

    /// Joins along a horizontal; the points may lie anywhere on their edges.
    fn join_horizontal(&mut self, join: usize, a: usize, b: usize) -> bool {
        let y = |p: usize| self.points[p].at.y;
        let previous = |p: usize| self.points[p].previous;
        let next = |p: usize| self.points[p].next;
        let (mut a0, mut a1) = (a, a);
        while y(previous(a0)) == y(a0) && previous(a0) != a1 && previous(a0) != b {
            a0 = previous(a0);
        }
        while y(next(a1)) == y(a1) && next(a1) != a0 && next(a1) != b {
            a1 = next(a1);
        }
        if next(a1) == a0 || next(a1) == b {
            return false; // a flat ring
        }
        let (mut b0, mut b1) = (b, b);
        while y(previous(b0)) == y(b0) && previous(b0) != b1 && previous(b0) != a1 {
            b0 = previous(b0);
        }
        while y(next(b1)) == y(b1) && next(b1) != b0 && next(b1) != a0 {
            b1 = next(b1);
        }
        if next(b1) == b0 || next(b1) == a0 {
            return false;
        }
        let x = |p: usize| self.points[p].at.x;
        let left = x(a0).min(x(a1)).max(x(b0).min(x(b1)));
        let right = x(a0).max(x(a1)).min(x(b0).max(x(b1)));
        if left >= right {
            return false;
        }
        // The joined edges leave a spike, to be cleaned later, on the side that no other join needs.
        let (at, other) = [(a0, a1), (b0, b1), (a1, a0)]
            .into_iter()
            .find(|&(p, _)| (left..=right).contains(&x(p)))
            .unwrap_or((b1, b0));
        let discard_left = x(at) > x(other);
        let at = self.points[at].at;
        let (a_right, b_right) = (x(a0) <= x(a1), x(b0) <= x(b1));
        self.joins[join].a = a0;
        self.joins[join].b = b0;
        if a_right == b_right {
            return false;
        }
        let (a, a_twin) = self.split_horizontal(a0, a_right, at, discard_left);
        let (b, b_twin) = self.split_horizontal(b0, b_right, at, discard_left);
        if a_right == discard_left {
            self.link(b, a);
            self.link(a_twin, b_twin);
        } else {
            self.link(a, b);
            self.link(b_twin, a_twin);
        }
        true
    }

    /// Makes two points at `at` on the horizontal that begins at `p`.
    fn split_horizontal(
        &mut self,
        mut p: usize,
        rightwards: bool,
        at: Vertex,
        discard_left: bool,
    ) -> (usize, usize) {
        loop {
            let here = self.points[p].at;
            let next = self.points[self.points[p].next].at;
            let on_the_way = if rightwards {
                next.x <= at.x && next.x >= here.x
            } else {
                next.x >= at.x && next.x <= here.x
            };
            if !on_the_way || next.y != at.y {
                break;
            }
            p = self.points[p].next;
        }
        if rightwards == discard_left && self.points[p].at.x != at.x {
            p = self.points[p].next;
        }
        let after = rightwards != discard_left;
        let mut twin = self.duplicate(p, after);
        if self.points[twin].at != at {
            p = twin;
            self.points[p].at = at;
            twin = self.duplicate(p, after);
        }
        (p, twin)
    }
}
