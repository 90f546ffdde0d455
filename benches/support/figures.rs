//! Figures of one measurement, and the middle of several. Knows no server.

pub type Figures = Vec<(&'static str, f64)>;

/// `None`: it was not measured.
pub fn value(figures: &Figures, name: &str) -> Option<f64> {
    let found = figures.iter().find(|(known, _)| *known == name);
    found.map(|(_, value)| *value)
}

pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(values[odd / 2]),
        even => Some((values[even / 2 - 1] + values[even / 2]) / 2.0),
    }
}
