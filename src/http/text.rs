//! How bytes and times are written in JSON: text where they are UTF-8, base64 where they are not; RFC 3339. Used by the routes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// Appends a string as JSON.
pub fn put_string(out: &mut Vec<u8>, text: &str) {
    // Writing to memory does not fail.
    let _ = serde_json::to_writer(out, text);
}

/// Appends bytes as JSON: a string, `{"base64":"..."}` where they are not UTF-8, or null.
pub fn put_bytes(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes.map(|bytes| std::str::from_utf8(bytes).map_err(|_| bytes)) {
        None => out.extend_from_slice(b"null"),
        Some(Ok(text)) => put_string(out, text),
        Some(Err(bytes)) => {
            out.extend_from_slice(b"{\"base64\":\"");
            out.extend_from_slice(STANDARD.encode(bytes).as_bytes());
            out.extend_from_slice(b"\"}");
        }
    }
}

/// The bytes that a base64 text stands for.
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// A time as RFC 3339 in UTC, to the millisecond; null for what no calendar has.
pub fn rfc3339(ms: i64) -> Value {
    let days = ms.div_euclid(86_400_000);
    let of_day = ms.rem_euclid(86_400_000);
    // Civil from days, in eras of 400 years that begin in March.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    if !(0..=9_999).contains(&year) {
        return Value::Null;
    }
    let (hour, minute, second, milli) = (of_day / 3_600_000, of_day / 60_000 % 60, of_day / 1_000 % 60, of_day % 1_000);
    Value::String(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_text_where_they_can_be() {
        let written = |bytes| {
            let mut out = Vec::new();
            put_bytes(&mut out, bytes);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(written(None), "null");
        assert_eq!(written(Some(b"")), r#""""#);
        assert_eq!(written(Some("a\"\\\n\u{1}é\u{1F600}".as_bytes())), "\"a\\\"\\\\\\n\\u0001é\u{1F600}\"");
        assert_eq!(written(Some(b"\xff\x00")), r#"{"base64":"/wA="}"#);
        assert_eq!(from_base64("/wA=").as_deref(), Some(&b"\xff\x00"[..]));
        assert_eq!((from_base64("/wA"), from_base64("?")), (None, None));
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_001, "2000-02-29T00:00:00.001Z"),
            (1_763_735_123_456, "2025-11-21T14:25:23.456Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(rfc3339(ms), text);
        }
        assert_eq!((rfc3339(i64::MAX), rfc3339(i64::MIN)), (Value::Null, Value::Null));
    }
}
