//! A profile summed up: by operation, and by range.

use std::{collections::HashMap, time::Duration};

use cresset_tensor::order::sort_by;

use super::{Event, Kind, Profile};

/// What makes operations one row.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum By {
    /// Their name.
    Name,
    /// Their name and the shapes of their inputs. PyTorch's `group_by_input_shape`.
    Shape,
    /// Their name and the line that asked for them.
    Line,
}

/// Operations that are one row of the table. PyTorch's `key_averages()`.
#[derive(Clone, PartialEq, Debug)]
pub struct Row {
    /// The operation; in a backward pass, the operation whose derivative it is a part of before it: `∂gelu: mul`.
    pub name: String,
    /// Were they parts of backward passes?
    pub backward: bool,
    /// How many there were.
    pub calls: usize,
    /// How long they took without the operations inside of them.
    pub own: Duration,
    /// How long they took.
    pub total: Duration,
    /// How long cards worked for them, without the operations inside of them.
    pub card: Duration,
    /// Bytes of the new arrays they gave.
    pub bytes: u64,
}

/// Ranges of one name in the same range, modules and backward passes among them.
#[derive(Clone, PartialEq, Debug)]
pub struct RangeRow {
    /// The name.
    pub name: String,
    /// In how many others it is.
    pub depth: usize,
    /// How many there were.
    pub calls: usize,
    /// How long they took.
    pub total: Duration,
    /// How long operations took in them.
    pub operations: Duration,
    /// How long cards worked for them.
    pub card: Duration,
}

impl Profile {
    /// Operations by name, shape or line: the forward ones before the backward ones, and of these those first that took
    /// most time (of a card, where there is one).
    #[inline]
    pub fn rows(&self, by: By) -> Vec<Row> {
        let mut rows: Vec<Row> = Vec::new();
        let mut places: HashMap<(String, bool), usize> = HashMap::new();
        for event in self.operations() {
            let name = title(event, by);
            let place = *places.entry((name.clone(), event.backward)).or_insert_with(|| {
                rows.push(Row {
                    name,
                    backward: event.backward,
                    calls: 0,
                    own: Duration::ZERO,
                    total: Duration::ZERO,
                    card: Duration::ZERO,
                    bytes: 0,
                });
                rows.len() - 1
            });
            let row = &mut rows[place];
            row.calls += 1;
            row.own += event.own;
            row.total += event.time;
            row.card += event.card;
            row.bytes += event.bytes;
        }
        let cards = self.has_cards();
        let key = |row: &Row| {
            let time = if cards { (row.card, row.own) } else { (row.own, Duration::ZERO) };
            (row.backward, std::cmp::Reverse(time))
        };
        sort_by(&mut rows, |row, other| key(row).cmp(&key(other)));
        rows
    }

    /// Ranges, modules and backward passes, each after the one it is in.
    #[inline]
    pub fn ranges(&self) -> Vec<RangeRow> {
        let mut rows: Vec<(RangeRow, Vec<usize>)> = Vec::new();
        let mut roots: Vec<usize> = Vec::new();
        // For each event the row of the innermost range around it, itself included.
        let mut around: Vec<Option<usize>> = vec![None; self.events.len()];
        for (i, event) in self.events.iter().enumerate() {
            let outer = event.inside.and_then(|outer| around[outer]);
            around[i] = outer;
            match event.kind {
                Kind::Operation => {
                    if let Some(outer) = outer {
                        rows[outer].0.operations += event.own;
                        rows[outer].0.card += event.card;
                    }
                }
                Kind::Range | Kind::Module | Kind::Backward => {
                    let list = match outer {
                        Some(outer) => &rows[outer].1,
                        None => &roots,
                    };
                    let known = list.iter().copied().find(|&row| rows[row].0.name == event.name);
                    let place = known.unwrap_or_else(|| {
                        let depth = outer.map_or(0, |outer| rows[outer].0.depth + 1);
                        let row = RangeRow {
                            name: event.name.clone().into_owned(),
                            depth,
                            calls: 0,
                            total: Duration::ZERO,
                            operations: Duration::ZERO,
                            card: Duration::ZERO,
                        };
                        rows.push((row, Vec::new()));
                        let place = rows.len() - 1;
                        match outer {
                            Some(outer) => rows[outer].1.push(place),
                            None => roots.push(place),
                        }
                        place
                    });
                    rows[place].0.calls += 1;
                    rows[place].0.total += event.time;
                    around[i] = Some(place);
                }
                Kind::Rule | Kind::Kernel => {}
            }
        }
        // Inner ones come later, and count for the outer ones too.
        for i in (0..rows.len()).rev() {
            let (operations, card) = (rows[i].0.operations, rows[i].0.card);
            if let Some(outer) = rows.iter().position(|(_, inner)| inner.contains(&i)) {
                rows[outer].0.operations += operations;
                rows[outer].0.card += card;
            }
        }
        let mut ordered = Vec::with_capacity(rows.len());
        roots.reverse();
        while let Some(place) = roots.pop() {
            roots.extend(rows[place].1.iter().rev());
            ordered.push(rows[place].0.clone());
        }
        ordered
    }
}

/// What makes an operation's row.
#[inline]
fn title(event: &Event, by: By) -> String {
    let mut title = match (&event.derives, event.backward) {
        (Some(of), _) => format!("∂{of}: {}", event.name),
        (None, true) => format!("∂: {}", event.name),
        (None, false) => event.name.clone().into_owned(),
    };
    match by {
        By::Name => {}
        By::Shape => {
            for shape in &event.shapes {
                title += &format!(" {shape}");
            }
        }
        By::Line => {
            if let Some(location) = event.location {
                title += &format!(" {}:{}", location.file(), location.line());
            }
        }
    }
    title
}
