//! Frames: an int32 length, then that many bytes.
//!
//! [`FrameDecoder`] cuts them out of a byte stream without doing any I/O: the caller reads from its socket straight into
//! the decoder's buffer, and a complete frame leaves it as [`Bytes`] that share this buffer.
//!
//! ```
//! use medallion_wire::frame::FrameDecoder;
//!
//! let mut decoder = FrameDecoder::new(1024);
//! decoder.buffer().extend_from_slice(b"\0\0\0\x05hel");
//! assert_eq!(decoder.next_frame()?, None);
//! assert_eq!(decoder.frame_bytes(), Some(5));
//! decoder.buffer().extend_from_slice(b"lo");
//! assert_eq!(decoder.next_frame()?.as_deref(), Some(&b"hello"[..]));
//! # Ok::<(), medallion_wire::frame::FrameError>(())
//! ```

use std::collections::VecDeque;

use bytes::{Buf, Bytes, BytesMut};
use thiserror::Error;

/// The length field's bytes.
const LENGTH_BYTES: usize = 4;

/// Room for a first read, in which most requests are complete.
const READ_BYTES: usize = 16 * 1024;

/// Less room than this is not worth a read, unless the frame needs no more.
const READ_BYTES_MIN: usize = 1024;

/// Room that a frame gets before more of it has come.
const FRAME_START_BYTES: usize = 64 * 1024;

/// Room that a frame gets at once at most, where the one before it was as large.
const ROOM_BEFOREHAND_MAX: usize = 256 * 1024;

/// How much room a frame gets, at most, for each byte that has come: few enough that a claimed length costs nothing, many
/// enough that a large frame is moved only a few times while its buffer grows.
const GROWTH: usize = 4;

/// How many buffers of large frames a decoder of a trusted peer watches, to use them again once their frames are gone.
const WATCHED_MAX: usize = 32;

/// How many of them may wait to be used again.
const SPARE_MAX: usize = 1;

/// A buffer is not used again for a frame of less than this part of it: the frame would hold all of it.
const USED_SHARE_MIN: usize = 2;

/// Cuts frames out of a byte stream.
#[derive(Debug)]
pub struct FrameDecoder {
    buf: BytesMut,
    frame_bytes_max: usize,
    /// The length of the frame that is being read, once its length field is there (and taken out of `buf`).
    frame_bytes: Option<usize>,
    /// The length of the frame before, with its length field: the next one is probably as large.
    frame_bytes_before: usize,
    /// How much of that is believed.
    room_beforehand_max: usize,
    /// What `buf` was made with.
    buf_bytes: usize,
    /// The buffers of large frames, the last one at the end, and what they were made with. They hold no memory that their frames do not
    /// hold as long as those live.
    watched: VecDeque<(BytesMut, usize)>,
    watched_max: usize,
}

impl FrameDecoder {
    /// A decoder of frames of at most `frame_bytes_max` bytes (`socket.request.max.bytes`).
    pub fn new(frame_bytes_max: usize) -> Self {
        Self {
            buf: BytesMut::new(),
            frame_bytes_max,
            frame_bytes: None,
            frame_bytes_before: 0,
            room_beforehand_max: ROOM_BEFOREHAND_MAX,
            buf_bytes: 0,
            watched: VecDeque::new(),
            watched_max: 0,
        }
    }

    /// The same for a peer that one has chosen, as a client has its broker: a frame gets as much room at once as the one before it,
    /// however large that was, and is not moved while it comes. Buffers of large frames are used again once their frames are dropped, until
    /// frames are small: an allocator that gets them back from other threads, each of another size, takes twice the memory.
    pub fn trusting(frame_bytes_max: usize) -> Self {
        Self { room_beforehand_max: frame_bytes_max, watched_max: WATCHED_MAX, ..Self::new(frame_bytes_max) }
    }

    /// The buffer to append received bytes to, with room for some.
    ///
    /// The room is limited: while a frame is being read it reaches to the frame's end at most, and is at most three times
    /// what has come of the frame (64 KiB at first). So a frame costs memory as it comes, not as it claims. What a peer has
    /// sent before, up to 256 KiB, it gets room for again at once, so that its frames are not moved from buffer to buffer.
    pub fn buffer(&mut self) -> &mut BytesMut {
        let beforehand = self.frame_bytes_before.min(self.room_beforehand_max);
        let capacity = match self.frame_bytes {
            None => READ_BYTES.max(beforehand),
            Some(frame) => {
                frame.min(self.buf.len().saturating_mul(GROWTH).max(FRAME_START_BYTES).max(beforehand))
            }
        };
        let missing = self.frame_bytes.map_or(READ_BYTES_MIN, |frame| frame.saturating_sub(self.buf.len()));
        let room = self.buf.capacity() - self.buf.len();
        // The rest of a buffer is not begun with where the frame will have to be moved out of it.
        let is_rest = self.watched_max > 0 && self.is_between_frames() && room < beforehand;
        // A full buffer is exchanged rather than grown in place, which would double it beyond the frame's end.
        if is_rest || room < missing.min(READ_BYTES_MIN) {
            let mut larger = self.unused(capacity).unwrap_or_else(|| BytesMut::with_capacity(capacity));
            let larger_bytes = larger.capacity();
            larger.extend_from_slice(&self.buf);
            self.watch();
            (self.buf, self.buf_bytes) = (larger, larger_bytes);
        }
        &mut self.buf
    }

    /// A buffer of at least so many bytes whose frames are gone. One more is kept, the others are given back.
    fn unused(&mut self, capacity: usize) -> Option<BytesMut> {
        let (mut found, mut spare) = (None, 0);
        let fits = capacity..=capacity.saturating_mul(USED_SHARE_MIN);
        for (mut one, bytes) in std::mem::take(&mut self.watched) {
            // All of it is to be had only when nobody else has a part.
            if !one.try_reclaim(bytes) {
                self.watched.push_back((one, bytes));
            } else if found.is_none() && fits.contains(&bytes) {
                found = Some(one);
            } else if spare < SPARE_MAX {
                spare += 1;
                self.watched.push_back((one, bytes));
            }
        }
        found
    }

    /// Takes the buffer away, keeping a hand on it where others hold its large frame.
    fn watch(&mut self) {
        let mut buffer = std::mem::take(&mut self.buf);
        if self.watched_max > 0 && self.frame_bytes_before >= FRAME_START_BYTES {
            if self.watched.len() == self.watched_max {
                self.watched.pop_front();
            }
            buffer.clear();
            self.watched.push_back((buffer, self.buf_bytes));
        }
    }

    /// The next complete frame, without its length; `None` until more bytes have come.
    ///
    /// # Errors
    ///
    /// For a length that is not positive or above the limit. The stream is useless then, and every later call fails alike.
    pub fn next_frame(&mut self) -> Result<Option<Bytes>, FrameError> {
        let Some(frame) = self.length()? else { return Ok(None) };
        if self.buf.len() < frame {
            return Ok(None);
        }
        self.frame_bytes = None;
        self.frame_bytes_before = LENGTH_BYTES + frame;
        if frame < FRAME_START_BYTES {
            self.forget();
        }
        Ok(Some(self.buf.split_to(frame).freeze()))
    }

    /// Reads the length field once it is there.
    fn length(&mut self) -> Result<Option<usize>, FrameError> {
        if self.frame_bytes.is_none() {
            let Some(bytes) = self.buf.first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
            let length = i32::from_be_bytes(*bytes);
            self.frame_bytes = match usize::try_from(length) {
                Ok(0) => return Err(FrameError::Empty),
                Ok(bytes) if bytes <= self.frame_bytes_max => Some(bytes),
                Ok(_) => return Err(FrameError::TooLarge { length, frame_bytes_max: self.frame_bytes_max }),
                Err(_) => return Err(FrameError::Negative { length }),
            };
            self.buf.advance(LENGTH_BYTES);
        }
        Ok(self.frame_bytes)
    }

    /// The length of the frame that is being read, once known: what to take from a memory budget before reading on. `None`
    /// between frames.
    pub fn frame_bytes(&self) -> Option<usize> {
        self.frame_bytes
    }

    /// What the buffer holds in memory, in bytes.
    pub fn capacity(&self) -> usize {
        self.buf.capacity()
    }

    /// Whether nothing of a next frame has come. If the stream ends otherwise, a frame was cut.
    pub fn is_between_frames(&self) -> bool {
        self.frame_bytes.is_none() && self.buf.is_empty()
    }

    /// Gives the buffer back if it is empty, so that an idle connection holds no memory; of a trusted peer's large frames, only once a
    /// small one has come, or by [`FrameDecoder::forget`].
    pub fn release(&mut self) {
        if self.buf.is_empty() {
            self.watch();
        }
    }

    /// Gives back the buffers that are kept to be used again.
    pub fn forget(&mut self) {
        self.watched.clear();
    }
}

/// A length that no frame may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FrameError {
    /// A length of zero.
    #[error("a frame of 0 bytes")]
    Empty,
    /// A length below zero.
    #[error("a frame of {length} bytes")]
    Negative {
        /// The length found.
        length: i32,
    },
    /// A length above the limit.
    #[error("a frame of {length} bytes, above the {frame_bytes_max} of socket.request.max.bytes")]
    TooLarge {
        /// The length found.
        length: i32,
        /// The limit.
        frame_bytes_max: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::BufMut;
    use proptest::prelude::*;

    fn stream(frames: &[Vec<u8>]) -> BytesMut {
        let mut stream = BytesMut::new();
        for frame in frames {
            stream.put_u32(u32::try_from(frame.len()).unwrap());
            stream.put_slice(frame);
        }
        stream
    }

    /// Feeds `stream` as a socket would: never more than the buffer has room for.
    fn decode(stream: &[u8], sizes: &[usize], frame_bytes_max: usize) -> Result<Vec<Bytes>, FrameError> {
        let mut decoder = FrameDecoder::new(frame_bytes_max);
        let (mut rest, mut frames) = (stream, Vec::new());
        let mut sizes = sizes.iter().cycle();
        while !rest.is_empty() {
            let buffer = decoder.buffer();
            let room = buffer.capacity() - buffer.len();
            assert!(room > 0, "the decoder offers no room");
            let (now, later) = rest.split_at(room.min(rest.len()).min(*sizes.next().unwrap()));
            buffer.extend_from_slice(now);
            rest = later;
            while let Some(frame) = decoder.next_frame()? {
                frames.push(frame);
            }
        }
        assert!(decoder.is_between_frames());
        Ok(frames)
    }

    proptest! {
        #[test]
        fn frames_come_out_as_they_went_in(
            frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..3000), 0..20),
            sizes in prop::collection::vec(1..5000_usize, 1..8),
        ) {
            prop_assert_eq!(decode(&stream(&frames), &sizes, 3000).unwrap(), frames);
        }
    }

    #[test]
    fn a_large_frame_comes_out_whole() {
        let frame: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        assert_eq!(
            decode(&stream(&[frame.clone(), vec![1]]), &[60_000], 4_000_000).unwrap(),
            [frame, vec![1]]
        );
    }

    #[test]
    fn wrong_lengths_are_named() {
        let error = |length: i32| {
            let mut decoder = FrameDecoder::new(100);
            decoder.buffer().put_i32(length);
            let error = decoder.next_frame().unwrap_err();
            assert_eq!(decoder.next_frame(), Err(error), "the error does not last");
            error
        };
        assert_eq!(error(0), FrameError::Empty);
        assert_eq!(error(-1), FrameError::Negative { length: -1 });
        assert_eq!(error(i32::MIN), FrameError::Negative { length: i32::MIN });
        assert_eq!(error(101), FrameError::TooLarge { length: 101, frame_bytes_max: 100 });
        assert_eq!(error(101).to_string(), "a frame of 101 bytes, above the 100 of socket.request.max.bytes");
    }

    #[test]
    fn memory_follows_what_has_come_not_what_is_claimed() {
        let mut decoder = FrameDecoder::new(200 << 20);
        decoder.buffer().put_i32(100 << 20);
        assert_eq!(decoder.next_frame(), Ok(None));
        assert_eq!(decoder.frame_bytes(), Some(100 << 20));
        let mut come = 0;
        while come < 10 << 20 {
            let room = {
                let buffer = decoder.buffer();
                buffer.capacity() - buffer.len()
            };
            assert!(
                decoder.capacity() <= FRAME_START_BYTES.max(come * GROWTH),
                "{} for {come}",
                decoder.capacity()
            );
            let now = room.min(100_000);
            decoder.buffer().put_bytes(7, now);
            come += now;
            assert_eq!(decoder.next_frame(), Ok(None));
        }
    }

    #[test]
    fn a_frame_as_large_as_the_one_before_is_never_moved() {
        let mut decoder = FrameDecoder::new(200 << 20);
        for (number, len) in [200_000, 200_000, 20_000, 300_000, 300_000].into_iter().enumerate() {
            let stream = stream(&[vec![7; len]]);
            let mut rest = &stream[..];
            let mut moves = Vec::new();
            while !rest.is_empty() {
                let buffer = decoder.buffer();
                let room = buffer.capacity() - buffer.len();
                moves.push(buffer.as_ptr());
                let (now, later) = rest.split_at(room.min(rest.len()).min(30_000));
                buffer.extend_from_slice(now);
                rest = later;
                if number < 3 {
                    assert!(buffer.capacity() <= ROOM_BEFOREHAND_MAX, "{number}");
                }
                assert_eq!(decoder.next_frame().unwrap().is_some(), rest.is_empty());
            }
            moves.dedup();
            // Behind the length field the buffer begins four bytes later.
            assert_eq!(moves.len() <= 2, matches!(number, 1 | 2), "frame {number}: {moves:?}");
            decoder.release();
        }
    }

    #[test]
    fn a_peer_that_is_trusted_gets_room_for_a_frame_like_the_last() {
        let frame = stream(&[vec![1; 2 << 20]]);
        let capacity_behind = |mut decoder: FrameDecoder| {
            for _ in 0..2 {
                let mut rest = &frame[..];
                while !rest.is_empty() {
                    let buffer = decoder.buffer();
                    let count = (buffer.capacity() - buffer.len()).min(rest.len());
                    buffer.put_slice(&rest[..count]);
                    rest = &rest[count..];
                    let _ = decoder.next_frame().unwrap();
                }
            }
            decoder.buffer().capacity()
        };
        assert!(capacity_behind(FrameDecoder::new(4 << 20)) <= ROOM_BEFOREHAND_MAX);
        assert!(capacity_behind(FrameDecoder::trusting(4 << 20)) >= 2 << 20);
    }

    #[test]
    fn buffers_of_large_frames_are_used_again_once_those_are_gone() {
        let mut decoder = FrameDecoder::trusting(4 << 20);
        let mut next = |len: usize| {
            let stream = stream(&[vec![1; len]]);
            let mut rest = &stream[..];
            loop {
                let buffer = decoder.buffer();
                let count = (buffer.capacity() - buffer.len()).min(rest.len());
                buffer.put_slice(&rest[..count]);
                rest = &rest[count..];
                if let Some(frame) = decoder.next_frame().unwrap() {
                    assert!(frame.len() == len && frame.iter().all(|byte| *byte == 1));
                    decoder.release();
                    return frame;
                }
            }
        };
        drop(next(1 << 20));
        let (first, second) = (next(1 << 20), next(1 << 20));
        let [first_at, second_at] = [&first, &second].map(|frame| frame.as_ptr());
        assert_ne!(first_at, second_at, "a frame that somebody holds stays as it is");
        drop(first);
        let third = next((1 << 20) - 50_000);
        assert_eq!(third.as_ptr(), first_at);
        // The third has left a rest of its buffer, which is not used apart from it, and does not keep it from being used again.
        drop(second);
        let others = [next((1 << 20) - 50_000), next((1 << 20) - 50_000)];
        let is_of_third = |at: *const u8| at.addr().wrapping_sub(first_at.addr()) < 1 << 20;
        assert!(others.iter().all(|frame| !is_of_third(frame.as_ptr())));
        drop(third);
        assert_eq!(next((1 << 20) - 50_000).as_ptr(), first_at);
        drop(next(50 << 10));
        assert_eq!((decoder.watched.len(), decoder.buf.len()), (0, 0), "small frames give all back");
    }

    #[test]
    fn an_idle_decoder_holds_no_memory() {
        let mut decoder = FrameDecoder::new(100);
        decoder.buffer().put_slice(b"\0\0\0\x01x");
        assert!(decoder.next_frame().unwrap().is_some());
        decoder.release();
        assert_eq!(decoder.capacity(), 0);
        decoder.buffer().put_slice(b"\0\0");
        decoder.release();
        assert!(!decoder.is_between_frames());
    }
}
