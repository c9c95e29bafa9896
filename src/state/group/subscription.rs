//! The one look that a broker takes into consumers' metadata: which topics a group subscribes to, so that offsets of others can
//! expire (`ConsumerProtocol`, `ClassicGroup.computeSubscribedTopics`). Asked when a join phase ends and at load.

use super::classic::Group;
use crate::base::limits::MEMBER_METADATA_BYTES_MAX;
use crate::base::text::Text;
use crate::wire::primitive::{Fault, Reader};
use bytes::Bytes;
use std::collections::BTreeSet;

/// The topics that members of a "consumer" group subscribe to; `None` for other types, and when any member's metadata cannot be
/// read: then it may be any topic.
pub(super) fn subscribed_topics(group: &Group) -> Option<BTreeSet<Text>> {
    if group.protocol_type.as_ref()? != "consumer" {
        return None;
    }
    let mut topics = BTreeSet::new();
    for member in group.members.values() {
        let metadata = member.metadata(group.protocol.as_ref()?);
        topics.extend(topics_of(metadata).ok()?);
    }
    Some(topics)
}

/// Version, then the topics; newer versions append to that.
fn topics_of(subscription: Bytes) -> Result<Vec<Text>, Fault> {
    let mut reader = Reader::of_request(subscription, MEMBER_METADATA_BYTES_MAX);
    let _version = reader.i16()?;
    let count = usize::try_from(reader.i32()?).map_err(|_| Fault::NegativeLength)?;
    reader.allow(count, 2, size_of::<Text>())?;
    let mut topics = Vec::with_capacity(count);
    for _ in 0..count {
        let len = usize::try_from(reader.i16()?).map_err(|_| Fault::NegativeLength)?;
        // Detached, since the set may outlive the metadata.
        topics.push(Text::from_utf8(reader.bytes(len)?).ok_or(Fault::NotUtf8)?.detach());
    }
    Ok(topics)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_read_and_garbage_is_not() {
        let bytes = [0, 1, 0, 0, 0, 2, 0, 1, b'a', 0, 2, b'b', b'c', 255, 255, 255, 255];
        assert_eq!(topics_of(Bytes::copy_from_slice(&bytes)).unwrap(), [Text::from("a"), Text::from("bc")]);
        assert!(topics_of(Bytes::copy_from_slice(&bytes[..9])).is_err());
        assert!(topics_of(Bytes::from_static(&[0, 0, 127, 255, 255, 255])).is_err());
        assert!(topics_of(Bytes::new()).is_err());
    }
}
