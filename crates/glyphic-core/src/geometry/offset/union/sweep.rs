//! The sweep from the greatest y to the least, one beam between two vertices at a time.

use std::collections::BinaryHeap;

use super::{NONE, Vertex, parallel, rings::Rings, round};

/// The slope of a horizontal edge: less than that of any other.
const HORIZONTAL: f64 = -1.0e40;

pub(super) struct Edge {
    /// The end with the greater y.
    pub(super) bottom: Vertex,
    /// Where the sweep stands on it; before the sweep, where it begins along the path.
    pub(super) current: Vertex,
    pub(super) top: Vertex,
    /// dx / dy.
    pub(super) slope: f64,
    /// Whether it is the left side of its piece.
    pub(super) left: bool,
    /// 1 or -1 by its direction along the path.
    pub(super) wind_delta: i32,
    /// The winding number on its inner side.
    wind_count: i32,
    /// The piece it is a side of.
    pub(super) ring: usize,
    pub(super) next: usize,
    pub(super) previous: usize,
    pub(super) next_in_bound: usize,
    pub(super) active: Links,
    sorted: Links,
}

/// Neighbours in a list.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Links {
    pub(super) next: usize,
    pub(super) previous: usize,
}

const UNLINKED: Links = Links { next: NONE, previous: NONE };

impl Edge {
    pub(super) fn new(start: Vertex, next: usize, previous: usize) -> Self {
        Self {
            bottom: start,
            current: start,
            top: start,
            slope: 0.0,
            left: true,
            wind_delta: 0,
            wind_count: 0,
            ring: NONE,
            next,
            previous,
            next_in_bound: NONE,
            active: UNLINKED,
            sorted: UNLINKED,
        }
    }

    pub(super) fn set_slope(&mut self) {
        let dy = self.top.y - self.bottom.y;
        self.slope = if dy == 0 { HORIZONTAL } else { (self.top.x - self.bottom.x) as f64 / dy as f64 };
    }

    pub(super) fn horizontal(&self) -> bool {
        self.slope == HORIZONTAL
    }

    /// Exchanges the ends of a horizontal edge.
    pub(super) fn flip(&mut self) {
        std::mem::swap(&mut self.top.x, &mut self.bottom.x);
    }

    /// Whether it is a side of a piece.
    pub(super) fn contributes(&self) -> bool {
        self.ring != NONE
    }

    fn x_at(&self, y: i64) -> i64 {
        if y == self.top.y {
            self.top.x
        } else {
            self.bottom.x + round(self.slope * (y - self.bottom.y) as f64)
        }
    }

    fn parallel_to(&self, other: &Self) -> bool {
        parallel(self.top, self.bottom, other.top, other.bottom)
    }

    fn is_maximum(&self, y: i64) -> bool {
        self.top.y == y && self.next_in_bound == NONE
    }

    fn is_intermediate(&self, y: i64) -> bool {
        self.top.y == y && self.next_in_bound != NONE
    }
}

/// Where two bounds begin.
pub(super) struct Minimum {
    pub(super) y: i64,
    pub(super) left: usize,
    pub(super) right: usize,
}

struct Crossing {
    a: usize,
    b: usize,
    at: Vertex,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Left,
    Right,
}

pub(super) struct Sweep {
    pub(super) edges: Vec<Edge>,
    pub(super) minima: Vec<Minimum>,
    /// 1: what the paths wind around at least once positively; -1: negatively.
    sign: i32,
    next_minimum: usize,
    beams: BinaryHeap<i64>,
    /// First of the edges that the sweep line crosses, from left to right.
    active: usize,
    /// First of the edges in a second list: horizontals to be processed, or the order at the top of the beam.
    sorted: usize,
    crossings: Vec<Crossing>,
    pub(super) rings: Rings,
}

/// The sweep met a state that its rounding cannot resolve; there is no result then, as in the reference.
pub(super) struct Stuck;

impl Sweep {
    pub(super) fn new(sign: i32) -> Self {
        Self {
            edges: Vec::new(),
            minima: Vec::new(),
            sign,
            next_minimum: 0,
            beams: BinaryHeap::new(),
            active: NONE,
            sorted: NONE,
            crossings: Vec::new(),
            rings: Rings::default(),
        }
    }

    /// The pieces; `reversed` turns their orientation.
    pub(super) fn run(mut self, reversed: bool) -> Vec<Vec<Vertex>> {
        self.minima.sort_by_key(|m| std::cmp::Reverse(m.y));
        for i in 0..self.minima.len() {
            let Minimum { y, left, right } = self.minima[i];
            self.beams.push(y);
            for (e, is_left) in [(left, true), (right, false)] {
                self.edges[e].current = self.edges[e].bottom;
                self.edges[e].left = is_left;
            }
        }
        match self.sweep() {
            Ok(()) => self.rings.finish(reversed),
            Err(Stuck) => Vec::new(),
        }
    }

    fn sweep(&mut self) -> Result<(), Stuck> {
        let mut y = self.pop_beam().ok_or(Stuck)?;
        self.insert_minima(y);
        loop {
            match self.pop_beam() {
                Some(next) => y = next,
                None if self.next_minimum < self.minima.len() => {}
                None => return Ok(()),
            }
            self.process_horizontals();
            self.rings.ghosts.clear();
            self.process_crossings(y)?;
            self.process_top(y)?;
            self.insert_minima(y);
        }
    }

    fn pop_beam(&mut self) -> Option<i64> {
        let y = self.beams.pop()?;
        while self.beams.peek() == Some(&y) {
            self.beams.pop();
        }
        Some(y)
    }

    // The lists of active and sorted edges.

    fn insert_active(&mut self, e: usize, after: usize) {
        if self.active == NONE {
            self.edges[e].active = UNLINKED;
            self.active = e;
        } else if after == NONE && self.lies_before(e, self.active) {
            self.edges[e].active = Links { previous: NONE, next: self.active };
            self.edges[self.active].active.previous = e;
            self.active = e;
        } else {
            let mut after = if after == NONE { self.active } else { after };
            loop {
                let next = self.edges[after].active.next;
                if next == NONE || self.lies_before(e, next) {
                    break;
                }
                after = next;
            }
            let next = self.edges[after].active.next;
            self.edges[e].active = Links { previous: after, next };
            if next != NONE {
                self.edges[next].active.previous = e;
            }
            self.edges[after].active.next = e;
        }
    }

    fn lies_before(&self, e: usize, other: usize) -> bool {
        let (e, other) = (&self.edges[e], &self.edges[other]);
        if e.current.x != other.current.x {
            e.current.x < other.current.x
        } else if e.top.y > other.top.y {
            e.top.x < other.x_at(e.top.y)
        } else {
            other.top.x > e.x_at(other.top.y)
        }
    }

    fn delete_active(&mut self, e: usize) {
        let Links { next, previous } = self.edges[e].active;
        if previous == NONE && next == NONE && e != self.active {
            return;
        }
        if previous != NONE {
            self.edges[previous].active.next = next;
        } else {
            self.active = next;
        }
        if next != NONE {
            self.edges[next].active.previous = previous;
        }
        self.edges[e].active = UNLINKED;
    }

    /// Puts the next edge of its bound in the place of `e`, and returns it.
    fn advance(&mut self, e: usize) -> usize {
        let Edge { ring, left, wind_delta, wind_count, active, next_in_bound: next, .. } = self.edges[e];
        if active.previous != NONE {
            self.edges[active.previous].active.next = next;
        } else {
            self.active = next;
        }
        if active.next != NONE {
            self.edges[active.next].active.previous = next;
        }
        let edge = &mut self.edges[next];
        edge.ring = ring;
        edge.left = left;
        edge.wind_delta = wind_delta;
        edge.wind_count = wind_count;
        edge.current = edge.bottom;
        edge.active = active;
        if !edge.horizontal() {
            self.beams.push(edge.top.y);
        }
        next
    }

    fn swap_active(&mut self, a: usize, b: usize) {
        let (la, lb) = (self.edges[a].active, self.edges[b].active);
        if la.next == la.previous || lb.next == lb.previous {
            return; // one is no longer in the list
        }
        swap_links(&mut self.edges, a, b, |e| &mut e.active);
        if self.edges[a].active.previous == NONE {
            self.active = a;
        } else if self.edges[b].active.previous == NONE {
            self.active = b;
        }
    }

    fn swap_sorted(&mut self, a: usize, b: usize) {
        if self.edges[a].sorted == UNLINKED || self.edges[b].sorted == UNLINKED {
            return;
        }
        swap_links(&mut self.edges, a, b, |e| &mut e.sorted);
        if self.edges[a].sorted.previous == NONE {
            self.sorted = a;
        } else if self.edges[b].sorted.previous == NONE {
            self.sorted = b;
        }
    }

    fn push_horizontal(&mut self, e: usize) {
        self.edges[e].sorted = Links { previous: NONE, next: self.sorted };
        if self.sorted != NONE {
            self.edges[self.sorted].sorted.previous = e;
        }
        self.sorted = e;
    }

    fn pop_horizontal(&mut self) -> Option<usize> {
        let e = self.sorted;
        if e == NONE {
            return None;
        }
        let next = self.edges[e].sorted.next;
        self.sorted = next;
        if next != NONE {
            self.edges[next].sorted.previous = NONE;
        }
        self.edges[e].sorted = UNLINKED;
        Some(e)
    }

    fn copy_active_to_sorted(&mut self) {
        self.sorted = self.active;
        let mut e = self.active;
        while e != NONE {
            self.edges[e].sorted = self.edges[e].active;
            e = self.edges[e].active.next;
        }
    }

    // Winding numbers and pieces.

    fn set_winding(&mut self, e: usize) {
        let delta = self.edges[e].wind_delta;
        let before = self.edges[e].active.previous;
        self.edges[e].wind_count = if before == NONE {
            delta
        } else {
            let Edge { wind_count, wind_delta, .. } = self.edges[before];
            let leaving = wind_count * wind_delta < 0;
            if leaving && wind_count.abs() <= 1 {
                delta
            } else if wind_delta * delta < 0 {
                wind_count
            } else {
                wind_count + delta
            }
        };
    }

    fn add_point(&mut self, e: usize, at: Vertex) -> usize {
        self.rings.add_point(&mut self.edges, e, at)
    }

    /// Begins a piece where two edges part.
    fn open_ring(&mut self, a: usize, b: usize, at: Vertex) -> usize {
        let a_first = self.edges[b].horizontal() || self.edges[a].slope > self.edges[b].slope;
        let (left, right) = if a_first { (a, b) } else { (b, a) };
        let point = self.add_point(left, at);
        self.edges[right].ring = self.edges[left].ring;
        self.edges[left].left = true;
        self.edges[right].left = false;
        let mut before = self.edges[left].active.previous;
        if before == right {
            before = self.edges[right].active.previous;
        }
        if before != NONE && self.edges[before].contributes() {
            let (edge, other) = (&self.edges[left], &self.edges[before]);
            if other.top.y < at.y && edge.top.y < at.y {
                let (x, other_x) = (edge.x_at(at.y), other.x_at(at.y));
                let here = Vertex { x, y: at.y };
                if x == other_x && parallel(here, other.top, here, edge.top) {
                    let top = edge.top;
                    let other_point = self.add_point(before, at);
                    self.rings.add_join(point, other_point, top);
                }
            }
        }
        point
    }

    /// Ends a piece, or joins two, where two edges meet.
    fn close_ring(&mut self, a: usize, b: usize, at: Vertex) {
        self.add_point(a, at);
        let (ring_a, ring_b) = (self.edges[a].ring, self.edges[b].ring);
        if ring_a == ring_b {
            self.edges[a].ring = NONE;
            self.edges[b].ring = NONE;
        } else if ring_a < ring_b {
            self.append_ring(a, b);
        } else {
            self.append_ring(b, a);
        }
    }

    fn append_ring(&mut self, a: usize, b: usize) {
        let (kept, gone, left) = (self.edges[a].ring, self.edges[b].ring, self.edges[a].left);
        self.rings.append(kept, left, gone, self.edges[b].left);
        self.edges[a].ring = NONE;
        self.edges[b].ring = NONE;
        let mut e = self.active;
        while e != NONE {
            if self.edges[e].ring == gone {
                self.edges[e].ring = kept;
                self.edges[e].left = left;
                break;
            }
            e = self.edges[e].active.next;
        }
    }

    fn insert_minima(&mut self, y: i64) {
        while self.next_minimum < self.minima.len() && self.minima[self.next_minimum].y == y {
            let Minimum { left, right, .. } = self.minima[self.next_minimum];
            self.next_minimum += 1;
            self.insert_active(left, NONE);
            self.insert_active(right, left);
            self.set_winding(left);
            self.edges[right].wind_count = self.edges[left].wind_count;
            let bottom = self.edges[left].bottom;
            let contributes = self.edges[left].wind_count == self.sign;
            let point = if contributes { self.open_ring(left, right, bottom) } else { NONE };
            self.beams.push(self.edges[left].top.y);
            if self.edges[right].horizontal() {
                self.push_horizontal(right);
                let next = self.edges[right].next_in_bound;
                if next != NONE {
                    self.beams.push(self.edges[next].top.y);
                }
            } else {
                self.beams.push(self.edges[right].top.y);
            }
            self.join_at_minimum(left, right, point);

            if self.edges[left].active.next != right {
                let at = self.edges[left].current;
                let mut e = self.edges[left].active.next;
                while e != NONE && e != right {
                    self.cross(right, e, at); // the first is to the right above the crossing
                    e = self.edges[e].active.next;
                }
            }
        }
    }

    /// Notes where the edges of a minimum run along edges of other pieces.
    fn join_at_minimum(&mut self, left: usize, right: usize, point: usize) {
        if point != NONE && self.edges[right].horizontal() {
            let (a, b) = (self.edges[right].bottom.x, self.edges[right].top.x);
            self.rings.join_ghosts(point, a, b);
        }
        let before = self.edges[left].active.previous;
        if self.edges[left].contributes() && before != NONE {
            let (edge, other) = (&self.edges[left], &self.edges[before]);
            if other.current.x == edge.bottom.x
                && other.contributes()
                && parallel(other.bottom, other.top, edge.current, edge.top)
            {
                let (bottom, top) = (edge.bottom, edge.top);
                let other_point = self.add_point(before, bottom);
                self.rings.add_join(point, other_point, top);
            }
        }
        if self.edges[left].active.next != right {
            let before = self.edges[right].active.previous;
            let (edge, other) = (&self.edges[right], &self.edges[before]);
            if edge.contributes()
                && other.contributes()
                && parallel(other.current, other.top, edge.current, edge.top)
            {
                let (bottom, top) = (edge.bottom, edge.top);
                let other_point = self.add_point(before, bottom);
                self.rings.add_join(point, other_point, top);
            }
        }
    }

    /// Two edges cross; `a` is to the right of `b` above the crossing.
    fn cross(&mut self, a: usize, b: usize, at: Vertex) {
        let (delta_a, delta_b) = (self.edges[a].wind_delta, self.edges[b].wind_delta);
        let turned = |count: i32, delta: i32| if count + delta == 0 { -count } else { count + delta };
        self.edges[a].wind_count = turned(self.edges[a].wind_count, delta_b);
        self.edges[b].wind_count = turned(self.edges[b].wind_count, -delta_a);
        let (count_a, count_b) = (self.sign * self.edges[a].wind_count, self.sign * self.edges[b].wind_count);
        let (edge_a, edge_b) = ((0..=1).contains(&count_a), (0..=1).contains(&count_b));
        match (self.edges[a].contributes(), self.edges[b].contributes()) {
            (true, true) if !edge_a || !edge_b => self.close_ring(a, b, at),
            (true, true) => {
                self.add_point(a, at);
                self.add_point(b, at);
                self.swap_sides(a, b, true);
            }
            (true, false) if edge_b => {
                self.add_point(a, at);
                self.swap_sides(a, b, true);
            }
            (false, true) if edge_a => {
                self.add_point(b, at);
                self.swap_sides(a, b, true);
            }
            (false, false) if edge_a && edge_b => {
                if count_a == 1 && count_b == 1 {
                    self.open_ring(a, b, at);
                } else {
                    self.swap_sides(a, b, false);
                }
            }
            _ => {}
        }
    }

    fn swap_sides(&mut self, a: usize, b: usize, rings: bool) {
        let (side, ring) = (self.edges[a].left, self.edges[a].ring);
        self.edges[a].left = self.edges[b].left;
        self.edges[b].left = side;
        if rings {
            self.edges[a].ring = self.edges[b].ring;
            self.edges[b].ring = ring;
        }
    }

    // Horizontal edges.

    fn process_horizontals(&mut self) {
        while let Some(e) = self.pop_horizontal() {
            self.process_horizontal(e);
        }
    }

    fn process_horizontal(&mut self, mut e: usize) {
        let mut last = e;
        loop {
            let next = self.edges[last].next_in_bound;
            if next == NONE || !self.edges[next].horizontal() {
                break;
            }
            last = next;
        }
        let pair = if self.edges[last].next_in_bound == NONE { self.maximum_pair(last) } else { NONE };
        let mut point = NONE;
        loop {
            let (bottom, top) = (self.edges[e].bottom, self.edges[e].top);
            let direction = if bottom.x < top.x { Direction::Right } else { Direction::Left };
            let (from, to) = (bottom.x.min(top.x), bottom.x.max(top.x));
            let mut other = self.neighbour(e, direction);
            while other != NONE {
                let Edge { current, slope, .. } = self.edges[other];
                let passed = match direction {
                    Direction::Right => current.x > to,
                    Direction::Left => current.x < from,
                };
                if passed {
                    break;
                }
                // At the end of a horizontal on the way: smaller slopes lie to the right above it.
                let next = self.edges[e].next_in_bound;
                if current.x == top.x && next != NONE && slope < self.edges[next].slope {
                    break;
                }
                if self.edges[e].contributes() {
                    point = self.add_point(e, current);
                    self.join_horizontals(e, point);
                    self.rings.ghosts.push((point, bottom));
                }
                if other == pair && e == last {
                    if self.edges[e].contributes() {
                        self.close_ring(e, pair, top);
                    }
                    self.delete_active(e);
                    self.delete_active(pair);
                    return;
                }
                let at = Vertex { x: current.x, y: self.edges[e].current.y };
                match direction {
                    Direction::Right => self.cross(e, other, at),
                    Direction::Left => self.cross(other, e, at),
                }
                let next = self.neighbour(other, direction);
                self.swap_active(e, other);
                other = next;
            }
            let next = self.edges[e].next_in_bound;
            if next == NONE || !self.edges[next].horizontal() {
                break;
            }
            e = self.advance(e);
            if self.edges[e].contributes() {
                self.add_point(e, self.edges[e].bottom);
            }
        }
        if self.edges[e].contributes() && point == NONE {
            point = self.rings.last_point(&self.edges[e]);
            self.join_horizontals(e, point);
            self.rings.ghosts.push((point, self.edges[e].top));
        }
        if self.edges[e].next_in_bound == NONE {
            if self.edges[e].contributes() {
                self.add_point(e, self.edges[e].top);
            }
            self.delete_active(e);
        } else if self.edges[e].contributes() {
            let point = self.add_point(e, self.edges[e].top);
            e = self.advance(e);
            let along = |sweep: &Self, other: usize| {
                let (edge, other) = (&sweep.edges[e], &sweep.edges[other]);
                other.current == edge.bottom
                    && other.contributes()
                    && other.current.y > other.top.y
                    && edge.parallel_to(other)
            };
            self.join_neighbour(e, point, along);
        } else {
            self.advance(e);
        }
    }

    fn neighbour(&self, e: usize, direction: Direction) -> usize {
        match direction {
            Direction::Right => self.edges[e].active.next,
            Direction::Left => self.edges[e].active.previous,
        }
    }

    /// Notes joins of `point` on the horizontal `e` with the horizontals still to be processed that overlap it.
    fn join_horizontals(&mut self, e: usize, point: usize) {
        let (a, b) = (self.edges[e].bottom.x, self.edges[e].top.x);
        let mut other = self.sorted;
        while other != NONE {
            let edge = &self.edges[other];
            if edge.contributes() && overlap(a, b, edge.bottom.x, edge.top.x) {
                let other_point = self.rings.last_point(edge);
                self.rings.add_join(other_point, point, edge.top);
            }
            other = self.edges[other].sorted.next;
        }
    }

    /// Notes a join of `point`, at the bottom of `e`, with the neighbour that runs along `e`, the left one first.
    fn join_neighbour(&mut self, e: usize, point: usize, along: impl Fn(&Self, usize) -> bool) {
        let Links { previous, next } = self.edges[e].active;
        let Some(other) = [previous, next].into_iter().find(|&n| n != NONE && along(self, n)) else { return };
        let (bottom, top) = (self.edges[e].bottom, self.edges[e].top);
        let other_point = self.add_point(other, bottom);
        self.rings.add_join(point, other_point, top);
    }

    // Crossings within a beam.

    fn process_crossings(&mut self, top: i64) -> Result<(), Stuck> {
        if self.active == NONE {
            return Ok(());
        }
        self.find_crossings(top);
        if self.crossings.len() > 1 {
            self.order_crossings()?;
        }
        for Crossing { a, b, at } in std::mem::take(&mut self.crossings) {
            self.cross(a, b, at);
            self.swap_active(a, b);
        }
        self.sorted = NONE;
        Ok(())
    }

    /// Bubble sort by the order at the top of the beam: every exchange is a crossing.
    fn find_crossings(&mut self, top: i64) {
        self.copy_active_to_sorted();
        let mut e = self.active;
        while e != NONE {
            self.edges[e].current.x = self.edges[e].x_at(top);
            e = self.edges[e].active.next;
        }
        loop {
            let mut changed = false;
            let mut e = self.sorted;
            while self.edges[e].sorted.next != NONE {
                let next = self.edges[e].sorted.next;
                if self.edges[e].current.x > self.edges[next].current.x {
                    let mut at = crossing(&self.edges[e], &self.edges[next]);
                    if at.y < top {
                        at = Vertex { x: self.edges[e].x_at(top), y: top };
                    }
                    self.crossings.push(Crossing { a: e, b: next, at });
                    self.swap_sorted(e, next);
                    changed = true;
                } else {
                    e = next;
                }
            }
            let before = self.edges[e].sorted.previous;
            if before == NONE {
                break;
            }
            self.edges[before].sorted.next = NONE;
            if !changed {
                break;
            }
        }
        self.sorted = NONE;
    }

    /// Orders the crossings from the bottom, and so that each is between neighbours.
    ///
    /// Those of one height keep the order they were found in. The reference's sort is not stable above 16 of them: there
    /// a vertex may differ by a pixel, as between the reference's own builds.
    fn order_crossings(&mut self) -> Result<(), Stuck> {
        self.copy_active_to_sorted();
        self.crossings.sort_by_key(|c| std::cmp::Reverse(c.at.y));
        for i in 0..self.crossings.len() {
            let adjacent = |c: &Crossing| {
                let Links { next, previous } = self.edges[c.a].sorted;
                next == c.b || previous == c.b
            };
            let j = (i..self.crossings.len()).find(|&j| adjacent(&self.crossings[j])).ok_or(Stuck)?;
            self.crossings.swap(i, j);
            let Crossing { a, b, .. } = self.crossings[i];
            self.swap_sorted(a, b);
        }
        Ok(())
    }

    // The top of a beam.

    /// The other edge of the maximum at the top of `e`.
    fn maximum_pair(&self, e: usize) -> usize {
        let Edge { next, previous, top, .. } = self.edges[e];
        let pairs = |other: usize| self.edges[other].top == top && self.edges[other].next_in_bound == NONE;
        [next, previous].into_iter().find(|&other| pairs(other)).unwrap_or(NONE)
    }

    /// [`Self::maximum_pair`] where it is active or horizontal.
    fn active_maximum_pair(&self, e: usize) -> usize {
        let pair = self.maximum_pair(e);
        if pair != NONE {
            let edge = &self.edges[pair];
            if edge.active.next == edge.active.previous && !edge.horizontal() {
                return NONE;
            }
        }
        pair
    }

    fn close_maximum(&mut self, e: usize) -> Result<(), Stuck> {
        let top = self.edges[e].top;
        let pair = self.active_maximum_pair(e);
        if pair == NONE {
            if self.edges[e].contributes() {
                self.add_point(e, top);
            }
            self.delete_active(e);
            return Ok(());
        }
        loop {
            let next = self.edges[e].active.next;
            if next == NONE || next == pair {
                break;
            }
            self.cross(e, next, top);
            self.swap_active(e, next);
        }
        match (self.edges[e].contributes(), self.edges[pair].contributes()) {
            (false, false) => {}
            (true, true) => self.close_ring(e, pair, top),
            _ => return Err(Stuck),
        }
        self.delete_active(e);
        self.delete_active(pair);
        Ok(())
    }

    fn process_top(&mut self, y: i64) -> Result<(), Stuck> {
        let mut e = self.active;
        while e != NONE {
            let maximum = self.edges[e].is_maximum(y) && {
                let pair = self.active_maximum_pair(e);
                pair == NONE || !self.edges[pair].horizontal()
            };
            if maximum {
                let before = self.edges[e].active.previous;
                self.close_maximum(e)?;
                e = if before == NONE { self.active } else { self.edges[before].active.next };
                continue;
            }
            let next = self.edges[e].next_in_bound;
            if self.edges[e].is_intermediate(y) && self.edges[next].horizontal() {
                e = self.advance(e);
                if self.edges[e].contributes() {
                    self.add_point(e, self.edges[e].bottom);
                }
                self.push_horizontal(e);
            } else {
                let x = self.edges[e].x_at(y);
                self.edges[e].current = Vertex { x, y };
            }
            e = self.edges[e].active.next;
        }
        self.process_horizontals();
        let mut e = self.active;
        while e != NONE {
            if self.edges[e].is_intermediate(y) {
                let contributes = self.edges[e].contributes();
                let point = if contributes { self.add_point(e, self.edges[e].top) } else { NONE };
                e = self.advance(e);
                if contributes {
                    let along = |sweep: &Self, other: usize| {
                        let (edge, other) = (&sweep.edges[e], &sweep.edges[other]);
                        other.current == edge.bottom
                            && other.contributes()
                            && other.current.y > other.top.y
                            && parallel(edge.current, edge.top, other.current, other.top)
                    };
                    self.join_neighbour(e, point, along);
                }
            }
            e = self.edges[e].active.next;
        }
        Ok(())
    }
}

/// Whether two horizontal spans share more than an end.
pub(super) fn overlap(a: i64, b: i64, c: i64, d: i64) -> bool {
    a.min(b) < c.max(d) && c.min(d) < a.max(b)
}

/// Exchanges two members of a list; its head is the caller's to correct.
fn swap_links(edges: &mut [Edge], a: usize, b: usize, links: fn(&mut Edge) -> &mut Links) {
    let (la, lb) = (*links(&mut edges[a]), *links(&mut edges[b]));
    let (new_a, new_b) = if la.next == b {
        (Links { previous: b, next: lb.next }, Links { previous: la.previous, next: a })
    } else if lb.next == a {
        (Links { previous: lb.previous, next: b }, Links { previous: a, next: la.next })
    } else {
        (lb, la)
    };
    *links(&mut edges[a]) = new_a;
    *links(&mut edges[b]) = new_b;
    for (e, l) in [(a, new_a), (b, new_b)] {
        if l.next != NONE {
            links(&mut edges[l.next]).previous = e;
        }
        if l.previous != NONE {
            links(&mut edges[l.previous]).next = e;
        }
    }
}

/// Where two edges cross, on the grid, within the beam.
fn crossing(a: &Edge, b: &Edge) -> Vertex {
    let mut at = Vertex { x: 0, y: 0 };
    if a.slope == b.slope {
        let y = a.current.y;
        return Vertex { x: a.x_at(y), y };
    }
    if a.slope == 0.0 || b.slope == 0.0 {
        let (upright, other) = if a.slope == 0.0 { (a, b) } else { (b, a) };
        at.x = upright.bottom.x;
        at.y = if other.horizontal() {
            other.bottom.y
        } else {
            let offset = other.bottom.y as f64 - other.bottom.x as f64 / other.slope;
            round(at.x as f64 / other.slope + offset)
        };
    } else {
        let offset_a = a.bottom.x as f64 - a.bottom.y as f64 * a.slope;
        let offset_b = b.bottom.x as f64 - b.bottom.y as f64 * b.slope;
        let q = (offset_b - offset_a) / (a.slope - b.slope);
        at.y = round(q);
        at.x = if a.slope.abs() < b.slope.abs() {
            round(a.slope * q + offset_a)
        } else {
            round(b.slope * q + offset_b)
        };
    }
    if at.y < a.top.y || at.y < b.top.y {
        at.y = a.top.y.max(b.top.y);
        at.x = if a.slope.abs() < b.slope.abs() { a.x_at(at.y) } else { b.x_at(at.y) };
    }
    if at.y > a.current.y {
        at.y = a.current.y;
        at.x = if a.slope.abs() > b.slope.abs() { b.x_at(at.y) } else { a.x_at(at.y) };
    }
    at
}
