//! Every bound of the broker in one place, with the reason for its size. Bytes unless the name says otherwise.

/// One MiB.
pub const MIB: usize = 1024 * 1024;

/// Largest frame: Kafka's `socket.request.max.bytes`.
pub const REQUEST_BYTES_MAX: usize = 100 * MIB;
/// What the arrays of one decoded request may take: an eighth of the memory budget, but at least what it takes to name all topics and
/// partitions that a broker has by default
pub const DECODED_BYTES_MIN: usize = 4 * MIB;
/// ... and at most this.
pub const DECODED_BYTES_MAX: usize = 16 * MIB;
/// What a request takes on its way to the engine beside its frame: its envelope, its place in the mailbox, and short lists.
pub const ENVELOPE_BYTES: usize = 1024;
/// How much of that is for lists; longer ones are charged as they are.
pub const LISTS_FREE_BYTES: usize = 512;
/// Answers, and fetches that wait, which take less than this are not charged for: nearly all. A connection has one at a time.
pub const ANSWER_FREE_BYTES: usize = 1024;
/// Frames up to this size may use the reserved quarter of the memory budget, so that heartbeats pass when the rest is full.
pub const SMALL_FRAME_BYTES: usize = 16 * 1024;
/// Frames up to this size may use all of that quarter, others half of it.
pub const TINY_FRAME_BYTES: usize = 1024;
/// Default of the memory budget, when a quarter of the machine (or cgroup) is more than this.
pub const MEMORY_BYTES_DEFAULT: usize = 32 * MIB;
/// A frame that grows slower than this per second is closed first when the budget is exhausted.
pub const SLOW_FRAME_BYTES_PER_S: usize = 64 * 1024;
/// The single oversize frame is cut after so long without a new byte.
pub const OVERSIZE_STALL_MS: u64 = 10_000;
/// Requests of one connection that may be decided but unanswered at once (Produce after Produce; Java allows five in flight).
pub const CONN_PIPELINE_MAX: usize = 64;
/// Connections, all reactors together.
pub const CONNECTIONS_MAX: usize = 20_000;
/// Reactor threads at most; more only add hand-offs.
pub const REACTORS_MAX: usize = 8;

/// A plan is sealed at about this many batch bytes: half the disk's bandwidth is reached with less.
pub const PLAN_BYTES_MAX: usize = MIB;
/// ... or at so many batches.
pub const PLAN_BATCHES_MAX: usize = 1_000;
/// ... or at so many other operations; where one has more, requests with long lists wait for the next.
pub const PLAN_OPS_MAX: usize = 10_000;

/// Broker cap on one fetch answer: Kafka's is 55 MiB, ours fits the budget.
pub const FETCH_BYTES_MAX: usize = 10 * MIB;
/// Kafka's `message.max.bytes`.
pub const BATCH_BYTES_MAX_DEFAULT: i32 = 1_048_588;
/// Kafka's own floor under a batch: the v2 header.
pub const BATCH_HEADER_BYTES: usize = 61;
/// What one compressed batch may inflate to while it is checked or browsed; Kafka has no bound, a bomb has.
pub const DECOMPRESSED_BYTES_MAX: usize = 128 * MIB;
/// What a batch may inflate to and still be compressed anew for its topic; larger ones are kept as they came, since the engine does it.
pub const RECOMPRESSED_BYTES_MAX: usize = 8 * MIB;
/// Records that one batch may claim, checked against its bytes as well.
pub const RECORDS_PER_BATCH_MAX: i32 = 10_000_000;

/// Topics, partitions.
pub const TOPICS_MAX: usize = 20_000;
/// Partitions of all topics together.
pub const PARTITIONS_MAX: usize = 20_000;
/// Kafka's longest topic name.
pub const TOPIC_NAME_CHARS_MAX: usize = 249;
/// Partitions in one DescribeTopicPartitions answer: Kafka's `max.request.partition.size.limit`.
pub const DESCRIBE_PARTITIONS_MAX: usize = 2_000;

/// Groups.
pub const GROUPS_MAX: usize = 20_000;
/// Members of one group.
pub const GROUP_MEMBERS_MAX: usize = 10_000;
/// Subscription metadata of one member over all its protocols.
pub const MEMBER_METADATA_BYTES_MAX: usize = MIB;
/// Kafka's `offset.metadata.max.bytes`.
pub const OFFSET_METADATA_BYTES_MAX: usize = 4_096;
/// Fetch sessions: Kafka's `max.incremental.fetch.session.cache.slots`.
pub const FETCH_SESSIONS_MAX: usize = 1_000;
/// Partitions of all fetch sessions together; what goes beyond is fetched without a session.
pub const FETCH_SESSION_PARTITIONS_MAX: usize = 50_000;
/// Partitions that are not there in a fetch that may wait all the same; with more it is answered at once.
pub const FETCH_UNKNOWN_PARKED_MAX: usize = 1_000;
/// Producers remembered per partition before the oldest idle one is forgotten.
pub const PRODUCERS_PER_PARTITION_MAX: usize = 10_000;
/// Producers remembered by all partitions together, each some 0.4 KB, before the longest unused are forgotten,
pub const PRODUCERS_MAX: usize = 50_000;
/// ... so many at once.
pub const PRODUCERS_FORGOTTEN: usize = 1_000;
/// Producers that are fenced because there was no room for their batches on the disk.
pub const FENCES_MAX: usize = 100_000;
/// Batches of one producer that are remembered per partition: Kafka's `ProducerStateEntry.NUM_BATCHES_TO_RETAIN`.
pub const PRODUCER_BATCHES_KEPT: usize = 5;
/// Producers looked at in one turn of the engine when they expire.
pub const EXPIRY_SLICE_PRODUCERS: usize = 10_000;
/// Partitions looked at in one turn of the engine by retention.
pub const RETENTION_SLICE_PARTITIONS: usize = 500;
/// Partitions about which retention asks the cold readers at once.
pub const RETENTION_ASKS_MAX: usize = 32;
/// Producer ids are taken from the durable counter in blocks of this size.
pub const PRODUCER_ID_BLOCK: i64 = 1_000;

/// Answers of one DescribeConfigs about resources that it asks for more than once.
pub const DESCRIBED_AGAIN_MAX: usize = 100;

/// Inputs waiting for the engine.
pub const ENGINE_MAILBOX_MAX: usize = 65_536;

/// Soft bound of the write-ahead log: the checkpointer starts here.
pub const WAL_SOFT_BYTES: u64 = 8 * MIB as u64;
/// Hard bound of the write-ahead log: here the writer waits for the checkpoint. One transaction may be longer than what is left.
pub const WAL_HARD_BYTES: u64 = 64 * MIB as u64;
/// A log that gets longer than this is not written past the system's cache from there on: so much of it is kept in memory.
pub const WAL_IMAGE_BYTES: usize = 16 * MIB;
/// So much of the end of a database that grows the system is to keep in memory.
pub const SYSTEM_CACHE_BYTES: u64 = 64 * MIB as u64;
/// The fold runs after so many commits,
pub const FOLD_COMMITS_MAX: u32 = 64;
/// ... or so many batch rows,
pub const FOLD_ROWS_MAX: usize = 64_000;
/// ... or so many milliseconds.
pub const FOLD_AGE_MS: u64 = 1_000;
/// A read transaction holds the gate for at most so many bytes
pub const READ_SLICE_BYTES: usize = MIB;
/// ... and milliseconds.
pub const READ_SLICE_MS: u64 = 5;
/// A slice of deletes, or of giving free pages back, takes about this long, its commit included.
pub const DELETE_SLICE_MS: u64 = 2;
/// A copy that is being written is synced each time it has grown by so much,
pub const BACKUP_SYNC_BYTES: usize = MIB / 4;
/// ... and given up where less than this would be left on the disk.
pub const BACKUP_DISK_FREE_BYTES_MIN: u64 = 64 * MIB as u64;
/// Room kept on the disk of the data directory for what must still be done when it is full; an eighth of a smaller disk.
pub const RESERVE_BYTES_MAX: u64 = 16 * MIB as u64;
/// Free pages beyond a tenth of the file go back to the file system so often.
pub const GC_INTERVAL_MS: u64 = 5 * 60 * 1000;

/// Connections on the HTTP port.
pub const HTTP_CONNECTIONS_MAX: usize = 256;
/// Request head.
pub const HTTP_HEAD_BYTES_MAX: usize = 16 * 1024;
/// Request body.
pub const HTTP_BODY_BYTES_MAX: usize = 2 * MIB;
/// A complete head must be there within
pub const HTTP_HEAD_MS: u64 = 5_000;
/// ... and a complete body within
pub const HTTP_BODY_MS: u64 = 10_000;
/// Requests forwarded to tiny_http at once,
pub const HTTP_IN_FLIGHT_MAX: usize = 8;
/// ... of them such as write, so that reads pass when writes wait for the disk;
pub const HTTP_WRITES_IN_FLIGHT_MAX: usize = 6;
/// ... and beside them such as ask for health, which wait for nobody.
pub const HTTP_HEALTH_IN_FLIGHT_MAX: usize = 2;
/// Mailboxes that the engine writes to: those of the reactors, and of the threads that answer HTTP requests.
pub const MAILBOXES_MAX: usize = REACTORS_MAX + HTTP_IN_FLIGHT_MAX + HTTP_HEALTH_IN_FLIGHT_MAX;
/// The engine answers an HTTP request within
pub const HTTP_ANSWER_MS: u64 = 30_000;
/// Messages in one page, and in one write, over HTTP.
pub const HTTP_MESSAGES_MAX: usize = 10_000;
/// Bytes of JSON after which a page of messages ends, where the memory budget is 32 MiB or more.
pub const HTTP_PAGE_BYTES_MAX: usize = 4 * MIB;
/// Partitions that fetches wait for, as a list of them shows.
pub const PENDING_SHOWN_MAX: usize = 10_000;
