//! Reads frames: four bytes of length, then exactly that many, into one buffer per frame. A buffer grows with the bytes that
//! came, never with those that were promised, and every byte of it is charged. Called by `conn`.

use super::shared::{Lane, Permit, Rescue};
use crate::base::budget::{Budget, Charge};
use crate::base::limits::SLOW_FRAME_BYTES_PER_S;
use crate::wire::api_key::ApiKey;
use bytes::Bytes;
use std::io::{ErrorKind, Read};
use std::time::{Duration, Instant};

/// What a reactor reads into while it does not know yet how long the frame is: most requests are there with one system call.
pub const SCRATCH_BYTES: usize = 64 * 1024;

/// Least room that is made for a frame whose next bytes are read directly.
const GROWTH_BYTES_MIN: usize = 2 * 1024;
/// A buffer may be so many times as large as what has come of its frame: reallocation copies at most a third.
const GROWTH_FACTOR: usize = 4;
/// What a frame takes beside its bytes: without it, thousands of tiny ones that wait for their turn would look like nothing.
const FRAME_OVERHEAD_BYTES: usize = 256;
/// A frame is not called slow before it has had so long.
const SLOW_FRAME_GRACE: Duration = Duration::from_secs(1);

/// How much of a frame is read whatever the bound says, so that its API is known; it is charged with what comes next.
const HEAD_BYTES: usize = 16;

/// A frame, without its length.
#[derive(Debug)]
pub struct Frame {
    /// Its bytes, with what pays for them.
    pub bytes: Bytes,
    /// Whether they are in a lane: who keeps a part of them keeps others out.
    pub is_in_lane: bool,
}

/// Reads the frames of one connection.
#[derive(Default)]
pub struct FrameReader {
    length: [u8; 4],
    length_filled: usize,
    partial: Option<Box<Partial>>,
}

/// A frame whose length is known and whose bytes are still coming.
struct Partial {
    len: usize,
    buffer: Vec<u8>,
    filled: usize,
    hold: Hold,
    /// When it began, moved on by the time in which it was not read from.
    since: Instant,
    progress_at: Instant,
    paused_at: Option<Instant>,
}

enum Hold {
    Budget(Charge),
    Lane(Permit),
}

/// What reading came to.
#[derive(Debug, PartialEq, Eq)]
pub enum ReadEnd {
    /// The socket has nothing more at present.
    Drained,
    /// It gave less than was asked for: it has nothing more, unless the peer has finished
    /// (<https://man7.org/linux/man-pages/man7/epoll.7.html>, edge-triggered streams).
    Short,
    /// Frames are there, or the turn is over; there may be more in the socket.
    Paused,
    /// There is no memory for more.
    Starved,
    /// The peer has finished.
    Eof,
    /// A length that no frame has.
    BadLength(i32),
    /// The socket failed.
    Failed(ErrorKind),
}

/// What a frame is read with.
pub struct Means<'a> {
    /// Of the reactor, for bytes whose frame is not known yet.
    pub scratch: &'a mut [u8],
    /// What frames are charged to.
    pub budget: &'a Budget,
    /// The way around it for a frame above an eighth of it.
    pub oversize: &'a Lane,
    /// The ways around it for a frame that has begun and cannot go on.
    pub rescue: &'a Rescue,
    /// The largest frame.
    pub frame_bytes_max: usize,
    /// The time of this turn.
    pub now: Instant,
}

impl FrameReader {
    /// Reads at most about `max_bytes` from the socket, until a frame is complete. Frames go to `out`; what came in one system
    /// call may be several.
    pub fn read(&mut self, socket: &mut impl Read, means: &mut Means, max_bytes: usize, out: &mut impl FnMut(Frame)) -> ReadEnd {
        let mut left = max_bytes;
        loop {
            let result = if self.partial.is_some() { self.read_body(socket, means, out) } else { self.read_start(socket, means, out) };
            match result {
                Ok(Progress { short: true, .. }) => return ReadEnd::Short,
                Ok(Progress { bytes, frames, .. }) => {
                    left = left.saturating_sub(bytes);
                    if frames || left == 0 {
                        return ReadEnd::Paused;
                    }
                }
                Err(end) => return end,
            }
        }
    }

    /// Notes that the connection is not read from: what comes late from here on is not the peer's fault.
    pub fn pause(&mut self, now: Instant) {
        if let Some(partial) = &mut self.partial {
            partial.paused_at.get_or_insert(now);
        }
    }

    /// Whether the frame that has begun comes too slowly to be kept when memory is short.
    pub fn is_slow(&self, now: Instant) -> bool {
        self.partial.as_ref().is_some_and(|partial| {
            let age = now.saturating_duration_since(partial.since);
            partial.paused_at.is_none()
                && age >= SLOW_FRAME_GRACE
                && partial.filled as u128 * 1000 < age.as_millis() * SLOW_FRAME_BYTES_PER_S as u128
        })
    }

    /// Of a frame in a lane that is being read: when its last byte came.
    pub fn lane_progress(&self) -> Option<Instant> {
        let partial = self.partial.as_ref()?;
        (matches!(partial.hold, Hold::Lane(_)) && partial.paused_at.is_none()).then_some(partial.progress_at)
    }

    /// Reads where a frame begins.
    fn read_start(&mut self, socket: &mut impl Read, means: &mut Means, out: &mut impl FnMut(Frame)) -> Result<Progress, ReadEnd> {
        // Near the bound only the length is read: what it says decides whether there is room for the rest.
        let wanted = if means.budget.left_bytes() >= SCRATCH_BYTES { SCRATCH_BYTES } else { 4 - self.length_filled };
        let wanted = wanted.min(means.scratch.len());
        let bytes = read_some(socket, means.scratch.get_mut(..wanted).unwrap_or_default())?;
        let mut rest = means.scratch.get(..bytes).unwrap_or_default();
        let mut frames = false;
        while !rest.is_empty() {
            if self.partial.is_none() {
                rest = self.take_length(rest, means)?;
            }
            let Some(partial) = &mut self.partial else { continue };
            let count = rest.len().min(partial.len - partial.filled);
            let (body, after) = rest.split_at(count);
            partial.append(body, means);
            rest = after;
            frames |= self.finish(out);
        }
        Ok(Progress { bytes, frames, short: bytes < wanted })
    }

    /// Takes length bytes off the front; with the fourth a frame begins.
    fn take_length<'a>(&mut self, bytes: &'a [u8], means: &Means) -> Result<&'a [u8], ReadEnd> {
        let (taken, rest) = bytes.split_at(bytes.len().min(4 - self.length_filled));
        for byte in taken {
            if let Some(place) = self.length.get_mut(self.length_filled) {
                *place = *byte;
            }
            self.length_filled += 1;
        }
        if self.length_filled == 4 {
            let length = i32::from_be_bytes(self.length);
            self.length_filled = 0;
            let len = usize::try_from(length).ok().filter(|len| *len <= means.frame_bytes_max).ok_or(ReadEnd::BadLength(length))?;
            self.partial = Some(Box::new(Partial {
                len,
                buffer: Vec::new(),
                filled: 0,
                hold: Hold::Budget(means.budget.charge(FRAME_OVERHEAD_BYTES)),
                since: means.now,
                progress_at: means.now,
                paused_at: None,
            }));
        }
        Ok(rest)
    }

    /// Reads the rest of a frame straight into its buffer.
    fn read_body(&mut self, socket: &mut impl Read, means: &mut Means, out: &mut impl FnMut(Frame)) -> Result<Progress, ReadEnd> {
        // A frame of no bytes is complete with its length.
        if self.finish(out) {
            return Ok(Progress { bytes: 0, frames: true, short: false });
        }
        let Some(partial) = &mut self.partial else { return Ok(Progress::default()) };
        if partial.filled == partial.buffer.len() && !partial.grow(means) {
            partial.paused_at.get_or_insert(means.now);
            return Err(ReadEnd::Starved);
        }
        if let Some(since) = partial.paused_at.take() {
            partial.since += means.now.saturating_duration_since(since);
            partial.progress_at = means.now;
        }
        let room = partial.buffer.get_mut(partial.filled..).unwrap_or_default();
        let wanted = room.len();
        let bytes = read_some(socket, room)?;
        partial.filled += bytes;
        partial.progress_at = means.now;
        Ok(Progress { bytes, frames: self.finish(out), short: bytes < wanted })
    }

    /// Gives out the frame if it is complete.
    fn finish(&mut self, out: &mut impl FnMut(Frame)) -> bool {
        match self.partial.take() {
            Some(partial) if partial.filled == partial.len => {
                let is_in_lane = matches!(partial.hold, Hold::Lane(_));
                let bytes = match partial.hold {
                    Hold::Budget(charge) => charge.attach(partial.buffer),
                    Hold::Lane(permit) => permit.attach(partial.buffer),
                };
                out(Frame { bytes, is_in_lane });
                true
            }
            unfinished => {
                self.partial = unfinished;
                false
            }
        }
    }
}

#[derive(Default)]
struct Progress {
    bytes: usize,
    frames: bool,
    short: bool,
}

impl Partial {
    /// Takes bytes that were read already. There was room when they were read; should another thread have taken it since,
    /// the bound is passed by what one reactor reads at once.
    fn append(&mut self, bytes: &[u8], means: &Means) {
        let more = bytes.len();
        if let Hold::Budget(charge) = &mut self.hold
            && !charge.try_grow(more, self.len)
        {
            let sum = charge.bytes() + more;
            *charge = means.budget.charge(sum);
        }
        self.buffer.truncate(self.filled);
        self.buffer.reserve_exact(more);
        self.buffer.extend_from_slice(bytes);
        self.filled += more;
        self.progress_at = means.now;
    }

    /// Makes room for bytes to come; false when there is no memory.
    fn grow(&mut self, means: &Means) -> bool {
        if self.filled == 0 && self.len > HEAD_BYTES {
            self.buffer.resize(HEAD_BYTES, 0);
            return true;
        }
        let target = (self.filled * GROWTH_FACTOR).max(GROWTH_BYTES_MIN).min(self.len);
        let more = target - self.buffer.len();
        let oversize = self.len > means.budget.limit_bytes() / 8;
        let charged = match &mut self.hold {
            Hold::Lane(_) => true,
            Hold::Budget(charge) => !oversize && charge.try_grow((target + FRAME_OVERHEAD_BYTES).saturating_sub(charge.bytes()), self.len),
        };
        if !charged {
            // A Produce needs no more memory than its frame; with any other request the lane may have to wait for some.
            let is_produce = api_of(&self.buffer) == Some(ApiKey::Produce);
            let rescue = if is_produce { &means.rescue.produce } else { &means.rescue.others };
            match if oversize { means.oversize.try_enter() } else { rescue.try_enter() } {
                Some(permit) => self.hold = Hold::Lane(permit),
                None => return false,
            }
        }
        self.buffer.reserve_exact(more);
        self.buffer.resize(target, 0);
        true
    }
}

fn read_some(socket: &mut impl Read, into: &mut [u8]) -> Result<usize, ReadEnd> {
    loop {
        match socket.read(into) {
            Ok(0) => return Err(ReadEnd::Eof),
            Ok(bytes) => return Ok(bytes),
            Err(error) => match error.kind() {
                ErrorKind::Interrupted => {}
                ErrorKind::WouldBlock => return Err(ReadEnd::Drained),
                kind => return Err(ReadEnd::Failed(kind)),
            },
        }
    }
}

/// Which API a frame is for, by its first two bytes.
pub fn api_of(frame: &[u8]) -> Option<ApiKey> {
    frame.first_chunk().and_then(|key| ApiKey::from_i16(i16::from_be_bytes(*key)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::limits::REQUEST_BYTES_MAX;
    use std::collections::VecDeque;

    /// A socket that gives what is in it, at most `chunk` bytes at a time.
    struct Socket {
        bytes: VecDeque<u8>,
        chunk: usize,
    }

    impl Read for Socket {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            if self.bytes.is_empty() {
                return Err(ErrorKind::WouldBlock.into());
            }
            let count = into.len().min(self.chunk).min(self.bytes.len());
            for (to, from) in into.iter_mut().zip(self.bytes.drain(..count)) {
                *to = from;
            }
            Ok(count)
        }
    }

    struct World {
        scratch: Vec<u8>,
        budget: Budget,
        oversize: Lane,
        rescue: Rescue,
        now: Instant,
    }

    impl World {
        fn new(budget_bytes: usize) -> World {
            let budget = Budget::new(budget_bytes);
            World { scratch: vec![0; SCRATCH_BYTES], budget, oversize: Lane::default(), rescue: Rescue::default(), now: Instant::now() }
        }

        fn read(&mut self, reader: &mut FrameReader, bytes: &[u8], chunk: usize) -> (Vec<Bytes>, ReadEnd) {
            let mut socket = Socket { bytes: bytes.iter().copied().collect(), chunk };
            let mut frames = Vec::new();
            loop {
                let mut means = Means {
                    scratch: &mut self.scratch,
                    budget: &self.budget,
                    oversize: &self.oversize,
                    rescue: &self.rescue,
                    frame_bytes_max: REQUEST_BYTES_MAX,
                    now: self.now,
                };
                let end = reader.read(&mut socket, &mut means, usize::MAX, &mut |frame| frames.push(frame.bytes));
                if !matches!(end, ReadEnd::Paused | ReadEnd::Short) {
                    return (frames, end);
                }
            }
        }
    }

    fn framed(body: &[u8]) -> Vec<u8> {
        [&(body.len() as u32).to_be_bytes(), body].concat()
    }

    #[test]
    fn frames_come_whole_however_they_are_cut() {
        let bodies: [Vec<u8>; 5] = [vec![1; 10], vec![], vec![2; 5_000], vec![3; 200_000], vec![4; 3]];
        let stream: Vec<u8> = bodies.iter().flat_map(|body| framed(body)).collect();
        for chunk in [1, 3, 4, 1_000, usize::MAX] {
            let mut world = World::new(32 << 20);
            let (frames, end) = world.read(&mut FrameReader::default(), &stream, chunk);
            assert_eq!(end, ReadEnd::Drained);
            assert_eq!(frames, bodies, "in pieces of {chunk}");
            assert_eq!(world.budget.used_bytes(), 205_013 + 5 * FRAME_OVERHEAD_BYTES, "every byte is charged");
            drop(frames);
            assert_eq!(world.budget.used_bytes(), 0);
        }
    }

    #[test]
    fn a_promise_allocates_nothing() {
        let mut world = World::new(1 << 30);
        let mut reader = FrameReader::default();
        let claim = [&(REQUEST_BYTES_MAX as u32).to_be_bytes()[..], &[7; 100]].concat();
        assert_eq!(world.read(&mut reader, &claim, usize::MAX), (vec![], ReadEnd::Drained));
        assert!(world.budget.used_bytes() <= GROWTH_BYTES_MIN + FRAME_OVERHEAD_BYTES);
        assert!(reader.partial.unwrap().buffer.capacity() <= GROWTH_BYTES_MIN);
    }

    #[test]
    fn lengths_that_no_frame_has() {
        for length in [-1, i32::MIN, i32::MAX, REQUEST_BYTES_MAX as i32 + 1] {
            let (frames, end) = World::new(1 << 20).read(&mut FrameReader::default(), &length.to_be_bytes(), usize::MAX);
            assert_eq!((frames, end), (vec![], ReadEnd::BadLength(length)));
        }
    }

    #[test]
    fn at_the_bound_one_frame_at_a_time_goes_on_and_all_get_through() {
        let mut world = World::new(8 << 20);
        let body = vec![5; 900_000];
        let stream = framed(&body);
        // Ten frames of 0.9 MB are begun within 6 MB of shared budget; none of them fits any more when all have come half way.
        let mut readers: Vec<FrameReader> = (0..10).map(|_| FrameReader::default()).collect();
        let mut rest: Vec<&[u8]> = vec![&stream; 10];
        for _ in 0..10 {
            for (reader, rest) in readers.iter_mut().zip(&mut rest) {
                if world.budget.left_bytes() > 256 * 1024 {
                    let (now, later) = rest.split_at(rest.len().min(100_000));
                    world.read(reader, now, usize::MAX);
                    *rest = later;
                }
            }
        }
        assert!(world.budget.left_bytes() < 900_000);
        for (mut reader, rest) in readers.into_iter().zip(rest) {
            let (frames, _) = world.read(&mut reader, rest, usize::MAX);
            assert!(rest.is_empty() || frames == [body.as_slice()]);
            assert!(world.budget.used_bytes() <= world.budget.limit_bytes());
        }
    }

    #[test]
    fn an_oversize_frame_waits_for_its_lane_and_is_not_charged() {
        let mut world = World::new(4 << 20);
        let body = vec![6; 1 << 20];
        let held = world.oversize.try_enter().unwrap();
        let mut reader = FrameReader::default();
        let stream = framed(&body);
        let (_, end) = world.read(&mut reader, &stream, usize::MAX);
        assert_eq!(end, ReadEnd::Starved);
        let before = world.budget.used_bytes() - FRAME_OVERHEAD_BYTES;
        assert!(before <= SCRATCH_BYTES);
        drop(held);
        let (frames, _) = world.read(&mut reader, &stream[before + 4..], usize::MAX);
        assert_eq!(frames, [body]);
        assert_eq!(world.budget.used_bytes(), 0);
        assert!(world.oversize.try_enter().is_none(), "the lane is taken as long as the frame is there");
    }

    #[test]
    fn slow_is_what_the_peer_does_not_what_we_do() {
        let mut world = World::new(4 << 20);
        let mut reader = FrameReader::default();
        world.read(&mut reader, &framed(&[0; 500_000])[..50_000], usize::MAX);
        assert!(!reader.is_slow(world.now + Duration::from_millis(999)));
        assert!(reader.is_slow(world.now + Duration::from_secs(1)));
        // The budget is taken and so is the rescue lane: from here on it waits for us.
        let _all = world.budget.charge(4 << 20);
        let _lanes = (world.rescue.produce.try_enter(), world.rescue.others.try_enter());
        assert_eq!(world.read(&mut reader, &[0; 200_000], usize::MAX).1, ReadEnd::Starved);
        assert!(!reader.is_slow(world.now + Duration::from_secs(100)));
    }
}
