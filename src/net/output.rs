//! What waits to be written to one socket: shared pieces, sent with vectored writes, never copied. Called by `conn`.

use crate::base::budget::{Budget, Charge};
use bytes::{Buf, Bytes};
use std::collections::VecDeque;
use std::io::{ErrorKind, IoSlice, Write};

/// Pieces handed to the system in one call; Linux takes 1024, the stack should not.
const SLICES_MAX: usize = 128;
/// A queue that once was longer gives its memory back when it is empty: idle connections hold no buffer.
const QUEUE_KEPT: usize = 16;

/// The output of one connection.
#[derive(Default)]
pub struct Output {
    pieces: VecDeque<(Bytes, Option<Charge>)>,
    /// What of it nobody pays for yet, in bytes. Most of it is written at once.
    unpaid_bytes: usize,
    /// What pays for the rest of that, once the socket took no more.
    charge: Option<Charge>,
    /// Bytes written since it was last empty.
    written: u64,
}

/// What writing came to.
#[derive(Debug, PartialEq, Eq)]
pub enum WriteEnd {
    /// Everything is written.
    Done,
    /// The socket takes no more at present. Whether anything was written.
    Blocked(bool),
    /// The socket failed.
    Failed(ErrorKind),
}

impl Output {
    /// Appends an answer, and what pays for it until all of it is written. Without that, `fresh_bytes` of it are held by nobody else.
    pub fn push(&mut self, pieces: Vec<Bytes>, fresh_bytes: usize, mut charge: Option<Charge>) {
        if charge.is_none() {
            self.unpaid_bytes += fresh_bytes;
        }
        let last = pieces.len().saturating_sub(1);
        for (at, piece) in pieces.into_iter().enumerate().filter(|(_, piece)| !piece.is_empty()) {
            self.pieces.push_back((piece, if at == last { charge.take() } else { None }));
        }
    }

    /// Bytes written since it was last empty.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Whether everything is written.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Writes as much as the socket takes; what stays here is charged.
    pub fn write(&mut self, socket: &mut impl Write, budget: &Budget) -> WriteEnd {
        let mut wrote = false;
        while !self.pieces.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let count = slices.iter_mut().zip(&self.pieces).map(|(slice, (piece, _))| *slice = IoSlice::new(piece)).count();
            match socket.write_vectored(slices.get(..count).unwrap_or_default()) {
                Ok(0) => return WriteEnd::Failed(ErrorKind::WriteZero),
                Ok(bytes) => {
                    wrote = true;
                    self.written += bytes as u64;
                    self.advance(bytes);
                }
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::WouldBlock => {
                        self.pay(budget);
                        return WriteEnd::Blocked(wrote);
                    }
                    kind => return WriteEnd::Failed(kind),
                },
            }
        }
        if self.pieces.capacity() > QUEUE_KEPT {
            self.pieces = VecDeque::new();
        }
        (self.unpaid_bytes, self.charge, self.written) = (0, None, 0);
        WriteEnd::Done
    }

    fn pay(&mut self, budget: &Budget) {
        let bytes = std::mem::take(&mut self.unpaid_bytes);
        match &mut self.charge {
            Some(charge) => charge.resize(charge.bytes() + bytes),
            None if bytes > 0 => self.charge = Some(budget.charge(bytes)),
            None => {}
        }
    }

    fn advance(&mut self, mut bytes: usize) {
        while let Some((piece, _)) = self.pieces.front_mut() {
            if bytes < piece.len() {
                piece.advance(bytes);
                return;
            }
            bytes -= piece.len();
            self.pieces.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes at most `room` bytes a call, and blocks after every second call.
    struct Narrow {
        taken: Vec<u8>,
        room: usize,
        calls: usize,
    }

    impl Write for Narrow {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.calls += 1;
            if self.calls.is_multiple_of(3) {
                return Err(ErrorKind::WouldBlock.into());
            }
            let count = bytes.len().min(self.room);
            self.taken.extend_from_slice(&bytes[..count]);
            Ok(count)
        }
        fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> std::io::Result<usize> {
            let all: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
            self.write(&all)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn partial_writes_lose_and_repeat_nothing() {
        for room in [1, 2, 7, 1_000] {
            let mut output = Output::default();
            let mut expected = Vec::new();
            for i in 0..300_usize {
                let piece = vec![i as u8; i % 5];
                expected.extend_from_slice(&piece);
                output.push(vec![Bytes::from(piece)], 0, None);
            }
            let mut socket = Narrow { taken: Vec::new(), room, calls: 0 };
            while output.write(&mut socket, &Budget::new(0)) != WriteEnd::Done {}
            assert_eq!(socket.taken, expected);
            assert_eq!(output.pieces.capacity(), 0, "an idle connection holds no buffer");
        }
    }

    #[test]
    fn what_the_socket_does_not_take_is_charged_until_it_does() {
        let budget = Budget::new(1_000_000);
        let mut output = Output::default();
        let answer = |size: usize| vec![Bytes::from(vec![0; size])];
        output.push(answer(30), 30, None);
        output.push(answer(500), 500, Some(budget.charge(500)));
        let mut socket = Narrow { taken: Vec::new(), room: 40, calls: 0 };
        assert_eq!(output.write(&mut socket, &budget), WriteEnd::Blocked(true));
        assert_eq!((budget.used_bytes(), output.written()), (530, 80));
        output.push(answer(7), 7, None);
        output.write(&mut socket, &budget);
        assert_eq!(budget.used_bytes(), 537, "what came later is charged as well");
        while output.write(&mut socket, &budget) != WriteEnd::Done {}
        assert_eq!((budget.used_bytes(), output.written()), (0, 0));
        output.push(answer(30), 30, None);
        assert_eq!(output.write(&mut Narrow { taken: Vec::new(), room: 40, calls: 0 }, &budget), WriteEnd::Done);
    }
}
