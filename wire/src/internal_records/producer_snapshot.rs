//! The file that holds a partition's producers, `<offset>.snapshot`.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::codec::Reader;
use super::{DecodeError, EncodeError, ProducerSnapshot};

/// The only version of the file.
const VERSION: i16 = 1;

/// Where the bytes start that the checksum covers: behind the version (int16) and the checksum (uint32).
const CHECKED_FROM: usize = 6;

impl ProducerSnapshot {
    /// Reads a whole snapshot file: version, CRC-32C of what follows, entries.
    ///
    /// # Errors
    ///
    /// For another version than 1, a wrong checksum, and bytes that are no snapshot.
    pub fn decode_file(file: &Bytes) -> Result<Self, DecodeError> {
        let version = Reader::new(file).int16("ProducerSnapshot.Version")?;
        let mut body = file.slice(2..);
        let snapshot = Self::decode(version, &mut body)?;
        let computed = crc32c::crc32c(&file[CHECKED_FROM..]);
        if computed != snapshot.crc {
            return Err(DecodeError::Checksum { record: Self::NAME, found: snapshot.crc, computed });
        }
        match body.remaining() {
            0 => Ok(snapshot),
            left => Err(DecodeError::TrailingBytes { record: Self::NAME, left }),
        }
    }

    /// The whole file for the entries; the field `crc` is not looked at.
    ///
    /// # Errors
    ///
    /// For more entries than the format can hold.
    pub fn encode_file(&self) -> Result<Bytes, EncodeError> {
        let mut file = BytesMut::new();
        file.put_i16(VERSION);
        self.encode(VERSION, &mut file)?;
        let crc = crc32c::crc32c(&file[CHECKED_FROM..]);
        file[2..CHECKED_FROM].copy_from_slice(&crc.to_be_bytes());
        Ok(file.freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::super::files::producer_snapshot::ProducerEntry;
    use super::*;

    #[test]
    fn a_damaged_file_is_refused() {
        let entry = ProducerEntry { producer_id: 5, current_txn_first_offset: -1, ..Default::default() };
        let snapshot = ProducerSnapshot { producer_entries: vec![entry], ..Default::default() };
        let file = snapshot.encode_file().unwrap();
        let read = ProducerSnapshot::decode_file(&file).unwrap();
        assert_eq!(read.producer_entries, snapshot.producer_entries);
        for position in CHECKED_FROM + 4..file.len() {
            let mut damaged = BytesMut::from(&file[..]);
            damaged[position] ^= 1;
            let error = ProducerSnapshot::decode_file(&damaged.freeze()).unwrap_err();
            assert!(matches!(error, DecodeError::Checksum { .. }), "{error}");
        }
        assert!(ProducerSnapshot::decode_file(&file.slice(..file.len() - 1)).is_err());
    }
}
