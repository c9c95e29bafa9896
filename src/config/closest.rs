//! The closest known name to one that is not known. Used for settings by `layers` and `yaml`, and for subcommands by `cli`.

/// `; did you mean ...?` with the closest of `known`.
pub fn did_you_mean<'a>(name: &str, known: impl Iterator<Item = &'a str>, prefix: &str) -> String {
    match known.min_by_key(|candidate| distance(name, candidate)) {
        Some(closest) => format!("; did you mean {prefix}{closest}?"),
        None => String::new(),
    }
}

/// Levenshtein distance in bytes. Names are short; an absurdly long one is cut, its rest cannot make it closer.
pub fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (&a.as_bytes()[..a.len().min(64)], b.as_bytes());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(!x.eq_ignore_ascii_case(y));
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
