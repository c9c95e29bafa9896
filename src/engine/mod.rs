//! When things happen: decide, seal, release, refuse.
