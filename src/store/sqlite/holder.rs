//! The lock of a data directory, and who holds it. The holder notes itself in the lock file, so that whoever finds the lock taken can
//! tell a process that lives from one that is on its way out: after a kill -9 the system needs a moment to let its files go. Called by
//! `data_dir`; reads /proc, and where that tells nothing takes the holder for one that goes.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::process;
use std::thread;
use std::time::Duration;

/// How long a lock is waited for whose holder is going away. A process that was killed goes when its last system call is over, such
/// as the sync of a slow disk.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(10);
/// The bit of SIGKILL in the masks of /proc/PID/status, and of a task that is exiting in the flags of /proc/PID/stat (proc(5)).
const SIGKILL_BIT: u64 = 1 << 8;
const EXITING_BIT: u64 = 4;

/// Takes the lock, and waits for it as long as its holder may be on its way out.
pub(super) fn lock(file: &File) -> Result<(), TryLockError> {
    let mut pauses = PATIENCE.as_millis() / PAUSE.as_millis();
    lock_with(file, || {
        // Nobody ends it early.
        thread::park_timeout(PAUSE);
        pauses = pauses.saturating_sub(1);
        pauses > 0
    })
}

/// `pause` says whether to try once more.
fn lock_with(file: &File, mut pause: impl FnMut() -> bool) -> Result<(), TryLockError> {
    let mut lives = 0;
    loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {}
            taken_or_failed => return taken_or_failed,
        }
        lives = if noted(file).is_some_and(|(pid, born)| is_alive(pid, born)) { lives + 1 } else { 0 };
        // A signal that ends a process is, for an instant, neither pending any more nor to be seen otherwise: hence a second look.
        if lives > 1 || !pause() {
            return Err(TryLockError::WouldBlock);
        }
    }
}

/// This process, as it is noted behind what else stands in the lock file: its id, and when it began, in ticks since the system did.
pub(super) fn note() -> String {
    let pid = process::id();
    format!("{pid} {}", stat(pid).map_or(0, |stat| stat.born))
}

/// The id of the process that holds a lock, as far as it has noted it.
pub(super) fn pid(file: &File) -> Option<u32> {
    noted(file).map(|(pid, _)| pid)
}

/// What the holder has noted; `None` where it has not come so far, or has ended in order.
fn noted(file: &File) -> Option<(u32, u64)> {
    let text = read(file).ok()?;
    let mut words = text.split_whitespace().skip(2);
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}

/// The text of the lock file.
pub(super) fn read(file: &File) -> io::Result<String> {
    let mut bytes = [0; 128];
    let len = file.read_at(&mut bytes, 0)?;
    Ok(String::from_utf8_lossy(&bytes[..len]).into_owned())
}

/// Whether this process runs, and is not about to end.
fn is_alive(pid: u32, born: u64) -> bool {
    stat(pid).is_some_and(|stat| stat.born == born && !stat.is_exiting) && !is_killed(pid)
}

struct Stat {
    born: u64,
    is_exiting: bool,
}

fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in front may hold anything, parentheses and spaces too. Behind it come the fields from the third on.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    let is_gone = matches!(*fields.first()?, "Z" | "X");
    Some(Stat { born: number(22)?, is_exiting: is_gone || number(9)? & EXITING_BIT != 0 })
}

/// Whether a SIGKILL is on its way to it.
fn is_killed(pid: u32) -> bool {
    let Ok(text) = fs::read_to_string(format!("/proc/{pid}/status")) else { return true };
    let masks = text.lines().filter_map(|line| line.strip_prefix("SigPnd:").or(line.strip_prefix("ShdPnd:")));
    masks.filter_map(|mask| u64::from_str_radix(mask.trim(), 16).ok()).any(|mask| mask & SIGKILL_BIT != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::{Pid, WaitId, WaitIdOptions};
    use std::path::Path;
    use std::process::{Child, Command, Stdio};

    fn open(path: &Path) -> File {
        File::options().read(true).write(true).create(true).truncate(false).open(path).unwrap()
    }

    /// A lock that somebody holds, and what is noted in it.
    fn held(path: &Path, note: &str) -> File {
        let file = open(path);
        file.set_len(0).unwrap();
        file.write_all_at(note.as_bytes(), 0).unwrap();
        file.lock().unwrap();
        file
    }

    fn note_of(child: &Child) -> String {
        format!("1 2 {} {}", child.id(), stat(child.id()).unwrap().born)
    }

    /// Tries with at most this many pauses, letting go of the lock in the last of them; how many there were, and whether it was had.
    fn tried(path: &Path, holder: File, pauses_max: usize) -> (usize, bool) {
        let (mut pauses, mut holder) = (0, Some(holder));
        let locked = lock_with(&open(path), || {
            pauses += 1;
            if pauses == pauses_max {
                holder = None;
            }
            pauses <= pauses_max
        });
        (pauses, locked.is_ok())
    }

    #[test]
    fn a_lock_is_waited_for_where_its_holder_goes_and_only_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let note = note_of(&child);
        assert_eq!(tried(&path, held(&path, &note), 100), (1, false), "it lives");
        assert_eq!(tried(&path, held(&path, &format!("1 2 {}", super::note())), 100), (1, false), "so do we");
        let other = format!("1 2 {} 7", child.id());
        assert_eq!(tried(&path, held(&path, &other), 5), (5, true), "another process had this number");
        child.kill().unwrap();
        let pid = Pid::from_child(&child);
        rustix::process::waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT).unwrap();
        assert_eq!(tried(&path, held(&path, &note), 5), (5, true), "it was killed, and nobody has taken note of that");
        child.wait().unwrap();
        for note in [note.as_str(), "", "1 2", "1 2 x y", "\u{fffd}"] {
            assert_eq!(tried(&path, held(&path, note), 5), (5, true), "{note:?}");
        }
        let mut pauses = 0;
        let _holder = held(&path, "");
        let refused = lock_with(&open(&path), || {
            pauses += 1;
            pauses < 3
        });
        assert!(matches!(refused, Err(TryLockError::WouldBlock)) && pauses == 3, "not for ever");
    }
}
