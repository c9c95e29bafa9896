//! Record batches against the world: round trips through every codec, an independent encoder and decoder (the crate
//! kafka-protocol), and hostile bytes, none of which may panic.

use bytes::{Bytes, BytesMut};
use kafka_protocol::indexmap::IndexMap;
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records::{
    Compression, Record as OracleRecord, RecordBatchDecoder, RecordBatchEncoder, RecordEncodeOptions, TimestampType,
};
use monolog::wire::batch::{BatchError, CheckedBatch, batch_crc};
use monolog::wire::batch_builder::{BatchBuilder, HeaderPair};
use monolog::wire::compress::{Codec, compress, decompress};
use monolog::wire::record::{Record, RecordError};
use monolog::wire::stored::{first_at_least, greatest, inflate_records, records};
use proptest::collection::vec;
use proptest::prelude::*;

const CODECS: [Codec; 5] = [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];

/// A record's headers, owned.
type Headers = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// A record to be written.
#[derive(Clone, Debug, PartialEq)]
struct Draft {
    timestamp: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Headers,
}

fn codec() -> impl Strategy<Value = Codec> {
    prop::sample::select(&CODECS[..])
}

fn field(bytes_max: usize) -> impl Strategy<Value = Option<Vec<u8>>> {
    // Compressible and incompressible alike.
    prop::option::of(prop_oneof![vec(any::<u8>(), 0..bytes_max), (any::<u8>(), 0..bytes_max).prop_map(|(byte, len)| vec![byte; len])])
}

fn draft() -> impl Strategy<Value = Draft> {
    let headers = vec((vec(any::<u8>(), 0..8), field(16)), 0..4);
    (-1i64..2_000_000_000_000, field(40), field(3_000), headers).prop_map(|(timestamp, key, value, headers)| Draft {
        timestamp,
        key,
        value,
        headers,
    })
}

fn build(codec: Codec, drafts: &[Draft]) -> Bytes {
    let mut builder = BatchBuilder::new(codec);
    for draft in drafts {
        let headers: Vec<HeaderPair> = draft.headers.iter().map(|(key, value)| (&key[..], value.as_deref())).collect();
        builder.push(draft.timestamp, draft.key.as_deref(), draft.value.as_deref(), &headers);
    }
    builder.build().unwrap()
}

fn as_draft(record: &Record) -> Draft {
    Draft {
        timestamp: record.timestamp,
        key: record.key.map(<[u8]>::to_vec),
        value: record.value.map(<[u8]>::to_vec),
        headers: record.headers().map(|(key, value)| (key.to_vec(), value.map(<[u8]>::to_vec))).collect(),
    }
}

fn check(bytes: &[u8]) -> Result<CheckedBatch, BatchError> {
    CheckedBatch::check(Some(Bytes::copy_from_slice(bytes)), 13)
}

/// Writes the length and the CRC that the bytes now have, so that the faults behind them are reached.
fn reseal(batch: &mut [u8]) {
    let length = (batch.len() - 12) as i32;
    batch[8..12].copy_from_slice(&length.to_be_bytes());
    let crc = batch_crc(batch);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
}

fn sample(codec: Codec) -> Vec<u8> {
    let drafts = [
        Draft {
            timestamp: 1_700_000_000_000,
            key: Some(b"k1".to_vec()),
            value: Some(vec![b'a'; 200]),
            headers: vec![(b"h".to_vec(), None)],
        },
        Draft { timestamp: 1_700_000_000_500, key: None, value: None, headers: vec![] },
        Draft { timestamp: 1_700_000_000_100, key: Some(vec![]), value: Some((0..=255).collect()), headers: vec![(vec![], Some(vec![1]))] },
    ];
    build(codec, &drafts).to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn batches_round_trip_and_are_summed_up_truly(codec in codec(), drafts in vec(draft(), 1..30)) {
        let batch = CheckedBatch::check(Some(build(codec, &drafts)), 13).unwrap();
        prop_assert_eq!(batch.count() as usize, drafts.len());
        prop_assert_eq!(batch.max_timestamp(), drafts.iter().map(|draft| draft.timestamp).max().unwrap());
        prop_assert_eq!(batch.min_timestamp(), drafts.iter().map(|draft| draft.timestamp).filter(|&ts| ts != -1).min());
        prop_assert_eq!(batch.has_null_key(), drafts.iter().any(|draft| draft.key.is_none()));
        let section = inflate_records(batch.bytes()).unwrap();
        let read: Vec<_> = records(batch.header(), &section).map(|record| as_draft(&record.unwrap())).collect();
        prop_assert_eq!(&read, &drafts);

        let target = drafts[drafts.len() / 2].timestamp;
        let first = drafts.iter().position(|draft| draft.timestamp >= target).unwrap();
        prop_assert_eq!(first_at_least(batch.bytes(), target, 0).unwrap().unwrap().offset_delta as usize, first);
        let top = drafts.iter().position(|draft| draft.timestamp == batch.max_timestamp()).unwrap();
        prop_assert_eq!(greatest(batch.bytes(), 0).unwrap().unwrap().offset_delta as usize, top);
    }

    #[test]
    fn codecs_round_trip_within_their_bound(codec in codec(), data in vec(any::<u8>(), 1..100_000), repeats in 1usize..6) {
        let data = data.repeat(repeats);
        let packed = compress(codec, &data).unwrap();
        prop_assert_eq!(&decompress(codec, &packed, data.len()).unwrap(), &data);
        let error = decompress(codec, &packed, data.len() - 1).unwrap_err();
        prop_assert_eq!(error.kind(), std::io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn raw_snappy_is_read_as_well(data in vec(any::<u8>(), 0..100_000)) {
        let packed = snap::raw::Encoder::new().compress_vec(&data).unwrap();
        prop_assert_eq!(decompress(Codec::Snappy, &packed, data.len()).unwrap(), data);
    }

    #[test]
    fn damage_behind_a_right_crc_never_panics(codec in codec(), hits in vec((61usize..400, any::<u8>()), 1..4), cut in 0usize..40) {
        let mut batch = sample(codec);
        let keep = batch.len() - cut.min(batch.len() - 61);
        batch.truncate(keep);
        for (at, byte) in hits {
            if let Some(place) = batch.get_mut(at) {
                *place = byte;
            }
        }
        reseal(&mut batch);
        if let Ok(checked) = check(&batch) {
            // What passes is fit to be served: both ways of reading it agree with its header.
            let section = inflate_records(checked.bytes()).unwrap();
            let read: Vec<_> = records(checked.header(), &section).collect::<Result<_, _>>().unwrap();
            prop_assert_eq!(read.len(), 3);
            prop_assert_eq!(read.iter().map(|record| record.timestamp).max().unwrap().max(-1), checked.max_timestamp());
        }
    }

    #[test]
    fn garbage_is_refused_or_read_but_never_panics(bytes in vec(any::<u8>(), 0..300), version in 3i16..14) {
        let _ = CheckedBatch::check(Some(bytes.clone().into()), version);
        for codec in CODECS {
            let _ = decompress(codec, &bytes, 1 << 20);
        }
        let _ = first_at_least(&bytes, 0, 0);
        let _ = inflate_records(&bytes.into());
    }

    #[test]
    fn garbage_records_never_panic(codec in codec(), count in 1i32..5, body in vec(any::<u8>(), 0..200)) {
        let mut batch = sample(Codec::None)[..61].to_vec();
        batch[21..23].copy_from_slice(&(codec as i16).to_be_bytes());
        batch[23..27].copy_from_slice(&(count - 1).to_be_bytes());
        batch[57..61].copy_from_slice(&count.to_be_bytes());
        batch.extend_from_slice(&compress(codec, &body).unwrap());
        reseal(&mut batch);
        let _ = check(&batch);
    }
}

fn oracle_record(index: i64) -> OracleRecord {
    OracleRecord {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: -1,
        producer_id: 42,
        producer_epoch: 1,
        timestamp_type: TimestampType::Creation,
        offset: index,
        sequence: 100 + index as i32,
        timestamp: 1_000 + index,
        key: (index % 2 == 0).then(|| Bytes::from(format!("key-{index}"))),
        value: Some(Bytes::from(vec![b'v'; 50 * index as usize])),
        headers: IndexMap::from([(StrBytes::from_static_str("trace"), Some(Bytes::from(format!("{index}"))))]),
    }
}

#[test]
fn batches_of_an_independent_encoder_pass() {
    let drafts: Vec<_> = (0..20).map(oracle_record).collect();
    let mut out = BytesMut::new();
    RecordBatchEncoder::encode(&mut out, &drafts, &RecordEncodeOptions { version: 2, compression: Compression::None }).unwrap();
    let batch = CheckedBatch::check(Some(out.freeze()), 9).unwrap();
    let header = batch.header();
    assert_eq!((header.producer_id, header.producer_epoch, header.base_sequence), (42, 1, 100));
    assert_eq!((batch.count(), batch.max_timestamp(), batch.min_timestamp()), (20, 1_019, Some(1_000)));
    let section = inflate_records(batch.bytes()).unwrap();
    for (record, draft) in records(header, &section).zip(&drafts) {
        let record = record.unwrap();
        assert_eq!((record.key, record.value, record.timestamp), (draft.key.as_deref(), draft.value.as_deref(), draft.timestamp));
        assert_eq!(record.headers().count(), 1);
    }
}

#[test]
fn an_independent_decoder_reads_what_we_write() {
    for codec in CODECS {
        let mut builder = BatchBuilder::new(codec).producer(9, 2, 5);
        for index in 0..20 {
            builder.push(2_000 + index, Some(b"key"), Some(&[b'x'; 10_000]), &[(b"h", Some(b"1"))]);
        }
        let inflate = |packed: &mut Bytes, compression: Compression| {
            assert_eq!(compression as i16, codec as i16);
            Ok(Bytes::from(decompress(codec, packed, usize::MAX)?))
        };
        let sets = RecordBatchDecoder::decode_with_custom_compression(&mut builder.build().unwrap(), Some(inflate)).unwrap();
        assert_eq!(sets.records.len(), 20, "{codec:?}");
        for (index, record) in sets.records.iter().enumerate() {
            assert_eq!((record.offset, record.timestamp, record.sequence), (index as i64, 2_000 + index as i64, 5 + index as i32));
            assert_eq!((record.producer_id, record.producer_epoch), (9, 2));
            assert_eq!(record.value.as_deref(), Some(&[b'x'; 10_000][..]));
            assert_eq!(record.headers.len(), 1);
        }
    }
}

#[test]
fn every_truncation_is_refused() {
    for codec in CODECS {
        let whole = sample(codec);
        for end in 0..whole.len() {
            assert_eq!(check(&whole[..end]), Err(BatchError::NoBatch), "{codec:?} cut at {end}");
            if end >= 61 {
                let mut cut = whole[..end].to_vec();
                reseal(&mut cut);
                let error = check(&cut).unwrap_err();
                assert!(matches!(error, BatchError::Record { .. }), "{codec:?} cut at {end} and sealed again: {error}");
            }
        }
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    for codec in CODECS {
        let whole = sample(codec);
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 0x80 >> (bit % 8);
            // The leader epoch is the one field that producers may fill as they like.
            assert_eq!(check(&flipped).is_ok(), (12..16).contains(&(bit / 8)), "{codec:?} bit {bit}");
        }
    }
}

#[test]
fn faults_inside_a_record_are_named() {
    let one = |body: &[u8]| {
        let mut batch = sample(Codec::None)[..61].to_vec();
        batch[23..27].copy_from_slice(&0i32.to_be_bytes());
        batch[57..61].copy_from_slice(&1i32.to_be_bytes());
        batch.extend_from_slice(body);
        reseal(&mut batch);
        match check(&batch).unwrap_err() {
            BatchError::Record { error, .. } => error,
            other => panic!("{other}"),
        }
    };
    // Length, attributes, timestamp delta, offset delta, key length, value length, header count; zigzag: 1 is -1, 2 is 1, 3 is -2.
    assert_eq!(one(&[12, 4, 0, 0, 1, 1, 0]), RecordError::Attributes(4));
    assert_eq!(one(&[12, 0, 0, 0, 3, 1, 0]), RecordError::FieldLength(-2));
    assert_eq!(one(&[12, 0, 0, 0, 1, 3, 0]), RecordError::FieldLength(-2));
    assert_eq!(one(&[12, 0, 0, 0, 1, 1, 1]), RecordError::HeaderCount(-1));
    assert_eq!(one(&[12, 0, 0, 0, 1, 1, 8]), RecordError::HeaderCount(4));
    assert_eq!(one(&[16, 0, 0, 0, 1, 1, 2, 1, 1]), RecordError::HeaderLength(-1));
    assert_eq!(one(&[16, 0, 0, 0, 1, 1, 2, 0, 3]), RecordError::HeaderLength(-2));
    assert_eq!(one(&[14, 0, 0, 0, 1, 1, 0, 0]), RecordError::Length(7));
    assert_eq!(one(&[10, 0, 0, 0, 1, 1, 0]), RecordError::Length(5));
    assert_eq!(one(&[12, 0, 0, 0, 100, 1, 1]), RecordError::Length(6));
    assert_eq!(one(&[1, 0, 0, 0, 1, 1, 0]), RecordError::Length(-1));
    assert_eq!(one(&[0, 0, 0, 0, 1, 1, 0]), RecordError::Length(0));
    assert_eq!(one(&[100, 0, 0, 0, 1, 1, 0]), RecordError::Length(50));
    assert_eq!(one(&[100, 0, 0, 0, 80, 1, 0]), RecordError::EndsEarly);
    assert_eq!(one(&[0xff, 0xff, 0xff, 0xff, 0xff, 1, 1]), RecordError::Varint);
    assert_eq!(one(&[12, 0, 0, 0, 1, 1, 0, 0]), RecordError::TrailingBytes);
}

#[test]
fn compressed_forms_are_judged_as_kafkas_consumers_would() {
    use lz4_flex::frame::{BlockMode, FrameEncoder, FrameInfo};
    let lz4 = |info: FrameInfo| {
        let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
        std::io::Write::write_all(&mut encoder, &[7; 100_000]).unwrap();
        encoder.finish().unwrap()
    };
    let read = |packed: &[u8]| decompress(Codec::Lz4, packed, 1 << 20).map(|out| out.len()).map_err(|error| error.to_string());
    assert_eq!(read(&lz4(FrameInfo::new().content_checksum(true).block_checksums(true).content_size(Some(100_000)))), Ok(100_000));
    let linked = lz4(FrameInfo::new().block_mode(BlockMode::Linked));
    assert!(read(&linked).unwrap_err().contains("depend on one another"));
    let mut legacy = linked.clone();
    legacy[..4].copy_from_slice(&0x184C_2102u32.to_le_bytes());
    assert!(read(&legacy).unwrap_err().contains("not an LZ4 frame"));
    // Data that ends in zeros looks like an end mark to whoever only looks at the end.
    let ends_in_zeros: Vec<u8> = (1..=100).chain([0; 8]).collect();
    let whole = compress(Codec::Lz4, &ends_in_zeros).unwrap();
    assert_eq!(read(&whole), Ok(108));
    for end in 0..whole.len() {
        assert!(read(&whole[..end]).unwrap_err().contains("cut off"), "cut at {end}");
    }
    // Two gzip members are one stream to Java as well.
    let half = compress(Codec::Gzip, b"half").unwrap();
    assert_eq!(decompress(Codec::Gzip, &[half.clone(), half].concat(), 100).unwrap(), b"halfhalf");
}
