//! What may be the name of a topic, in Kafka's words. Asked by every handler that names a topic, and by the setting
//! `topics.create`.

use super::limits::TOPIC_NAME_CHARS_MAX;

/// Why this is no name for a topic, in Kafka's words (`Topic.validate`).
pub fn check_name(name: &str) -> Result<(), String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if name.is_empty() {
        Err("Topic name is invalid: the empty string is not allowed".to_owned())
    } else if name == "." || name == ".." {
        Err(format!("Topic name is invalid: '{name}' is not allowed"))
    } else if name.len() > TOPIC_NAME_CHARS_MAX && name.chars().count() > TOPIC_NAME_CHARS_MAX {
        let max = TOPIC_NAME_CHARS_MAX;
        Err(format!("Topic name is invalid: the length of '{name}' is longer than the max allowed length {max}"))
    } else if !name.bytes().all(allowed) {
        Err(format!("Topic name is invalid: '{name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_in_the_words_of_kafka() {
        assert_eq!(check_name(&"x".repeat(249)), Ok(()));
        assert_eq!(check_name("a.b_c-D9"), Ok(()));
        assert_eq!(check_name("..."), Ok(()));
        assert_eq!(check_name("").unwrap_err(), "Topic name is invalid: the empty string is not allowed");
        assert_eq!(check_name("..").unwrap_err(), "Topic name is invalid: '..' is not allowed");
        assert!(check_name(".").is_err());
        assert!(check_name(&"x".repeat(250)).unwrap_err().ends_with("is longer than the max allowed length 249"));
        assert!(check_name("a b").unwrap_err().starts_with("Topic name is invalid: 'a b' contains one or more characters"));
        assert!(check_name("\u{e9}").is_err());
        assert!(check_name("a/b").is_err());
    }
}
