//! Which entries of a request name a partition that others name too. Requests may be long, and what is known of an entry while
//! one is decided is paid for by nobody: it is kept small.

use crate::base::text::Text;
use std::collections::HashMap;

/// An entry among those that name the same partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named {
    /// No entry before it does.
    pub is_first: bool,
    /// No entry behind it does.
    pub is_last: bool,
}

/// For the topic and partition of each entry, in their order.
pub fn named<'a>(entries: impl Iterator<Item = (&'a Text, i32)>) -> Vec<Named> {
    let mut topics: HashMap<&Text, u32> = HashMap::new();
    // A topic by its number, a partition, a place.
    let mut sorted: Vec<(u32, i32, u32)> = Vec::with_capacity(entries.size_hint().0);
    for (place, (topic, partition)) in (0..).zip(entries) {
        let number = topics.len() as u32;
        sorted.push((*topics.entry(topic).or_insert(number), partition, place));
    }
    sorted.sort_unstable();
    let mut found = vec![Named { is_first: true, is_last: true }; sorted.len()];
    for pair in sorted.windows(2) {
        let [one, next] = [pair[0], pair[1]];
        if (one.0, one.1) == (next.0, next.1) {
            found[one.2 as usize].is_last = false;
            found[next.2 as usize].is_first = false;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_knows_of_others_for_its_partition() {
        let (t, u) = (Text::from_static("t"), Text::from_static("u"));
        let asked = [(&t, 0), (&u, 0), (&t, 1), (&t, 0), (&u, -1), (&t, 0)];
        let found: Vec<(bool, bool)> = named(asked.into_iter()).iter().map(|entry| (entry.is_first, entry.is_last)).collect();
        assert_eq!(found, [(true, false), (true, true), (true, true), (false, false), (true, true), (false, true)]);
    }
}
