//! Tables: cells that rules close, or lines that stand in columns.

use glyphic_core::Rect;

/// A table has at least this many rows and columns, and a ruled one this many cells with text.
const LEAST: usize = 2;
const LEAST_FILLED: usize = 3;

/// ... which are this share of its cells.
const FILLED: f64 = 0.2;

/// Cells on both sides of a rule are at most this far apart, in usual heights of the page's print, but may be
/// [`RULE_PIXELS`] pixels; edges of cells that differ by less are one.
const RULE: f64 = 0.35;
const RULE_PIXELS: f64 = 6.0;

/// Neighbours share this much of the shorter one's edge.
const SHARED: f64 = 0.5;

/// A cell is at least so high and wide, in usual heights.
const LEAST_SIDE: f64 = 0.7;

/// A cell that stands over two columns covers this share of the cells below it: centred headings are often narrower than these.
const COVERED: f64 = 0.2;

/// Rows with such cells, and rows of a single cell, are at most this share of a table's rows.
const HEADS: f64 = 0.5;

/// A table found in part of the rows that stand beside each other has at least this many rows.
const PART_ROWS: usize = 3;

/// Columns of text have so many words a line; where all columns are of text they are no table.
const PROSE: f64 = 4.0;

/// A row of a single cell belongs to the table where it is at most this far from its neighbours, in its heights.
const ROW_GAP: f64 = 0.9;

/// A line goes on with the cell above it where it begins within this of that one's left edge, in heights, and where the gap between
/// them is at most this share of the usual one between rows, and of their height.
const INDENT: f64 = 0.5;
const WRAPPED: f64 = 0.5;

/// The cells of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Number of rows, at least 2.
    pub rows: usize,
    /// Number of columns, at least 2.
    pub columns: usize,
    /// The cells by rows, from left to right: together they cover each place of the table once.
    pub cells: Vec<Cell>,
}

/// A cell of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// Its first row, from 0.
    pub row: usize,
    /// Its first column, from 0.
    pub column: usize,
    /// Rows that it takes, at least 1.
    pub row_span: usize,
    /// Columns that it takes, at least 1.
    pub column_span: usize,
    /// Indices into [`glyphic_core::Page::lines`], in reading order; none for an empty cell.
    pub lines: Vec<usize>,
}

impl Table {
    /// A table of these cells; empty cells are put where there is none. `None` where two of them share a place, or where it is
    /// no table: fewer than two rows or columns.
    fn new(rows: usize, columns: usize, mut cells: Vec<Cell>) -> Option<Self> {
        if rows < LEAST || columns < LEAST {
            return None;
        }
        let mut taken = vec![false; rows * columns];
        for cell in &cells {
            for (row, column) in cell.places() {
                let place = taken.get_mut(row * columns + column).filter(|_| column < columns)?;
                if std::mem::replace(place, true) {
                    return None;
                }
            }
        }
        let free = (0..rows * columns).filter(|place| !taken[*place]);
        cells.extend(free.map(|place| Cell::at(place / columns, place % columns, Vec::new())));
        cells.sort_by_key(|cell| (cell.row, cell.column));
        Some(Self { rows, columns, cells })
    }

    /// The cells that begin in each row.
    pub fn by_rows(&self) -> impl Iterator<Item = &[Cell]> {
        let begins = |row: usize| self.cells.partition_point(|cell| cell.row < row);
        (0..self.rows).map(move |row| &self.cells[begins(row)..begins(row + 1)])
    }

    /// The table as rows of as many places each: the lines of a cell stand at its first place, and the other places that it
    /// takes are empty.
    pub fn grid(&self) -> Vec<Vec<&[usize]>> {
        let mut grid = vec![vec![&[][..]; self.columns]; self.rows];
        for cell in &self.cells {
            grid[cell.row][cell.column] = &cell.lines;
        }
        grid
    }
}

impl Cell {
    fn at(row: usize, column: usize, lines: Vec<usize>) -> Self {
        Self { row, column, row_span: 1, column_span: 1, lines }
    }

    fn places(&self) -> impl Iterator<Item = (usize, usize)> {
        let (rows, columns) =
            (self.row..self.row + self.row_span, self.column..self.column + self.column_span);
        rows.flat_map(move |row| columns.clone().map(move |column| (row, column)))
    }
}

/// A table and the lines in it, in reading order.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) table: Table,
    pub(crate) lines: Vec<usize>,
    pub(crate) bounds: Rect,
}

/// The tables whose cells are closed by rules. `bounds` are those of the page's lines, `usual` is how high its print is.
pub(crate) fn ruled(cells: &[Rect], bounds: &[Rect], usual: f64) -> Vec<Found> {
    let least = LEAST_SIDE * usual;
    let mut cells: Vec<Rect> =
        cells.iter().copied().filter(|cell| cell.width() >= least && cell.height() >= least).collect();
    // A frame around others is none of them.
    let inner =
        |frame: &Rect, all: &[Rect]| all.iter().filter(|c| *c != frame && holds(frame, middle(c))).count();
    let all = cells.clone();
    cells.retain(|cell| inner(cell, &all) == 0);
    let tolerance = (RULE * usual).max(RULE_PIXELS);
    let mut taken = vec![false; bounds.len()];
    let mut found = Vec::new();
    for group in groups(&cells, tolerance) {
        let Some(mut table) = ruled_table(&group, bounds, tolerance) else { continue };
        table.lines.retain(|line| !std::mem::replace(&mut taken[*line], true));
        found.push(table);
    }
    found
}

/// Cells that touch each other, but for the rules between them.
fn groups(cells: &[Rect], tolerance: f64) -> Vec<Vec<Rect>> {
    let beside = |a: &Rect, b: &Rect| {
        let shared = a.y1.min(b.y1) - a.y0.max(b.y0);
        let gap = (b.x0 - a.x1).max(a.x0 - b.x1);
        gap.abs() <= tolerance && shared >= SHARED * a.height().min(b.height())
    };
    let turned = |r: &Rect| Rect { x0: r.y0, y0: r.x0, x1: r.y1, y1: r.x1 };
    let touch = |a: &Rect, b: &Rect| beside(a, b) || beside(&turned(a), &turned(b));
    let mut left: Vec<Rect> = cells.to_vec();
    let mut groups = Vec::new();
    while let Some(first) = left.pop() {
        let mut group = vec![first];
        let mut at = 0;
        while at < group.len() {
            let cell = group[at];
            group.extend(left.extract_if(.., |other| touch(&cell, other)));
            at += 1;
        }
        groups.push(group);
    }
    // In the order of the page.
    groups.sort_by(|a, b| top(a).total_cmp(&top(b)));
    groups
}

fn top(cells: &[Rect]) -> f64 {
    cells.iter().map(|cell| cell.y0).fold(f64::INFINITY, f64::min)
}

fn ruled_table(cells: &[Rect], lines: &[Rect], tolerance: f64) -> Option<Found> {
    if cells.len() < LEAST * LEAST {
        return None;
    }
    let around = cells.iter().copied().reduce(union)?;
    let xs = edges(cells.iter().flat_map(|cell| [cell.x0, cell.x1]), tolerance);
    let ys = edges(cells.iter().flat_map(|cell| [cell.y0, cell.y1]), tolerance);
    if xs.len() <= LEAST || ys.len() <= LEAST {
        return None;
    }
    let (rows, columns) = (ys.len() - 1, xs.len() - 1);
    let mut taken: Vec<Option<usize>> = vec![None; rows * columns];
    let mut placed: Vec<Cell> = Vec::new();
    let mut sorted: Vec<&Rect> = cells.iter().collect();
    sorted.sort_by(|a, b| a.y0.total_cmp(&b.y0).then(a.x0.total_cmp(&b.x0)));
    for rect in sorted {
        let (column, right) = (nearest(&xs, rect.x0), nearest(&xs, rect.x1));
        let (row, below) = (nearest(&ys, rect.y0), nearest(&ys, rect.y1));
        if right <= column || below <= row {
            continue;
        }
        let cell =
            Cell { row, column, row_span: below - row, column_span: right - column, lines: Vec::new() };
        if cell.places().all(|(r, c)| taken[r * columns + c].is_none()) {
            cell.places().for_each(|(r, c)| taken[r * columns + c] = Some(placed.len()));
            placed.push(cell);
        }
    }
    let mut inside = Vec::new();
    for (line, rect) in lines.iter().enumerate() {
        let (x, y) = middle(rect);
        if !holds(&around, (x, y)) {
            continue;
        }
        inside.push(line);
        let (row, column) = (stretch(&ys, y), stretch(&xs, x));
        // A place without a cell: one that is shaded, or that a mark leaves open.
        let cell = *taken[row * columns + column].get_or_insert_with(|| {
            placed.push(Cell::at(row, column, Vec::new()));
            placed.len() - 1
        });
        placed[cell].lines.push(line);
    }
    let filled = placed.iter().filter(|cell| !cell.lines.is_empty()).count();
    if filled < LEAST_FILLED || (filled as f64) < FILLED * placed.len() as f64 {
        return None;
    }
    Some(Found { table: Table::new(rows, columns, placed)?, lines: inside, bounds: around })
}

/// Where edges lie: the means of those closer together than the tolerance, in order.
fn edges(values: impl Iterator<Item = f64>, tolerance: f64) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
        .chunk_by(|a, b| b - a <= tolerance)
        .map(|near| near.iter().sum::<f64>() / near.len() as f64)
        .collect()
}

fn nearest(edges: &[f64], value: f64) -> usize {
    let distance = |i: &usize| (edges[*i] - value).abs();
    (0..edges.len()).min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap_or(0)
}

/// Between which two of the edges a value lies; the first or the last stretch where it lies beyond them.
fn stretch(edges: &[f64], value: f64) -> usize {
    edges.partition_point(|edge| *edge <= value).clamp(1, edges.len() - 1) - 1
}

/// The longest table that begins with the first of these rows, each lines that stand side by side: how many of the rows it takes,
/// and its cells. `words` tells how many words a line has.
pub(crate) fn aligned(
    rows: &[Vec<usize>],
    bounds: &[Rect],
    words: &dyn Fn(usize) -> usize,
) -> Option<(usize, Table)> {
    let most = run(rows, bounds);
    (LEAST..=most)
        .rev()
        .filter(|count| *count == most || *count >= PART_ROWS)
        .filter(|count| rows[*count - 1].len() >= LEAST)
        .find_map(|count| Some((count, table_of(&rows[..count], bounds)?)))
        .filter(|(_, table)| (0..table.columns).any(|column| !is_prose(table, column, words)))
        .map(|(count, mut table)| {
            let more = join_wrapped(&mut table, &rows[count..], bounds);
            (count + more, table)
        })
}

/// Puts lines that go on with the cell above them into that cell: rows of one cell, and lines behind the last row. How many of the
/// rows behind the table it takes.
fn join_wrapped(table: &mut Table, behind: &[Vec<usize>], bounds: &[Rect]) -> usize {
    let edge = |row: &[Cell], side: fn(&Rect) -> f64, pick: fn(f64, f64) -> f64| {
        row.iter().flat_map(|cell| &cell.lines).map(|line| side(&bounds[*line])).reduce(pick)
    };
    let rows: Vec<&[Cell]> = table.by_rows().collect();
    let mut gaps: Vec<f64> = rows
        .windows(2)
        .filter_map(|pair| Some(edge(pair[1], |r| r.y0, f64::min)? - edge(pair[0], |r| r.y1, f64::max)?))
        .collect();
    gaps.sort_by(f64::total_cmp);
    // Most rows are not wrapped.
    let Some(usual) = gaps.get(gaps.len() / 2).copied() else { return 0 };
    let goes_on = |above: &Cell, line: usize| {
        let (Some(last), below) = (above.lines.last().map(|last| bounds[*last]), bounds[line]) else {
            return false;
        };
        let (gap, height) = (below.y0 - last.y1, last.height().min(below.height()));
        above.column_span == 1
            && (below.x0 - last.x0).abs() <= INDENT * height
            && below.y0 > last.y0
            && gap <= WRAPPED * usual.min(height)
    };
    let mut row = 1;
    while row < table.rows {
        let filled = table.cells.iter().filter(|cell| cell.row == row && !cell.lines.is_empty());
        let only = match filled.collect::<Vec<_>>()[..] {
            [only] if table.rows > LEAST && only.row_span == 1 => Some((only.column, only.lines.clone())),
            _ => None,
        };
        let above = only.and_then(|(column, lines)| {
            let above = table.cells.iter().position(|cell| cell.row + 1 == row && cell.column == column)?;
            goes_on(&table.cells[above], lines[0]).then_some((above, lines))
        });
        match above {
            Some((above, lines)) => {
                table.cells[above].lines.extend(lines);
                table.cells.retain(|cell| cell.row != row);
                table.cells.iter_mut().filter(|cell| cell.row > row).for_each(|cell| cell.row -= 1);
                table.rows -= 1;
            }
            None => row += 1,
        }
    }
    let last = table.rows - 1;
    let mut more = 0;
    for line in behind.iter().map_while(|row| if let [line] = row[..] { Some(line) } else { None }) {
        let above = table.cells.iter_mut().find(|cell| cell.row == last && goes_on(cell, line));
        let Some(above) = above else { break };
        above.lines.push(line);
        more += 1;
    }
    more
}

/// Whether the cells of a column, without those that span others, are lines of running text.
fn is_prose(table: &Table, column: usize, words: &dyn Fn(usize) -> usize) -> bool {
    let own = |cell: &&Cell| cell.column == column && cell.column_span == 1 && !cell.lines.is_empty();
    let counts: Vec<usize> =
        table.cells.iter().filter(own).map(|cell| cell.lines.iter().map(|line| words(*line)).sum()).collect();
    counts.iter().sum::<usize>() as f64 >= PROSE * counts.len() as f64
}

/// How many rows from the first on may be a table's: those of several cells, and between two of those single cells that stand
/// closely to both or go on with a cell above.
fn run(rows: &[Vec<usize>], bounds: &[Rect]) -> usize {
    let extent = |row: &[usize]| {
        let (top, bottom) = (|i: &usize| bounds[*i].y0, |i: &usize| bounds[*i].y1);
        (
            row.iter().map(top).fold(f64::INFINITY, f64::min),
            row.iter().map(bottom).fold(f64::NEG_INFINITY, f64::max),
        )
    };
    let close = |above: &[usize], below: &[usize]| {
        let (a, b) = (extent(above), extent(below));
        (0.0..=ROW_GAP * (a.1 - a.0).min(b.1 - b.0)).contains(&(b.0 - a.1).max(0.0)) && b.0 > a.0
    };
    let wraps = |above: &[usize], line: usize| {
        let below = bounds[line];
        above.iter().map(|cell| bounds[*cell]).any(|cell| {
            let height = cell.height().min(below.height());
            (cell.x0 - below.x0).abs() <= INDENT * height
                && (0.0..=WRAPPED * height).contains(&(below.y0 - cell.y1).max(0.0))
        })
    };
    let mut count = 0;
    while count < rows.len() {
        let single = rows[count].len() < LEAST;
        let between = |row: usize| {
            let (Some(above), Some(next)) = (row.checked_sub(1).map(|above| &rows[above]), rows.get(row + 1))
            else {
                return false;
            };
            let closely = close(above, &rows[row]) && close(&rows[row], next);
            above.len() >= LEAST && next.len() >= LEAST && (closely || wraps(above, rows[row][0]))
        };
        if single && !between(count) {
            break;
        }
        count += 1;
    }
    count
}

/// Rows as a table: each of their lines is a cell of a column of its own, or stands over several columns that have cells of
/// their own in other rows. `None` where they stand in no columns.
fn table_of(rows: &[Vec<usize>], bounds: &[Rect]) -> Option<Table> {
    let covers = |wide: usize, cell: usize| {
        let (a, b) = (bounds[wide], bounds[cell]);
        a.x1.min(b.x1) - a.x0.max(b.x0) >= COVERED * b.width()
    };
    let spans = |line: usize| {
        rows.iter()
            .any(|row| !row.contains(&line) && row.iter().filter(|cell| covers(line, **cell)).count() >= 2)
    };
    let wide: Vec<Vec<bool>> = rows.iter().map(|row| row.iter().map(|line| spans(*line)).collect()).collect();
    let heads =
        rows.iter().zip(&wide).filter(|(row, wide)| row.len() < LEAST || wide.contains(&true)).count();
    if rows.len() < heads + LEAST || heads as f64 > HEADS * rows.len() as f64 {
        return None;
    }
    let narrow = rows.iter().zip(&wide).flat_map(|(row, wide)| {
        row.iter().zip(wide).filter(|(_, wide)| !**wide).map(|(line, _)| bounds[*line])
    });
    let columns = columns(narrow);
    let mut cells = Vec::new();
    for (r, (row, wide)) in rows.iter().zip(&wide).enumerate() {
        for (&line, &wide) in row.iter().zip(wide) {
            let Rect { x0, x1, .. } = bounds[line];
            let mut cell = Cell::at(r, 0, vec![line]);
            if wide {
                let over = |(a, b): &(f64, f64)| x1.min(*b) - x0.max(*a) >= COVERED * (b - a).min(x1 - x0);
                cell.column = columns.iter().position(over)?;
                cell.column_span = columns.iter().rposition(over)? + 1 - cell.column;
            } else {
                cell.column = columns.iter().position(|(a, b)| (*a..=*b).contains(&x0))?;
            }
            cells.push(cell);
        }
    }
    Table::new(rows.len(), columns.len(), cells)
}

/// The horizontal stretches that cells take together, from left to right.
fn columns(cells: impl Iterator<Item = Rect>) -> Vec<(f64, f64)> {
    let mut spans: Vec<(f64, f64)> = cells.map(|cell| (cell.x0, cell.x1)).collect();
    spans.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut columns: Vec<(f64, f64)> = Vec::new();
    for (x0, x1) in spans {
        match columns.last_mut() {
            Some(last) if x0 < last.1 => last.1 = last.1.max(x1),
            _ => columns.push((x0, x1)),
        }
    }
    columns
}

pub(crate) fn union(a: Rect, b: Rect) -> Rect {
    Rect { x0: a.x0.min(b.x0), y0: a.y0.min(b.y0), x1: a.x1.max(b.x1), y1: a.y1.max(b.y1) }
}

fn middle(r: &Rect) -> (f64, f64) {
    ((r.x0 + r.x1) / 2.0, (r.y0 + r.y1) / 2.0)
}

fn holds(r: &Rect, (x, y): (f64, f64)) -> bool {
    (r.x0..=r.x1).contains(&x) && (r.y0..=r.y1).contains(&y)
}
