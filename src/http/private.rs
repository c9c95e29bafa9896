//! The private Unix socket between the guard and tiny_http: in a directory that only this user can enter.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

/// A bound socket; its file is removed when this is dropped.
pub struct PrivateSocket {
    /// Where to connect.
    pub path: PathBuf,
    directory: Option<PathBuf>,
}

/// Binds in the data directory, which is private; where that cannot hold a socket (a long path, a file system without them),
/// and where there is none, in a directory of its own among the temporary files.
pub fn bind(data_dir: Option<&Path>) -> io::Result<(PrivateSocket, UnixListener)> {
    if let Some(path) = data_dir.map(|dir| dir.join("http.sock")) {
        // The lock on the data directory is ours: a file of this name was left by a process that was killed.
        let _ = fs::remove_file(&path);
        if let Ok(listener) = UnixListener::bind(&path) {
            return Ok((PrivateSocket { path, directory: None }, listener));
        }
    }
    let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
    for attempt in 0..1_000 {
        let directory = std::env::temp_dir().join(format!("monolog-{}-{attempt}", std::process::id()));
        match fs::DirBuilder::new().mode(0o700).create(&directory) {
            Ok(()) => {
                let socket = PrivateSocket { path: directory.join("http.sock"), directory: Some(directory) };
                return UnixListener::bind(&socket.path).map(|listener| (socket, listener));
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

impl Drop for PrivateSocket {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
        if let Some(directory) = &self.directory {
            let _ = fs::remove_dir(directory);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn nothing_is_left_behind_and_nobody_else_gets_in() {
        let (socket, _listener) = bind(None).unwrap();
        let directory = socket.path.parent().unwrap().to_path_buf();
        assert_eq!(fs::metadata(&directory).unwrap().permissions().mode() & 0o777, 0o700);
        drop(socket);
        assert!(!directory.exists());
    }

    #[test]
    fn a_path_too_long_for_a_socket_goes_elsewhere() {
        let directory = tempfile::tempdir().unwrap();
        let long = directory.path().join("x".repeat(120));
        fs::create_dir_all(&long).unwrap();
        let (socket, _listener) = bind(Some(&long)).unwrap();
        assert!(!socket.path.starts_with(&long));
    }
}
