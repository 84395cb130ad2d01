//! The protobuf wire format, read in place.
//!
//! A [`WireReader`] steps over the fields of one message in borrowed bytes. It never allocates, never recurses, and every length is checked
//! against what is there, so a declared 4 GiB in a 6-byte message is [`Malformed`] and costs nothing.
//!
//! Source: the protobuf encoding guide. Groups (wire types 3 and 4) are refused: no message of ours has them.

/// Bytes that are not what the wire format allows at this place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed protobuf: {0}")]
pub struct Malformed(pub &'static str);

/// The value of one field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum WireValue<'a> {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 1: eight bytes, little-endian.
    Fixed64(u64),
    /// Wire type 2: a string, a message, or packed numbers.
    Bytes(&'a [u8]),
    /// Wire type 5: four bytes, little-endian.
    Fixed32(u32),
}

/// One field: its number, its value, and where its encoding (tag included) begins and ends in the message.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Field<'a> {
    /// The field's number.
    pub number: u32,
    /// The field's value.
    pub value: WireValue<'a>,
    /// Offset of the tag in the message.
    pub start: usize,
    /// Offset behind the value in the message.
    pub end: usize,
}

/// Reads the fields of one message in order.
#[derive(Debug, Clone)]
pub struct WireReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> WireReader<'a> {
    /// Over the bytes of one message.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The next field, or `None` at the end of the message.
    ///
    /// # Errors
    /// [`Malformed`] when the bytes break the format.
    #[inline]
    pub fn next_field(&mut self) -> Result<Option<Field<'a>>, Malformed> {
        let start = self.at;
        if start == self.bytes.len() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).map_err(|_| Malformed("field number too large"))?;
        if number == 0 {
            return Err(Malformed("field number zero"));
        }
        let value = match tag & 7 {
            0 => WireValue::Varint(self.varint()?),
            1 => WireValue::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| Malformed("length too large"))?;
                WireValue::Bytes(self.take(length)?)
            }
            5 => WireValue::Fixed32(u32::from_le_bytes(self.array()?)),
            _ => return Err(Malformed("unknown wire type")),
        };
        Ok(Some(Field { number, value, start, end: self.at }))
    }

    /// The next bare varint, for packed lists.
    ///
    /// # Errors
    /// [`Malformed`] when it is cut off or longer than ten bytes.
    #[inline]
    pub fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0_u64;
        for shift in (0..70).step_by(7) {
            let byte = *self.bytes.get(self.at).ok_or(Malformed("varint cut off"))?;
            self.at += 1;
            value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Malformed("varint longer than ten bytes"))
    }

    /// Whether everything was read.
    pub const fn is_empty(&self) -> bool {
        self.at == self.bytes.len()
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.take(N)?.try_into().map_err(|_| Malformed("fixed value cut off"))
    }

    #[inline]
    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let end = self.at.checked_add(length).ok_or(Malformed("length too large"))?;
        let taken = self.bytes.get(self.at..end).ok_or(Malformed("value cut off"))?;
        self.at = end;
        Ok(taken)
    }
}

/// Appends a varint.
pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a length-delimited field.
pub(super) fn put_bytes(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    put_varint(out, u64::from(number) << 3 | 2);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// How many bytes a varint takes.
pub(super) const fn varint_len(value: u64) -> usize {
    // Seven bits a byte; zero takes one byte too.
    (70 - (value | 1).leading_zeros() as usize) / 7
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_each_wire_type_and_its_place() {
        let bytes = [0x08, 0x96, 0x01, 0x12, 0x02, b'h', b'i', 0x1d, 1, 0, 0, 0, 0x21, 2, 0, 0, 0, 0, 0, 0, 0];
        let mut reader = WireReader::new(&bytes);
        let mut next = || reader.next_field().unwrap().unwrap();
        assert_eq!(next(), Field { number: 1, value: WireValue::Varint(150), start: 0, end: 3 });
        assert_eq!(next(), Field { number: 2, value: WireValue::Bytes(b"hi"), start: 3, end: 7 });
        assert_eq!(next().value, WireValue::Fixed32(1));
        assert_eq!(next().value, WireValue::Fixed64(2));
        assert!(reader.next_field().unwrap().is_none());
    }

    #[test]
    fn refuses_what_is_cut_off_or_declares_more_than_is_there() {
        for bytes in [&[0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f][..], &[0x09, 1], &[0x80], &[0x0b], &[0x00], &[0xff; 11]] {
            assert!(WireReader::new(bytes).next_field().is_err(), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_end_without_a_panic(bytes: Vec<u8>) {
            let mut reader = WireReader::new(&bytes);
            let mut end = 0;
            while let Ok(Some(field)) = reader.next_field() {
                prop_assert!(field.start == end && field.end > field.start);
                end = field.end;
            }
        }

        #[test]
        fn varints_come_back_and_their_length_is_known(value: u64) {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, value);
            prop_assert_eq!(bytes.len(), varint_len(value));
            prop_assert_eq!(WireReader::new(&bytes).varint(), Ok(value));
        }
    }
}
