//! Compressed batches that inflate to far more than they are: refused by bound, in memory that does not grow with the claim.
//! A binary of its own, because it reads this process's peak memory.

use bytes::Bytes;
use monolog::base::limits::MIB;
use monolog::wire::batch::{BatchError, CheckedBatch, batch_crc};
use monolog::wire::batch_builder::BatchBuilder;
use monolog::wire::compress::{Codec, compress};
use monolog::wire::record::{RecordError, put_varlong};
use std::io::Write;

/// What one check may add to the peak: windows of 8 MiB and buffers, far below what the bombs inflate to.
const GROWTH_BYTES_MAX: usize = 24 * MIB;

/// Resident memory now ("VmRSS") or at its peak since [`forget_peak`] ("VmHWM").
fn resident_bytes(line: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|found| found.starts_with(line)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

/// Building a bomb takes memory too; this sets the peak back to what is resident now (see proc_pid_clear_refs(5)).
fn forget_peak() {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
}

/// A batch of one record around compressed bytes.
fn around(codec: Codec, packed: &[u8]) -> Bytes {
    let mut builder = BatchBuilder::new(codec);
    builder.push(0, None, None, &[]);
    let mut batch = builder.build().unwrap()[..61].to_vec();
    batch.extend_from_slice(packed);
    let length = (batch.len() - 12) as i32;
    batch[8..12].copy_from_slice(&length.to_be_bytes());
    let crc = batch_crc(&batch);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
    batch.into()
}

/// The beginning of a record whose value is `value_bytes` long, up to that value.
fn record_start(value_bytes: usize) -> Vec<u8> {
    let mut body = vec![0, 0, 0, 1];
    put_varlong(&mut body, value_bytes as i64);
    let mut start = Vec::new();
    put_varlong(&mut start, (body.len() + value_bytes + 1) as i64);
    start.extend_from_slice(&body);
    start
}

/// Refuses a batch and says how, and by how much the peak rose.
fn refusal(batch: &Bytes) -> (RecordError, usize) {
    forget_peak();
    let before = resident_bytes("VmRSS:");
    let error = CheckedBatch::check(Some(batch.clone()), 9).unwrap_err();
    let BatchError::Record { error, .. } = error else { panic!("{error}") };
    (error, resident_bytes("VmHWM:").saturating_sub(before))
}

#[test]
fn bombs_are_refused_in_little_memory_and_honest_batches_are_not() {
    let value_bytes = 2_000 * MIB;
    let start = record_start(value_bytes);
    let zeros = vec![0u8; MIB];

    // gzip: a thousand members of a MiB each.
    let mut packed = compress(Codec::Gzip, &start).unwrap();
    packed.extend(compress(Codec::Gzip, &zeros).unwrap().repeat(1_000));
    assert!(packed.len() < 2 * MIB);
    let (error, growth) = refusal(&around(Codec::Gzip, &packed));
    assert_eq!(error, RecordError::TooLarge);
    assert!(growth < GROWTH_BYTES_MAX, "gzip took {growth}");

    // lz4: one frame of many blocks.
    let info = lz4_flex::frame::FrameInfo::new().block_size(lz4_flex::frame::BlockSize::Max4MB);
    let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
    encoder.write_all(&start).unwrap();
    (0..200).for_each(|_| encoder.write_all(&zeros).unwrap());
    let packed = encoder.finish().unwrap();
    assert!(packed.len() < 2 * MIB);
    let (error, growth) = refusal(&around(Codec::Lz4, &packed));
    assert_eq!(error, RecordError::TooLarge);
    assert!(growth < GROWTH_BYTES_MAX, "lz4 took {growth}");

    // zstd with an ordinary window.
    let zstd = |window_log: u32, mib: usize| {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(window_log).unwrap();
        encoder.write_all(&start).unwrap();
        (0..mib).for_each(|_| encoder.write_all(&zeros).unwrap());
        encoder.finish().unwrap()
    };
    let packed = zstd(21, 1_000);
    assert!(packed.len() < MIB);
    let (error, growth) = refusal(&around(Codec::Zstd, &packed));
    assert_eq!(error, RecordError::TooLarge);
    assert!(growth < GROWTH_BYTES_MAX, "zstd took {growth}");
    // A window as large as Kafka allows is memory, so the output is held shorter.
    let batch = around(Codec::Zstd, &zstd(27, 200));
    let (error, growth) = refusal(&batch);
    assert_eq!(error, RecordError::TooLarge);
    assert!(growth < 40 * MIB, "zstd with a wide window took {growth}");

    // snappy claims gigabytes in its preamble.
    let (error, growth) = refusal(&around(Codec::Snappy, &[0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0]));
    assert!(matches!(error, RecordError::Damaged(_)), "{error}");
    assert!(growth < MIB, "snappy took {growth}");
    // ... and blocks that are true, but too many.
    let block = snap::raw::Encoder::new().compress_vec(&zeros).unwrap();
    let mut packed = compress(Codec::Snappy, &start).unwrap();
    for _ in 0..200 {
        packed.extend_from_slice(&(block.len() as u32).to_be_bytes());
        packed.extend_from_slice(&block);
    }
    let (error, growth) = refusal(&around(Codec::Snappy, &packed));
    assert_eq!(error, RecordError::TooLarge);
    assert!(growth < GROWTH_BYTES_MAX, "snappy took {growth}");

    // An honest batch may still inflate to a hundred MiB. Last, because building it takes that much.
    let mut builder = BatchBuilder::new(Codec::Zstd);
    builder.push(5, None, Some(&vec![b'x'; 100 * MIB]), &[]);
    let batch = CheckedBatch::check(Some(builder.build().unwrap()), 9).unwrap();
    assert!(batch.size() < MIB && batch.max_timestamp() == 5);
}
