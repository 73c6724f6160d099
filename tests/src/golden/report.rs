//! What came of running cases, counted.

use std::fmt;

/// Of one operation.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// PyTorch's name.
    pub name: String,
    /// Right answers, of how many.
    pub cases: (usize, usize),
    /// Right gradients, of how many.
    pub gradients: (usize, usize),
    /// Refused calls, of how many.
    pub refused: (usize, usize),
    /// What fell short, in order: which case, and how.
    pub troubles: Vec<String>,
}

impl Report {
    /// Counts one.
    pub fn count(
        tally: &mut (usize, usize),
        troubles: &mut Vec<String>,
        id: &str,
        result: Result<(), String>,
    ) {
        tally.1 += 1;
        match result {
            Ok(()) => tally.0 += 1,
            Err(text) => troubles.push(format!("{id}: {text}")),
        }
    }

    /// Did nothing fall short?
    pub fn is_whole(&self) -> bool {
        self.troubles.is_empty()
    }
}

impl fmt::Display for Report {
    /// One line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: cases {} of {}", self.name, self.cases.0, self.cases.1)?;
        if self.gradients.1 > 0 {
            write!(f, ", gradients {} of {}", self.gradients.0, self.gradients.1)?;
        }
        if self.refused.1 > 0 {
            write!(f, ", refused {} of {}", self.refused.0, self.refused.1)?;
        }
        match self.troubles.first() {
            Some(trouble) => write!(f, "; {}", trouble.replace('\n', " ")),
            None => Ok(()),
        }
    }
}

/// Of many operations.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Operations that pass whole, of how many.
    pub operations: (usize, usize),
    /// Right answers, of how many.
    pub cases: (usize, usize),
    /// Right gradients, of how many.
    pub gradients: (usize, usize),
    /// Refused calls, of how many.
    pub refused: (usize, usize),
}

impl Summary {
    /// Of these reports.
    pub fn of<'a>(reports: impl IntoIterator<Item = &'a Report>) -> Summary {
        let mut all = Summary::default();
        let add = |sum: &mut (usize, usize), part: (usize, usize)| *sum = (sum.0 + part.0, sum.1 + part.1);
        for report in reports {
            add(&mut all.operations, (usize::from(report.is_whole()), 1));
            add(&mut all.cases, report.cases);
            add(&mut all.gradients, report.gradients);
            add(&mut all.refused, report.refused);
        }
        all
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "ops: {} of {} operations pass whole", self.operations.0, self.operations.1)?;
        writeln!(f, "cases: {} of {}", self.cases.0, self.cases.1)?;
        writeln!(f, "gradients: {} of {}", self.gradients.0, self.gradients.1)?;
        write!(f, "refused: {} of {}", self.refused.0, self.refused.1)
    }
}
