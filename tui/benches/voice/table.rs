//! The table: what is to be reached, what was measured, and whether it was.

#![expect(clippy::print_stdout, reason = "printing the table is what it is for")]

/// What a measured value must be to have reached its aim.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Aim {
    AtMost(f64),
    AtLeast(f64),
}

impl Aim {
    fn reached(self, value: f64) -> bool {
        match self {
            Self::AtMost(most) => value <= most,
            Self::AtLeast(least) => value >= least,
        }
    }

    fn text(self, unit: &str, digits: usize) -> String {
        let (sign, value) = match self {
            Self::AtMost(most) => ("<=", most),
            Self::AtLeast(least) => (">=", least),
        };
        format!("{sign} {value:.digits$}{unit}")
    }
}

/// Rows are printed as they are known; a row is missed when its value is.
#[derive(Default)]
pub(crate) struct Table {
    missed: Vec<String>,
    rows: usize,
}

impl Table {
    pub(crate) fn begin() -> Self {
        println!("| what | to reach | measured | |\n|---|---|---|---|");
        Self::default()
    }

    /// The median of what was measured, and each of them. Digits are those of the aim and of the values.
    pub(crate) fn row(&mut self, what: &str, aim: Aim, values: &[f64], unit: &str, digits: usize) {
        let median = median(values);
        let reached = aim.reached(median);
        let each = each(values, digits);
        let word = if reached { "ok" } else { "MISSED" };
        println!("| {what} | {} | {median:.digits$}{unit}{each} | {word} |", aim.text(unit, digits));
        self.rows += 1;
        if !reached {
            self.missed.push(what.to_owned());
        }
    }

    /// What explains the row before it and has no aim: the median, and each of the values.
    pub(crate) fn tell(&self, what: &str, values: &[f64], unit: &str, digits: usize) {
        println!("| {what} | | {:.digits$}{unit}{} | |", median(values), each(values, digits));
    }

    /// A row that could not be measured here, and why.
    pub(crate) fn without(&self, what: &str, why: &str) {
        println!("| {what} | | not measured: {why} | |");
    }

    /// Says in a line how it went.
    pub(crate) fn end(self) {
        let Self { missed, rows } = self;
        if rows == 0 {
            println!("\nno row here has an aim");
            return;
        }
        let which = if missed.is_empty() { String::new() } else { format!(": {}", missed.join("; ")) };
        println!("\n{} of {rows} rows reached, {} missed{which}", rows - missed.len(), missed.len());
    }
}

/// Each of several values in brackets; a single one is its own median.
fn each(values: &[f64], digits: usize) -> String {
    let each: Vec<String> = values.iter().map(|value| format!("{value:.digits$}")).collect();
    if values.len() > 1 { format!(" ({})", each.join(", ")) } else { String::new() }
}

/// Not a number when nothing was measured, which reaches no aim.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
