//! The bytes of a push: read within a bound, inflated within another.
//!
//! Neither the declared length nor the size that a gzip trailer claims is believed: they only set how much room is made at first. A bomb is
//! noticed when the first byte beyond the bound comes out, and costs no more memory than the bound.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use flate2::{Decompress, FlushDecompress, Status};
use http_body_util::BodyExt;
use hyper::body::Body;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::http::server::BodyError;

/// How a body is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    /// Not at all.
    Identity,
    /// RFC 1952, one member or several.
    Gzip,
    /// HTTP's `deflate`: RFC 1950, and by widespread mistake bare RFC 1951.
    Deflate,
}

impl Packing {
    /// By a `Content-Encoding` header. More than one encoding is none that we take.
    pub(super) fn of(encoding: &str) -> Option<Self> {
        let encoding = encoding.trim();
        let is = |name| encoding.eq_ignore_ascii_case(name);
        if encoding.is_empty() || is("identity") {
            Some(Self::Identity)
        } else if is("gzip") || is("x-gzip") {
            Some(Self::Gzip)
        } else {
            is("deflate").then_some(Self::Deflate)
        }
    }
}

/// Why a body was not had.
#[derive(Debug, thiserror::Error)]
pub(super) enum BadBody {
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    #[error("the body is larger than {0} bytes after decompression")]
    InflatesTooFar(usize),
    #[error("the body cannot be decompressed")]
    Corrupt,
    /// Other bodies take all the room there is; this one may come again.
    #[error("the agent has no room for the body now")]
    NoRoom,
    #[error(transparent)]
    Read(#[from] BodyError),
}

/// Room that is made at once for a body, whatever it declares.
const FIRST_ROOM: usize = 64 * 1024;

/// Room for the bodies that are being read, in bytes, shared by all requests. A body takes of it as it comes, so that a sender who dribbles
/// holds no more than what it has sent, and a declared length holds nothing.
pub(super) type Room = Arc<Semaphore>;

/// A body that was read, and the room that it holds.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) bytes: Bytes,
    _room: Option<OwnedSemaphorePermit>,
}

/// Reads a body of at most `most` bytes, whether it declares its length or comes in chunks.
pub(super) async fn read<B>(body: &mut B, most: usize, room: &Room) -> Result<Read, BadBody>
where
    B: Body<Data = Bytes, Error = BodyError> + Unpin,
{
    let declared = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if declared > most {
        return Err(BadBody::TooLarge(most));
    }
    let (mut first, mut all) = (Bytes::new(), BytesMut::new());
    let mut held: Option<OwnedSemaphorePermit> = None;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        if first.len() + all.len() + data.len() > most {
            return Err(BadBody::TooLarge(most));
        }
        take_room(&mut held, room, data.len())?;
        if all.is_empty() && first.is_empty() {
            // Most bodies come in one piece and need no copy.
            first = data;
            continue;
        }
        if all.is_empty() {
            all.reserve(declared.clamp(first.len() + data.len(), FIRST_ROOM.max(first.len() + data.len())));
            all.extend_from_slice(&std::mem::take(&mut first));
        }
        all.extend_from_slice(&data);
    }
    Ok(Read { bytes: if all.is_empty() { first } else { all.freeze() }, _room: held })
}

fn take_room(held: &mut Option<OwnedSemaphorePermit>, room: &Room, bytes: usize) -> Result<(), BadBody> {
    let bytes = u32::try_from(bytes).map_err(|_| BadBody::NoRoom)?;
    let more = Arc::clone(room).try_acquire_many_owned(bytes).map_err(|_| BadBody::NoRoom)?;
    match held {
        Some(held) => held.merge(more),
        None => *held = Some(more),
    }
    Ok(())
}

/// Reads a body of at most `most` bytes and keeps none of it.
pub(super) async fn skip<B>(body: &mut B, most: usize) -> Result<(), BadBody>
where
    B: Body<Data = Bytes, Error = BodyError> + Unpin,
{
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        length += frame?.data_ref().map_or(0, Bytes::len);
        if length > most {
            return Err(BadBody::TooLarge(most));
        }
    }
    Ok(())
}

/// Unpacks a body to at most `most` bytes.
pub(super) fn unpack(packing: Packing, packed: Bytes, most: usize) -> Result<Bytes, BadBody> {
    match packing {
        Packing::Identity if packed.len() > most => Err(BadBody::TooLarge(most)),
        Packing::Identity => Ok(packed),
        Packing::Gzip => gunzip(&packed, most),
        Packing::Deflate => {
            let mut out = Vec::with_capacity(room(packed.len(), most, None));
            let rest = inflate(&mut Decompress::new(has_zlib_header(&packed)), &packed, &mut out, most)?;
            if rest.is_empty() { Ok(out.into()) } else { Err(BadBody::Corrupt) }
        }
    }
}

/// The widest window of deflate.
const WINDOW_BITS: u8 = 15;
/// Members of a gzip body. Senders that batch join a few; a body of nothing but empty members would cost much and say nothing.
const MAX_MEMBERS: usize = 1_000;

fn gunzip(packed: &[u8], most: usize) -> Result<Bytes, BadBody> {
    // The trailer says how large the (last) member is.
    let claimed = packed.last_chunk().map(|size| u32::from_le_bytes(*size) as usize);
    let mut out = Vec::with_capacity(room(packed.len(), most, claimed));
    let mut rest = packed;
    for _ in 0..MAX_MEMBERS {
        rest = inflate(&mut Decompress::new_gzip(WINDOW_BITS), rest, &mut out, most)?;
        if rest.is_empty() {
            return Ok(out.into());
        }
    }
    Err(BadBody::Corrupt)
}

/// The factor by which deflate can shrink at most.
const MAX_RATIO: usize = 1_032;

/// Room for what comes out: what was claimed, if it is possible and allowed, and one byte more, in which the end is noticed.
fn room(packed: usize, most: usize, claimed: Option<usize>) -> usize {
    let likely = packed.saturating_mul(8);
    claimed.unwrap_or(likely).min(packed.saturating_mul(MAX_RATIO)).min(most) + 1
}

/// Inflates one stream to the end of `out`; returns what follows it.
fn inflate<'a>(stream: &mut Decompress, packed: &'a [u8], out: &mut Vec<u8>, most: usize) -> Result<&'a [u8], BadBody> {
    loop {
        let (read, written) = (stream.total_in() as usize, out.len());
        let status =
            stream.decompress_vec(&packed[read..], out, FlushDecompress::None).map_err(|_| BadBody::Corrupt)?;
        if out.len() > most {
            return Err(BadBody::InflatesTooFar(most));
        }
        let now_read = stream.total_in() as usize;
        if status == Status::StreamEnd {
            return Ok(&packed[now_read..]);
        }
        if out.len() == out.capacity() {
            // One byte beyond the bound is enough to notice that there is more.
            let more = out.capacity().max(FIRST_ROOM).min(most + 1 - out.len().min(most));
            out.reserve_exact(more);
        } else if now_read == read && out.len() == written {
            // Neither read nor written with room for both: it is cut off.
            return Err(BadBody::Corrupt);
        }
    }
}

/// RFC 1950: the method is 8, and the two bytes together a multiple of 31. A bare stream that begins like this by chance would have to be a
/// stored block with bits that encoders leave zero, so there is no doubt in practice.
fn has_zlib_header(packed: &[u8]) -> bool {
    matches!(packed, [method, flags, ..] if method & 0x0f == 8 && (u16::from(*method) << 8 | u16::from(*flags)).is_multiple_of(31))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use proptest::prelude::*;
    use std::io::Write as _;

    const MOST: usize = 1 << 17;

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(data: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn bare(data: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn unpacked(packing: Packing, packed: Vec<u8>) -> Result<Bytes, BadBody> {
        unpack(packing, packed.into(), MOST)
    }

    #[test]
    fn encodings_by_name() {
        let of = Packing::of;
        assert_eq!(
            (of(""), of("identity"), of("GZIP")),
            (Some(Packing::Identity), Some(Packing::Identity), Some(Packing::Gzip))
        );
        assert_eq!((of("deflate"), of("gzip, gzip"), of("zstd")), (Some(Packing::Deflate), None, None));
    }

    fn coming(data: &'static [u8]) -> impl Body<Data = Bytes, Error = BodyError> + Unpin {
        http_body_util::Full::new(Bytes::from_static(data)).map_err(|never| match never {})
    }

    #[tokio::test]
    async fn bodies_share_their_room_and_give_it_back() {
        let room = Arc::new(Semaphore::new(10));
        let held = read(&mut coming(b"123456"), MOST, &room).await.unwrap();
        assert_eq!((&held.bytes[..], room.available_permits()), (&b"123456"[..], 4));
        assert!(matches!(read(&mut coming(b"12345"), MOST, &room).await, Err(BadBody::NoRoom)));
        drop(held);
        assert_eq!(room.available_permits(), 10);
        assert!(matches!(read(&mut coming(b"12345"), 4, &room).await, Err(BadBody::TooLarge(4))));
        assert!(read(&mut coming(b""), MOST, &room).await.unwrap().bytes.is_empty());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn what_was_packed_is_unpacked(data in prop::collection::vec(0_u8..4, 0..30_000), cut in 0_usize..30_000) {
            let cut = cut.min(data.len());
            let members = [gzip(&data[..cut]), gzip(&data[cut..])].concat();
            prop_assert_eq!(&unpacked(Packing::Gzip, gzip(&data)).unwrap(), &data);
            prop_assert_eq!(&unpacked(Packing::Gzip, members).unwrap(), &data);
            prop_assert_eq!(&unpacked(Packing::Deflate, zlib(&data)).unwrap(), &data);
            prop_assert_eq!(&unpacked(Packing::Deflate, bare(&data)).unwrap(), &data);
            prop_assert_eq!(unpacked(Packing::Identity, data.clone()).unwrap(), data);
        }

        #[test]
        fn broken_bytes_end_with_an_error(data: Vec<u8>, cut in any::<prop::sample::Index>()) {
            for packing in [Packing::Gzip, Packing::Deflate] {
                let _ = unpacked(packing, data.clone());
            }
            let mut packed = gzip(&data);
            packed.truncate(cut.index(packed.len()));
            prop_assert!(unpacked(Packing::Gzip, packed).is_err());
        }
    }

    #[test]
    fn the_bound_holds_to_the_byte_whatever_the_trailer_claims() {
        for (size, fits) in [(MOST - 1, true), (MOST, true), (MOST + 1, false), (4 * MOST, false)] {
            let zeros = vec![0; size];
            for (packing, mut packed) in [(Packing::Gzip, gzip(&zeros)), (Packing::Deflate, zlib(&zeros))] {
                assert_eq!(unpacked(packing, packed.clone()).is_ok(), fits, "{packing:?} {size}");
                if packing == Packing::Gzip {
                    let end = packed.len();
                    packed[end - 4..].fill(0xff);
                    assert!(unpacked(packing, packed).is_err(), "a false trailer is corrupt, or too large");
                }
            }
            assert_eq!(unpacked(Packing::Identity, zeros).is_ok(), fits);
        }
    }

    #[test]
    fn members_are_bounded() {
        assert!(unpacked(Packing::Gzip, gzip(b"").repeat(MAX_MEMBERS)).is_ok());
        assert!(unpacked(Packing::Gzip, gzip(b"").repeat(MAX_MEMBERS + 1)).is_err());
    }

    #[test]
    fn what_follows_a_stream_is_corrupt() {
        let trailing = |mut packed: Vec<u8>| {
            packed.extend(b"more");
            packed
        };
        assert!(matches!(unpacked(Packing::Gzip, trailing(gzip(b"x"))), Err(BadBody::Corrupt)));
        assert!(matches!(unpacked(Packing::Deflate, trailing(zlib(b"x"))), Err(BadBody::Corrupt)));
        assert!(matches!(unpacked(Packing::Gzip, Vec::new()), Err(BadBody::Corrupt)));
    }

    #[test]
    fn room_is_made_for_what_is_possible() {
        assert_eq!(room(10, MOST, Some(usize::MAX)), 10_321);
        assert_eq!(room(1 << 16, MOST, Some(usize::MAX)), MOST + 1);
        assert_eq!(room(100, MOST, Some(3_000)), 3_001);
    }
}
