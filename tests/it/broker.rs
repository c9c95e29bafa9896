//! The real binary as a child process: started on free ports, its lines kept, signalled, killed. Used by `tests/it` and
//! `tests/crash`.

use crossbeam_channel::{Receiver, RecvTimeoutError, unbounded};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// How long anything that must happen may take before the test gives up: it bounds a hang, it measures nothing.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A broker that listens. Dropping it kills the process.
pub struct Broker {
    /// Where Kafka clients connect.
    pub kafka: SocketAddr,
    /// Where HTTP is served; unspecified where it is not.
    pub http: SocketAddr,
    process: Process,
}

/// A process that has ended.
#[derive(Debug)]
pub struct Ended {
    /// How.
    pub status: ExitStatus,
    /// All that it wrote to stdout.
    pub stdout: String,
    /// All that it wrote to stderr.
    pub stderr: String,
}

struct Process {
    pid: Pid,
    lines: Receiver<String>,
    stdout: String,
    stderr: Arc<Mutex<String>>,
    ended: Receiver<ExitStatus>,
    is_over: bool,
}

/// The binary with these arguments, and none of the settings that the environment of the tests may hold.
pub fn monolog(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_monolog"));
    command.args(args);
    clean(command)
}

/// `monolog serve` on free ports of this machine.
pub fn serve(data_dir: &Path, more: &[&str]) -> Command {
    let mut command = monolog(&["serve", "-kafka-addr", "127.0.0.1:0", "-http-addr", "127.0.0.1:0", "-data-dir"]);
    command.arg(data_dir).args(more);
    command
}

/// Takes the settings of the broker out of a command's environment.
pub fn clean(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("MONOLOG_")) {
        command.env_remove(name);
    }
    command
}

/// Runs a command that ends by itself.
pub fn run(command: Command) -> Ended {
    Process::spawn(command).end()
}

impl Broker {
    /// Starts a command that serves, and waits until it says where. The error is a process that ended instead.
    pub fn start(command: Command) -> Result<Broker, Ended> {
        let mut process = Process::spawn(command);
        let (mut kafka, mut http) = (None, None);
        while kafka.is_none() || http.is_none() {
            let Some(line) = process.next_line() else { return Err(process.end()) };
            let address = |prefix| line.strip_prefix(prefix).and_then(|rest: &str| rest.trim().parse::<SocketAddr>().ok());
            kafka = kafka.or(address("Kafka server listening on "));
            http = http.or(address("HTTP server listening on "));
            if line == "HTTP server off" {
                http = Some(SocketAddr::from(([0, 0, 0, 0], 0)));
            }
        }
        Ok(Broker { kafka: kafka.unwrap(), http: http.unwrap(), process })
    }

    /// Its process id.
    pub fn pid(&self) -> i32 {
        self.process.pid.as_raw_nonzero().get()
    }

    /// Its greatest resident memory so far, in bytes.
    pub fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1_024
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.process.pid, signal).expect("the broker still runs");
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.process.stderr.lock().unwrap().clone()
    }

    /// Waits until it ends by itself.
    pub fn end(self) -> Ended {
        self.process.end()
    }

    /// Asks it to stop, and waits until it has.
    pub fn stop(self) -> Ended {
        self.signal(Signal::TERM);
        self.end()
    }

    /// Kills it at once.
    pub fn kill(self) -> Ended {
        self.signal(Signal::KILL);
        self.end()
    }
}

impl Process {
    fn spawn(mut command: Command) -> Process {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        let pid = Pid::from_child(&child);
        let (say, lines) = unbounded();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| say.send(line)));
        let stderr = Arc::new(Mutex::new(String::new()));
        let reader = thread::spawn({
            let (stderr, mut pipe) = (stderr.clone(), child.stderr.take().unwrap());
            move || keep(&mut pipe, &stderr)
        });
        let (tell, ended) = unbounded();
        thread::spawn(move || {
            let status = wait(&mut child);
            // All that was logged is there before anyone learns of the end.
            let _ = reader.join();
            let _ = tell.send(status);
        });
        Process { pid, lines, stdout: String::new(), stderr, ended, is_over: false }
    }

    /// The next line of stdout; `None` when there will be none.
    fn next_line(&mut self) -> Option<String> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => {
                self.stdout.push_str(&line);
                self.stdout.push('\n');
                Some(line)
            }
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("nothing is said; the log: {}", self.stderr.lock().unwrap()),
        }
    }

    fn end(mut self) -> Ended {
        let status = self.ended.recv_timeout(PATIENCE);
        let stderr = self.stderr.lock().unwrap().clone();
        let status = status.unwrap_or_else(|_| panic!("the process does not end; the log: {stderr}"));
        self.is_over = true;
        while self.next_line().is_some() {}
        Ended { status, stdout: std::mem::take(&mut self.stdout), stderr }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.is_over && self.ended.try_recv().is_err() {
            let _ = kill_process(self.pid, Signal::KILL);
        }
    }
}

fn wait(child: &mut Child) -> ExitStatus {
    child.wait().expect("a child can be waited for")
}

fn keep(pipe: &mut impl Read, into: &Mutex<String>) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = pipe.read(&mut buffer) {
        into.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..count]));
    }
}
