//! The broker as a whole: what is started in which order, and stopped in which.
//!
//! Start: directories are locked and opened, the controller loads its log, the listeners open, the broker registers,
//! logs open in the background. Stop: listeners close, requests in flight are answered, logs are closed, the
//! clean-shutdown mark is written, the controller stops.
