//! What all HTTP threads share: how the broker is, the token, the share of memory, and the two lanes for what is large. Made by
//! `server`.

use super::copied::{Copier, NoCopy};
use super::health::Health;
use super::queue::Queue;
use super::reply::Reply;
use super::share::Share;
use super::waiting::Waiting;
use crate::base::limits::{BATCH_BYTES_MAX_DEFAULT, HTTP_PAGE_BYTES_MAX};
use crate::wire::error_code::ErrorCode;
use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Shared by all HTTP threads.
pub struct Site {
    /// What the health routes say.
    pub health: Arc<Health>,
    /// What a topic gets that is made by a write (`topics.default_partitions`).
    pub default_partitions: i32,
    /// Makes a copy of everything.
    pub copier: Copier,
    /// Who waits for one, as the guard sees it.
    pub waiting: Waiting,
    /// What there is, is listed for one request at a time.
    pub looking: Queue,
    /// The memory of this side.
    pub share: Share,
    /// Names under which pages of this broker are known, beside those that are nobody else's.
    pub names: Vec<String>,
    token: Option<String>,
    started: Instant,
    turns: AtomicU32,
    reading: Mutex<()>,
    writing: Mutex<()>,
}

impl Site {
    /// A site that asks for `token`, if there is one.
    pub fn new(health: Arc<Health>, share: Share, token: Option<String>, default_partitions: i32) -> Site {
        let (reading, writing, waiting, looking) = Default::default();
        let copier: Copier = Box::new(|_| Err(NoCopy::NothingOnDisk));
        Site {
            health,
            default_partitions,
            copier,
            waiting,
            looking,
            share,
            names: Vec::new(),
            token,
            started: Instant::now(),
            turns: AtomicU32::new(0),
            reading,
            writing,
        }
    }

    /// Whether this `Authorization` header lets somebody in.
    pub fn admits(&self, authorization: Option<&str>) -> bool {
        let Some(token) = &self.token else { return true };
        let given = authorization.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        given.is_some_and(|(_, given)| is_same(given.trim().as_bytes(), token.as_bytes()))
    }

    /// Whether only those are let in who have a token.
    pub fn asks_for_token(&self) -> bool {
        self.token.is_some()
    }

    /// How long the broker has been up.
    pub fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    /// Another number each time: where messages without a key go.
    pub fn turn(&self) -> u32 {
        self.turns.fetch_add(1, Relaxed)
    }

    /// The lane in which what is large is put together to be read, one at a time. Never held while waiting for anybody.
    pub fn reading(&self) -> MutexGuard<'_, ()> {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lane of large bodies, one at a time.
    pub fn writing(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes of JSON after which a page of messages ends.
    pub fn page_bytes_max(&self) -> usize {
        (self.share.limit_bytes() / 2).min(HTTP_PAGE_BYTES_MAX)
    }

    /// Records larger than this are shown by their size.
    pub fn record_bytes_max(&self) -> usize {
        self.page_bytes_max().max(usize::try_from(BATCH_BYTES_MAX_DEFAULT).unwrap_or_default())
    }
}

/// There is no memory for an answer.
pub fn no_memory() -> Reply {
    Reply::kafka(ErrorCode::THROTTLING_QUOTA_EXCEEDED, "no memory is left for the answer")
}

/// Compares without telling by the time it takes where the two differ; how long the secret is may be told.
fn is_same(given: &[u8], secret: &[u8]) -> bool {
    let difference = given.iter().zip(secret).fold(0, |difference, (one, other)| black_box(difference | (one ^ other)));
    given.len() == secret.len() && difference == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::budget::Budget;

    fn site(token: Option<&str>) -> Site {
        Site::new(Arc::default(), Share::of(Budget::new(32 << 20)), token.map(str::to_owned), 1)
    }

    #[test]
    fn only_the_token_lets_in() {
        assert!(site(None).admits(None) && site(None).admits(Some("Bearer x")));
        let site = site(Some("s3cret"));
        assert!(site.admits(Some("Bearer s3cret")) && site.admits(Some("bearer  s3cret ")));
        for other in
            [None, Some("s3cret"), Some("Bearer"), Some("Bearer "), Some("Bearer s3cre"), Some("Bearer s3crets"), Some("Basic s3cret")]
        {
            assert!(!site.admits(other), "{other:?}");
        }
    }

    #[test]
    fn a_page_takes_half_of_the_share_at_most() {
        assert_eq!(site(None).page_bytes_max(), 4 << 20);
        let site = Site::new(Arc::default(), Share::of(Budget::new(8 << 20)), None, 1);
        assert_eq!(site.page_bytes_max(), 2 << 20);
    }
}
