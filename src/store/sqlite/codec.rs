//! The blobs inside rows: topic configs, group members, the batches a producer is remembered by. Written by `ops` and
//! `fold`, read by `loader` and `fold`. Lengths are u32, numbers big-endian; what does not fit exactly is corrupt.

use crate::base::limits::PRODUCER_BATCHES_KEPT;
use crate::base::text::Text;
use crate::store::plan::{MemberRow, ProducerBatch};
use crate::store::seam::StoreError;
use bytes::Bytes;
use std::collections::VecDeque;

/// Config overrides of a topic.
pub(super) fn encode_configs(configs: &[(Text, Text)]) -> Vec<u8> {
    let mut blob = Blob::default();
    blob.list(configs, |blob, (name, value)| {
        blob.bytes(name.as_bytes());
        blob.bytes(value.as_bytes());
    });
    blob.0
}

/// The reverse of [`encode_configs`].
pub(super) fn decode_configs(blob: &[u8]) -> Result<Vec<(Text, Text)>, StoreError> {
    whole(blob, "topic configs", |cut| cut.list(|cut| Some((cut.text()?, cut.text()?))))
}

/// Members of a group.
pub(super) fn encode_members(members: &[MemberRow]) -> Vec<u8> {
    let mut blob = Blob::default();
    blob.list(members, |blob, member| {
        blob.bytes(member.id.as_bytes());
        match &member.instance_id {
            None => blob.0.push(0),
            Some(id) => {
                blob.0.push(1);
                blob.bytes(id.as_bytes());
            }
        }
        blob.bytes(member.client_id.as_bytes());
        blob.bytes(member.client_host.as_bytes());
        blob.0.extend(member.session_timeout_ms.to_be_bytes());
        blob.0.extend(member.rebalance_timeout_ms.to_be_bytes());
        blob.list(&member.protocols, |blob, (name, metadata)| {
            blob.bytes(name.as_bytes());
            blob.bytes(metadata);
        });
        blob.bytes(&member.assignment);
    });
    blob.0
}

/// The reverse of [`encode_members`].
pub(super) fn decode_members(blob: &[u8]) -> Result<Vec<MemberRow>, StoreError> {
    whole(blob, "group members", |cut| {
        cut.list(|cut| {
            Some(MemberRow {
                id: cut.text()?,
                instance_id: match cut.array::<1>()? {
                    [0] => None,
                    [1] => Some(cut.text()?),
                    _ => return None,
                },
                client_id: cut.text()?,
                client_host: cut.text()?,
                session_timeout_ms: i32::from_be_bytes(cut.array()?),
                rebalance_timeout_ms: i32::from_be_bytes(cut.array()?),
                protocols: cut.list(|cut| Some((cut.text()?, Bytes::copy_from_slice(cut.bytes()?))))?,
                assignment: Bytes::copy_from_slice(cut.bytes()?),
            })
        })
    })
}

/// The last batches of a producer.
pub(super) fn encode_producer_batches(batches: &VecDeque<ProducerBatch>) -> Vec<u8> {
    let mut blob = Vec::with_capacity(batches.len() * 32);
    for batch in batches {
        blob.extend(batch.first_seq.to_be_bytes());
        blob.extend(batch.last_seq.to_be_bytes());
        blob.extend(batch.base.to_be_bytes());
        blob.extend(batch.last.to_be_bytes());
        blob.extend(batch.max_ts.to_be_bytes());
    }
    blob
}

/// The reverse of [`encode_producer_batches`].
pub(super) fn decode_producer_batches(blob: &[u8]) -> Result<VecDeque<ProducerBatch>, StoreError> {
    whole(blob, "batches of a producer", |cut| {
        let mut batches = VecDeque::with_capacity(PRODUCER_BATCHES_KEPT);
        while !cut.0.is_empty() {
            batches.push_back(ProducerBatch {
                first_seq: i32::from_be_bytes(cut.array()?),
                last_seq: i32::from_be_bytes(cut.array()?),
                base: i64::from_be_bytes(cut.array()?),
                last: i64::from_be_bytes(cut.array()?),
                max_ts: i64::from_be_bytes(cut.array()?),
            });
        }
        (batches.len() <= PRODUCER_BATCHES_KEPT).then_some(batches)
    })
}

fn whole<T>(blob: &[u8], what: &str, read: impl FnOnce(&mut Cut<'_>) -> Option<T>) -> Result<T, StoreError> {
    let mut cut = Cut(blob);
    read(&mut cut).filter(|_| cut.0.is_empty()).ok_or_else(|| StoreError::Corrupt(format!("stored {what} cannot be decoded")))
}

#[derive(Default)]
struct Blob(Vec<u8>);

impl Blob {
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend((bytes.len() as u32).to_be_bytes());
        self.0.extend(bytes);
    }

    fn list<T>(&mut self, items: &[T], write: impl Fn(&mut Blob, &T)) {
        self.0.extend((items.len() as u32).to_be_bytes());
        items.iter().for_each(|item| write(self, item));
    }
}

struct Cut<'a>(&'a [u8]);

impl<'a> Cut<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let count = u32::from_be_bytes(self.array()?) as usize;
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }

    fn text(&mut self) -> Option<Text> {
        Some(Text::from(std::str::from_utf8(self.bytes()?).ok()?))
    }

    fn list<T>(&mut self, read: impl Fn(&mut Cut<'a>) -> Option<T>) -> Option<Vec<T>> {
        // Nothing is reserved on the word of a count: a wrong one ends where the bytes end.
        let count = u32::from_be_bytes(self.array()?);
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(read(self)?);
        }
        Some(items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn member() -> MemberRow {
        MemberRow {
            id: Text::from("consumer-1"),
            instance_id: Some(Text::from("static")),
            client_id: Text::from(""),
            client_host: Text::from("/127.0.0.1"),
            session_timeout_ms: 45_000,
            rebalance_timeout_ms: -1,
            protocols: vec![(Text::from("range"), Bytes::from_static(&[0, 1, 255])), (Text::from(""), Bytes::new())],
            assignment: Bytes::from_static(b"assigned"),
        }
    }

    #[test]
    fn members_come_back_and_every_cut_is_noticed() {
        let members = vec![member(), MemberRow { instance_id: None, ..member() }];
        let blob = encode_members(&members);
        assert_eq!(decode_members(&blob), Ok(members));
        for end in 0..blob.len() {
            assert!(matches!(decode_members(&blob[..end]), Err(StoreError::Corrupt(_))));
        }
        assert!(decode_members(&[blob, vec![0]].concat()).is_err());
    }

    proptest! {
        #[test]
        fn no_blob_makes_the_decoders_panic(blob in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode_configs(&blob);
            let _ = decode_members(&blob);
            let _ = decode_producer_batches(&blob);
        }
    }
}
