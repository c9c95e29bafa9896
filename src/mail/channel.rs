//! A channel whose reader sleeps at once when there is nothing, and whose writers say when to wake it. A crossbeam channel
//! holds what is sent; its own `recv` spins and yields before it sleeps, which on few cores takes the time of the very thread
//! that is waited for. Used for the engine's mail and the storage thread's jobs.

use crossbeam_channel::{Receiver, Sender, TryRecvError, unbounded};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};
use std::time::Duration;

/// A channel without a bound of its own: what is sent is bounded by what it answers, and requests by `EngineSender::has_room`.
pub fn channel<T>() -> (Post<T>, Inbox<T>) {
    let (sender, receiver) = unbounded();
    let bell = Arc::new(Bell::default());
    (Post { sender: Some(sender), bell: bell.clone() }, Inbox { receiver, bell })
}

/// Where things are left.
#[derive(Debug)]
pub struct Post<T> {
    // `None` only while it is dropped.
    sender: Option<Sender<T>>,
    bell: Arc<Bell>,
}

/// Where they are found, by one thread.
#[derive(Debug)]
pub struct Inbox<T> {
    receiver: Receiver<T>,
    bell: Arc<Bell>,
}

/// Nothing is left and nobody can leave anything any more.
#[derive(Debug, PartialEq, Eq)]
pub struct Closed;

/// Wakes one thread that sleeps.
#[derive(Debug, Default)]
pub(super) struct Bell {
    asleep: AtomicBool,
    sleeper: OnceLock<Thread>,
}

impl<T> Post<T> {
    /// Leaves one thing and wakes the reader.
    pub fn send(&self, item: T) {
        self.post(item);
        self.bell.ring();
    }

    /// Leaves one of several things; [`Post::ring`] after the last. Who is woken may take the core of who is still writing.
    pub fn post(&self, item: T) {
        // Where the reader is gone nobody waits for an answer.
        let _ = self.sender.as_ref().map(|sender| sender.send(item));
    }

    /// Wakes the reader if it sleeps.
    pub fn ring(&self) {
        self.bell.ring();
    }

    /// How many things lie there.
    pub fn unread(&self) -> usize {
        self.sender.as_ref().map_or(0, Sender::len)
    }
}

impl<T> Clone for Post<T> {
    fn clone(&self) -> Post<T> {
        Post { sender: self.sender.clone(), bell: self.bell.clone() }
    }
}

impl<T> Drop for Post<T> {
    fn drop(&mut self) {
        // First gone, then told: the reader must find the channel closed when it looks.
        drop(self.sender.take());
        self.bell.ring();
    }
}

impl<T> Inbox<T> {
    /// The next thing. Sleeps until there is one, without a time-out for ever; `None`: that took too long, or it was woken for
    /// nothing, which a thread that has a deadline must expect (<https://doc.rust-lang.org/std/thread/fn.park.html>).
    pub fn recv(&self, timeout: Option<Duration>) -> Result<Option<T>, Closed> {
        loop {
            if let Some(item) = self.try_recv()? {
                return Ok(Some(item));
            }
            self.bell.sleeper.get_or_init(thread::current);
            self.bell.asleep.store(true, SeqCst);
            // Whoever left something before this did not ring.
            let found = self.try_recv();
            if let Ok(None) = found {
                timeout.map_or_else(thread::park, thread::park_timeout);
            }
            self.bell.asleep.store(false, SeqCst);
            match found {
                Ok(None) if timeout.is_some() => return self.try_recv(),
                Ok(None) => {}
                found => return found,
            }
        }
    }

    /// How many things lie there.
    pub fn unread(&self) -> usize {
        self.receiver.len()
    }

    /// Sleeps until there is something, or that took too long, or it was woken for nothing. `timeout` is asked once bells are
    /// heard: whoever changes it after that rings, and is not missed.
    pub fn wait(&self, timeout: impl FnOnce() -> Option<Duration>) {
        self.bell.sleep(timeout, || !self.receiver.is_empty());
    }

    /// The next thing, if it is there.
    pub fn try_recv(&self) -> Result<Option<T>, Closed> {
        match self.receiver.try_recv() {
            Ok(item) => Ok(Some(item)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(Closed),
        }
    }

    /// What is there now.
    pub fn try_iter(&self) -> impl Iterator<Item = T> {
        self.receiver.try_iter()
    }
}

impl Bell {
    /// Sleeps until it is rung, or that took too long, or for nothing; not at all if `is_there`, which is asked once bells are heard.
    /// For one thread, always the same.
    pub(super) fn sleep(&self, timeout: impl FnOnce() -> Option<Duration>, is_there: impl FnOnce() -> bool) {
        self.sleeper.get_or_init(thread::current);
        self.asleep.store(true, SeqCst);
        let timeout = timeout();
        // Whoever left something before this did not ring.
        if !is_there() {
            timeout.map_or_else(thread::park, thread::park_timeout);
        }
        self.asleep.store(false, SeqCst);
    }

    pub(super) fn ring(&self) {
        if self.asleep.load(SeqCst)
            && self.asleep.swap(false, SeqCst)
            && let Some(sleeper) = self.sleeper.get()
        {
            sleeper.unpark();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleeper_wakes_for_what_is_sent_and_for_the_end() {
        let (post, inbox) = channel();
        let reader = thread::spawn(move || {
            let mut seen = Vec::new();
            while let Ok(item) = inbox.recv(None) {
                seen.extend(item);
            }
            seen
        });
        let other = post.clone();
        for number in 0..1_000 {
            if number % 2 == 0 {
                post.send(number)
            } else {
                other.send(number)
            }
            if number % 100 == 0 {
                thread::yield_now();
            }
        }
        drop((post, other));
        assert_eq!(reader.join().unwrap(), Vec::from_iter(0..1_000));
    }

    #[test]
    fn who_waits_takes_nothing() {
        let (post, inbox) = channel();
        inbox.wait(|| Some(Duration::ZERO));
        let waiter = thread::spawn(move || {
            while inbox.unread() < 2 {
                inbox.wait(|| None);
            }
            inbox
        });
        post.send(1);
        post.send(2);
        let inbox = waiter.join().unwrap();
        inbox.wait(|| None);
        assert_eq!(inbox.try_iter().collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn a_bell_before_the_sleep_is_heard() {
        let (post, inbox) = channel::<()>();
        // Without it this would never end.
        inbox.wait(|| {
            post.ring();
            None
        });
        assert_eq!(inbox.unread(), 0);
    }

    #[test]
    fn what_is_posted_is_found_without_a_bell() {
        let (post, inbox) = channel();
        post.post(1);
        post.post(2);
        assert_eq!((post.unread(), inbox.recv(None)), (2, Ok(Some(1))));
        assert_eq!(inbox.try_iter().collect::<Vec<_>>(), [2]);
        assert_eq!(inbox.recv(Some(Duration::ZERO)), Ok(None));
        drop(post);
        assert_eq!(inbox.recv(None), Err(Closed));
    }
}
