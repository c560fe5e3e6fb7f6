//! Classic groups by scenario, and one driven by chance.

mod commits;
mod joining;
mod leaving;
mod loading;
mod migration;
mod random;
mod rig;
mod rollback;
mod shown;
mod static_members;
mod syncing;
mod timeouts;
