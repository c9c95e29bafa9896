//! Short time slices for the threads that a request passes through. Each of them works for some ten microseconds and then sleeps, and
//! whoever waits for an answer waits for all of them; where processors are busy with others, Linux puts a thread that wakes behind those
//! whose slices end earlier (<https://docs.kernel.org/scheduler/sched-eevdf.html>). A shorter slice gives it no larger share, it gets it
//! sooner. Since Linux 6.12; elsewhere nothing changes. Called by `start`.
#![cfg_attr(target_os = "linux", allow(unsafe_code))]

/// The shortest that Linux takes.
#[cfg(target_os = "linux")]
const SLICE_NS: u64 = 100_000;

/// Shortens the slices of the calling thread. Where the system refuses, or somebody gave it another kind of scheduling, they stay as they are.
#[cfg(target_os = "linux")]
pub(super) fn shorten() {
    if let Some(attributes) = attributes().filter(|attributes| attributes.sched_policy == libc::SCHED_OTHER as u32) {
        // Threads that it starts are not meant.
        let sched_flags = attributes.sched_flags | libc::SCHED_FLAG_RESET_ON_FORK as u64;
        let attributes = libc::sched_attr { sched_runtime: SLICE_NS, sched_flags, ..attributes };
        // SAFETY: it reads as many bytes as the structure says that it has; 0 is the calling thread.
        unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
    }
}

/// How the calling thread is scheduled.
#[cfg(target_os = "linux")]
fn attributes() -> Option<libc::sched_attr> {
    let size = size_of::<libc::sched_attr>() as u32;
    let mut attributes = libc::sched_attr {
        size,
        sched_policy: 0,
        sched_flags: 0,
        sched_nice: 0,
        sched_priority: 0,
        sched_runtime: 0,
        sched_deadline: 0,
        sched_period: 0,
    };
    // SAFETY: it writes as many bytes as it is told that there are; 0 is the calling thread.
    (unsafe { libc::syscall(libc::SYS_sched_getattr, 0, &raw mut attributes, size, 0) } == 0).then_some(attributes)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn shorten() {}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn slices_become_short_and_nothing_else_changes() {
        let told = || attributes().expect("Linux tells");
        let (before, after, child) = std::thread::spawn(move || {
            let before = told();
            shorten();
            (before, told(), std::thread::spawn(told).join().unwrap())
        })
        .join()
        .unwrap();
        // Before 6.12 Linux tells no slice, and keeps none.
        assert!([SLICE_NS, 0].contains(&after.sched_runtime));
        assert_eq!(before.sched_runtime == 0, after.sched_runtime == 0);
        assert_eq!((child.sched_runtime, child.sched_flags), (before.sched_runtime, before.sched_flags));
        let rest = |of: libc::sched_attr| (of.sched_policy, of.sched_nice, of.sched_priority);
        assert_eq!(rest(before), rest(after));
    }
}
