//! Why a broker did not start or did not end well, and the exit code that says so.

use crate::store::seam::StoreError;
use crate::store::sqlite::open_error::OpenError;
use std::fmt;

/// An end other than an orderly one. The message says what failed, on what, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Anything that has no code of its own.
    Other(String),
    /// What is asked for cannot be.
    Settings(String),
    /// The data directory is in use by another process.
    Locked(String),
    /// The address is in use.
    AddressInUse(String),
    /// The storage failed.
    Storage(String),
    /// The data was written by a newer version.
    NewerSchema(String),
    /// The data directory cannot be written, or is not ours.
    DataDir(String),
}

impl Failure {
    /// The exit code of the interface.
    pub fn exit_code(&self) -> u8 {
        match self {
            Failure::Other(_) => 1,
            Failure::Settings(_) => 2,
            Failure::Locked(_) => 3,
            Failure::AddressInUse(_) => 4,
            Failure::Storage(_) => 5,
            Failure::NewerSchema(_) => 6,
            Failure::DataDir(_) => 7,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Other(what)
            | Failure::Settings(what)
            | Failure::Locked(what)
            | Failure::AddressInUse(what)
            | Failure::Storage(what)
            | Failure::NewerSchema(what)
            | Failure::DataDir(what) => f.write_str(what),
        }
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Failure {
        match error {
            OpenError::Locked(what) => Failure::Locked(what),
            OpenError::Failed(what) => Failure::Storage(what),
            OpenError::Newer(what) => Failure::NewerSchema(what),
            OpenError::Unusable(what) => Failure::DataDir(what),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        Failure::Storage(error.to_string())
    }
}

/// For what the system refuses at start: threads, pipes, polls.
pub fn system(what: &str) -> impl Fn(std::io::Error) -> Failure {
    move |error| Failure::Other(format!("cannot make {what}: {error}"))
}
