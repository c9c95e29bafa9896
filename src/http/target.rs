//! The target of a request, taken apart: segments of the path and parameters, percent-decoded. Called by `routes`.

use super::reply::Reply;

/// The path of a target, without its parameters.
pub fn path(target: &str) -> &str {
    target.split_once('?').map_or(target, |(path, _)| path)
}

/// The segments behind the first slash, decoded one by one: a name may hold any character. `None` when one is no UTF-8 or has a
/// broken escape.
pub fn segments(path: &str) -> Option<Vec<String>> {
    path.strip_prefix('/')?.split('/').map(decode).collect()
}

/// The parameters of a target.
#[derive(Debug, Default)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads them. Each must be known to the route, and be there once: a parameter that is misspelt must not go unnoticed.
    pub fn of(target: &str, known: &[&str]) -> Result<Parameters, Reply> {
        let Some((_, query)) = target.split_once('?') else { return Ok(Parameters::default()) };
        let mut found: Vec<(String, String)> = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (Some(name), Some(value)) = (decode(name), decode(value)) else {
                return Err(Reply::bad(format!("the parameter {pair:?} is not percent-encoded UTF-8")));
            };
            if !known.contains(&name.as_str()) {
                let others = if known.is_empty() { String::new() } else { format!(", only {}", known.join(", ")) };
                return Err(Reply::bad(format!("there is no parameter {name:?} here{others}")));
            }
            if found.iter().any(|(other, _)| *other == name) {
                return Err(Reply::bad(format!("the parameter {name} is given twice")));
            }
            found.push((name, value));
        }
        Ok(Parameters(found))
    }

    /// A whole number, if it is there.
    pub fn number(&self, name: &str) -> Result<Option<i64>, Reply> {
        let Some((_, value)) = self.0.iter().find(|(other, _)| other == name) else { return Ok(None) };
        value.parse().map(Some).map_err(|_| Reply::bad(format!("{name}={value} is not a whole number of 64 bits")))
    }

    /// `partition`, 0 where none is given.
    pub fn partition(&self) -> Result<i32, Reply> {
        let number = self.number("partition")?.unwrap_or(0);
        i32::try_from(number).map_err(|_| Reply::bad(format!("partition={number} is not the number of a partition")))
    }
}

/// Undoes percent-encoding.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let (high, low) = (hex(rest.next()?)?, hex(rest.next()?)?);
            bytes.push(high << 4 | low);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_cut_before_they_are_decoded() {
        assert_eq!(segments("/api/groups/a%2Fb%20%C3%A9").unwrap(), ["api", "groups", "a/b é"]);
        assert_eq!(segments("/").unwrap(), [""]);
        assert_eq!(segments("/a//b/").unwrap(), ["a", "", "b", ""]);
        for broken in ["/%", "/%4", "/%zz", "/%ff", "/%+1", "x"] {
            assert_eq!(segments(broken), None, "{broken}");
        }
        assert_eq!(path("/a?b=/c"), "/a");
    }

    #[test]
    fn parameters_are_known_numbers_given_once() {
        let read = |target| Parameters::of(target, &["offset", "partition"]);
        let parameters = read("/x?offset=%2D5&&partition=3").unwrap();
        assert_eq!((parameters.number("offset").ok(), parameters.partition().ok()), (Some(Some(-5)), Some(3)));
        assert_eq!(read("/x").unwrap().partition().ok(), Some(0));
        for bad in ["/x?ofset=1", "/x?offset=1&offset=2", "/x?offset=%zz", "/x?=1"] {
            assert_eq!(read(bad).err().map(|reply| reply.status), Some(400), "{bad}");
        }
        for bad in ["/x?offset=", "/x?offset", "/x?offset=1.5", "/x?offset=99999999999999999999"] {
            assert_eq!(read(bad).unwrap().number("offset").err().map(|reply| reply.status), Some(400), "{bad}");
        }
        assert!(read("/x?partition=4294967296").unwrap().partition().is_err());
    }
}
