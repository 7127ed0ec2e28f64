//! A file in memory, as `zune-jpeg` reads it.
//!
//! The decoder takes compressed data four bytes at a time, tens of thousands of times a photo. Its own cursor serves that
//! by a function for any number of bytes, which ends in a call of `memcpy` for each four; here the number is known where
//! the copy stands, and four bytes are one load. Apart from that the two do the same.

use zune_jpeg::zune_core::bytestream::{ZByteIoError, ZByteReaderTrait, ZSeekFrom};

/// Bytes, and the place that reading has come to, which may lie beyond their end.
pub(super) struct Memory<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Memory<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }
}

impl ZByteReaderTrait for Memory<'_> {
    #[inline(always)]
    fn read_byte_no_error(&mut self) -> u8 {
        let Some(&byte) = self.bytes.get(self.at) else { return 0 };
        self.at += 1;
        byte
    }

    #[inline(always)]
    fn read_exact_bytes(&mut self, buf: &mut [u8]) -> Result<(), ZByteIoError> {
        self.peek_exact_bytes(buf)?;
        self.at += buf.len();
        Ok(())
    }

    fn read_bytes(&mut self, buf: &mut [u8]) -> Result<usize, ZByteIoError> {
        let read = self.peek_bytes(buf)?;
        self.at += read;
        Ok(read)
    }

    fn peek_bytes(&mut self, buf: &mut [u8]) -> Result<usize, ZByteIoError> {
        let rest = self.rest();
        let read = rest.len().min(buf.len());
        buf[..read].copy_from_slice(&rest[..read]);
        Ok(read)
    }

    #[inline(always)]
    fn peek_exact_bytes(&mut self, buf: &mut [u8]) -> Result<(), ZByteIoError> {
        match self.bytes.get(self.at..self.at.saturating_add(buf.len())) {
            Some(bytes) => {
                buf.copy_from_slice(bytes);
                Ok(())
            }
            None => Err(ZByteIoError::NotEnoughBytes(self.rest().len(), buf.len())),
        }
    }

    #[inline(always)]
    fn z_seek(&mut self, from: ZSeekFrom) -> Result<u64, ZByteIoError> {
        let moved = match from {
            ZSeekFrom::Start(at) => usize::try_from(at).ok(),
            ZSeekFrom::End(by) => self.bytes.len().checked_add_signed(by as isize),
            ZSeekFrom::Current(by) => self.at.checked_add_signed(by as isize),
        };
        self.at = moved.ok_or(ZByteIoError::SeekError("a place outside of all memory"))?;
        Ok(self.at as u64)
    }

    #[inline(always)]
    fn is_eof(&mut self) -> Result<bool, ZByteIoError> {
        Ok(self.at >= self.bytes.len())
    }

    fn z_position(&mut self) -> Result<u64, ZByteIoError> {
        Ok(self.at as u64)
    }

    fn read_remaining(&mut self, sink: &mut Vec<u8>) -> Result<usize, ZByteIoError> {
        let rest = self.rest();
        sink.extend_from_slice(rest);
        self.at = self.at.max(self.bytes.len());
        Ok(rest.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zune_jpeg::zune_core::bytestream::ZCursor;

    /// The same reads, past the end too, by the decoder's own cursor and by this one.
    #[test]
    fn reads_as_the_decoders_own_cursor() {
        fn reads(mut reader: impl ZByteReaderTrait) -> String {
            let mut said = Vec::new();
            let mut note = |what: &dyn std::fmt::Debug| said.push(format!("{what:?}"));
            for len in [4, 0, 1, 3, 7, 2] {
                let mut buf = vec![0; len];
                note(&(reader.peek_exact_bytes(&mut buf).is_ok(), reader.z_position().unwrap()));
                note(&(reader.read_exact_bytes(&mut buf).is_ok(), &buf));
                note(&(reader.peek_bytes(&mut buf).unwrap(), &buf, reader.is_eof().unwrap()));
            }
            let seeks = [ZSeekFrom::Start(12), ZSeekFrom::Current(-9), ZSeekFrom::End(-2), ZSeekFrom::End(3)];
            for seek in seeks {
                note(&reader.z_seek(seek).unwrap());
                note(&(
                    reader.read_byte_no_error(),
                    reader.read_byte_no_error(),
                    reader.z_position().unwrap(),
                ));
                let mut buf = [0; 3];
                note(&(reader.read_bytes(&mut buf).unwrap(), buf, reader.is_eof().unwrap()));
            }
            note(&reader.z_seek(ZSeekFrom::End(-100)).is_err());
            reader.z_seek(ZSeekFrom::Start(5)).unwrap();
            let mut sink = vec![9];
            note(&(reader.read_remaining(&mut sink).unwrap(), sink, reader.z_position().unwrap()));
            said.join("\n")
        }
        let bytes: Vec<u8> = (1..=15).collect();
        assert_eq!(reads(Memory::new(&bytes)), reads(ZCursor::new(&bytes)));
    }
}
