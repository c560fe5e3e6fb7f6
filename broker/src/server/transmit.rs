//! Sends replies: bytes by `send`, ranges of files by `sendfile`, so that fetched records never enter this process.

use std::io::{self, IoSliceMut};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use rustix::io::ReadWriteFlags;
use rustix::net::SendFlags;
use tokio::io::Interest;
use tokio::net::TcpStream;

use super::reply::{Chunk, FileRange};

/// How much of a file is given to one `sendfile` call.
const SENDFILE_BYTES_MAX: usize = 1 << 20;
/// What was in the page cache this long ago may have been evicted.
const CACHED_FOR: Duration = Duration::from_secs(1);
/// How much of a file is read at once where there is no descriptor to send from.
const COPY_BYTES: usize = 64 << 10;

/// Sends all chunks in order.
///
/// # Errors
/// What the socket says; `TimedOut` when the peer takes nothing for `stall_max`; `UnexpectedEof` when a file is
/// shorter than its range.
pub(crate) async fn send_chunks(
    stream: &Arc<TcpStream>,
    chunks: Vec<Chunk>,
    stall_max: Duration,
) -> io::Result<()> {
    let mut rest = chunks.into_iter().peekable();
    while let Some(chunk) = rest.next() {
        match chunk {
            Chunk::Bytes(bytes) => {
                let more = rest.peek().is_some();
                send_bytes(stream, bytes, more, stall_max).await?;
            }
            Chunk::File(range) => send_file(stream, range, stall_max).await?,
        }
    }
    Ok(())
}

async fn writable(stream: &TcpStream, stall_max: Duration) -> io::Result<()> {
    match tokio::time::timeout(stall_max, stream.writable()).await {
        Ok(outcome) => outcome,
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the peer does not take its response")),
    }
}

async fn send_bytes(stream: &TcpStream, mut bytes: Bytes, more: bool, stall_max: Duration) -> io::Result<()> {
    let flags = if more { SendFlags::NOSIGNAL | SendFlags::MORE } else { SendFlags::NOSIGNAL };
    while bytes.has_remaining() {
        let sent = stream.try_io(Interest::WRITABLE, || Ok(rustix::net::send(stream, &bytes, flags)?));
        match sent {
            Ok(sent) => bytes.advance(sent),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => writable(stream, stall_max).await?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn send_file(stream: &Arc<TcpStream>, mut range: FileRange, stall_max: Duration) -> io::Result<()> {
    if range.file.descriptor().is_none() {
        return copy_file(stream, range, stall_max).await;
    }
    let mut cached_len = 0;
    while range.len > 0 {
        if cached_len == 0 && is_cached(&range) {
            cached_len = range.len.min(SENDFILE_BYTES_MAX);
        }
        let outcome = if cached_len > 0 {
            let sent = sendfile_once(stream, &mut range, cached_len);
            sent.map(|sent| cached_len -= sent)
        } else {
            let (stream, mut moved) = (Arc::clone(stream), range.clone());
            let (moved, outcome) = tokio::task::spawn_blocking(move || {
                let outcome = sendfile_until_blocked(&stream, &mut moved);
                (moved, outcome)
            })
            .await
            .map_err(io::Error::other)?;
            range = moved;
            outcome
        };
        match outcome {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let began = Instant::now();
                writable(stream, stall_max).await?;
                if began.elapsed() > CACHED_FOR {
                    cached_len = 0;
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Whether the next `sendfile` will probably not wait for the disk: both ends of what it sends are in the page cache.
fn is_cached(range: &FileRange) -> bool {
    let Some(descriptor) = range.file.descriptor() else { return false };
    let last = u64::try_from(range.len.min(SENDFILE_BYTES_MAX) - 1).unwrap_or(0);
    [range.position, range.position + last].into_iter().all(|position| {
        let mut byte = [0_u8; 1];
        let buffers = &mut [IoSliceMut::new(&mut byte)];
        matches!(rustix::io::preadv2(descriptor, buffers, position, ReadWriteFlags::NOWAIT), Ok(1))
    })
}

fn sendfile_until_blocked(stream: &TcpStream, range: &mut FileRange) -> io::Result<()> {
    while range.len > 0 {
        sendfile_once(stream, range, SENDFILE_BYTES_MAX)?;
    }
    Ok(())
}

/// Sends at most `len_max` bytes and returns how many went.
fn sendfile_once(stream: &TcpStream, range: &mut FileRange, len_max: usize) -> io::Result<usize> {
    let sent = stream.try_io(Interest::WRITABLE, || {
        let descriptor =
            range.file.descriptor().ok_or_else(|| io::Error::other("the file has no descriptor"))?;
        let mut position = range.position;
        let wanted = range.len.min(len_max);
        Ok(rustix::fs::sendfile(stream, descriptor, Some(&mut position), wanted)?)
    })?;
    if sent == 0 {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a segment is shorter than its index says"));
    }
    range.position += u64::try_from(sent).unwrap_or(0);
    range.len -= sent;
    Ok(sent)
}

async fn copy_file(stream: &TcpStream, mut range: FileRange, stall_max: Duration) -> io::Result<()> {
    while range.len > 0 {
        let mut buffer = vec![0; range.len.min(COPY_BYTES)];
        let read = range.file.read_at(&mut buffer, range.position)?;
        if read == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "a segment is shorter than its index says",
            ));
        }
        buffer.truncate(read);
        range.position += u64::try_from(read).unwrap_or(0);
        range.len -= read;
        send_bytes(stream, Bytes::from(buffer), range.len > 0, stall_max).await?;
    }
    Ok(())
}
