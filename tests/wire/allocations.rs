//! A counting allocator for this test binary: how much memory a piece of code holds at its peak, per thread.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    // Constant and without a destructor, so that the allocator may touch them at any time.
    static HELD: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

fn count(added: usize, freed: usize) {
    // What another thread allocated may be freed here; it does not count.
    let held = HELD.get().saturating_add(added).saturating_sub(freed);
    HELD.set(held);
    PEAK.set(PEAK.get().max(held));
}

// The one way to see allocations; it only counts and passes on to the system's allocator.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(0, layout.size());
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size, layout.size());
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Runs `work` and tells how many bytes more than before were held at the worst moment.
pub fn peak_of<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = HELD.get();
    PEAK.set(before);
    let result = work();
    (result, PEAK.get().saturating_sub(before))
}

#[test]
fn the_peak_is_seen_and_not_the_sum() {
    let ((), peak) = peak_of(|| {
        for _ in 0..10 {
            std::hint::black_box(Vec::<u8>::with_capacity(1000));
        }
    });
    assert!((1000..2000).contains(&peak), "{peak}");
}
