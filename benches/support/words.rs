//! The values of a benchmark's arguments. Knows no argument.

/// One value; `wrong`: what to say of one that is none.
pub fn one<T: std::str::FromStr>(text: &str, wrong: impl Fn(&str) -> String) -> Result<T, String> {
    text.parse().map_err(|_| wrong(text))
}

/// Values between commas.
pub fn list<T>(
    text: &str,
    wrong: impl Fn(&str) -> String,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, String> {
    text.split(',')
        .map(|word| parse(word).ok_or_else(|| wrong(word)))
        .collect()
}
