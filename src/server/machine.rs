//! What the machine gives: files, memory, cores, randomness.

use crate::base::limits::{HTTP_CONNECTIONS_MAX, HTTP_IN_FLIGHT_MAX, MEMORY_BYTES_DEFAULT, MIB, REACTORS_MAX};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fs;
use std::hash::{BuildHasher, Hasher};

/// Files of the broker itself: the store, polls, wakers, listeners, the standard streams; with some to spare.
const OWN_FILES: usize = 64;
/// Files that one request has open between the guard and tiny_http.
const FILES_PER_HTTP_REQUEST: usize = 4;

/// How many connections each port may hold.
#[derive(Debug, PartialEq, Eq)]
pub struct Connections {
    /// Of Kafka clients.
    pub kafka: usize,
    /// Of HTTP clients.
    pub http: usize,
}

/// Raises the soft limit of open files to the hard one, and deals the files out, so that neither port can take what the other
/// or the store needs. `wanted` Kafka connections are given at most.
pub fn claim_files(wanted: usize) -> Connections {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_ok();
    let files = if raised { maximum } else { current };
    deal(files.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX)), wanted)
}

fn deal(files: usize, wanted: usize) -> Connections {
    let left = files.saturating_sub(OWN_FILES + FILES_PER_HTTP_REQUEST * HTTP_IN_FLIGHT_MAX);
    let http = (left / 8).clamp(1, HTTP_CONNECTIONS_MAX);
    Connections { kafka: left.saturating_sub(http).clamp(1, wanted), http }
}

/// The memory budget where nobody set one: a quarter of the machine, or of the control group, and no more than the usual.
pub fn memory_budget() -> usize {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| mem_total(&text));
    let group = fs::read_to_string("/proc/self/cgroup").ok().map(|text| group_limits(&text)).unwrap_or_default();
    let smallest = group.into_iter().chain(machine).min().unwrap_or(usize::MAX);
    (smallest / 4).clamp(MIB, MEMORY_BYTES_DEFAULT)
}

fn mem_total(meminfo: &str) -> Option<usize> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<usize>().ok()?.checked_mul(1024)
}

/// The limits of this process's control groups, both versions. In a container the path is often that of the host, and what
/// counts is mounted at the root; so both places are looked at.
fn group_limits(groups: &str) -> Vec<usize> {
    let files = groups.lines().flat_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default().trim_end_matches('/'));
        if controllers.is_empty() {
            vec![format!("/sys/fs/cgroup{path}/memory.max"), "/sys/fs/cgroup/memory.max".to_string()]
        } else if controllers.split(',').any(|name| name == "memory") {
            let file = "memory.limit_in_bytes";
            vec![format!("/sys/fs/cgroup/memory{path}/{file}"), format!("/sys/fs/cgroup/memory/{file}")]
        } else {
            Vec::new()
        }
    });
    files.filter_map(|file| fs::read_to_string(file).ok()?.trim().parse().ok()).collect()
}

/// One reactor for each core, up to [`REACTORS_MAX`].
pub fn reactors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(REACTORS_MAX)
}

/// A number that nobody else has, for ids: the standard library seeds its hash maps from the system.
pub fn seed() -> u64 {
    let mut hasher = std::hash::RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_dealt_out_so_that_both_ports_stay_open() {
        assert_eq!(deal(usize::MAX, 20_000), Connections { kafka: 20_000, http: HTTP_CONNECTIONS_MAX });
        assert_eq!(deal(256, 20_000), Connections { kafka: 140, http: 20 });
        assert_eq!(deal(256, 7), Connections { kafka: 7, http: 20 });
        assert_eq!(deal(10, 20_000), Connections { kafka: 1, http: 1 });
    }

    #[test]
    fn memory_is_read_from_what_the_system_says() {
        assert_eq!(mem_total("MemTotal:       24684544 kB\nMemFree: 1 kB\n"), Some(24_684_544 * 1024));
        assert!((MIB..=MEMORY_BYTES_DEFAULT).contains(&memory_budget()));
        assert_eq!(group_limits("12:cpu:/x\nnonsense\n"), Vec::<usize>::new());
        assert_ne!(seed(), seed());
    }
}
