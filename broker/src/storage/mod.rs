//! The directories of `log.dirs`: formatting, opening, locking, and what lies in them.
