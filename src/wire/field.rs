//! How each type of field is read and written, plain and compact. The tables in `message` are made of these types.

use crate::base::ids::Uuid;
use crate::base::text::Text;
use crate::wire::error_code::ErrorCode;
use crate::wire::primitive::{Fault, Reader, Writer};
use crate::wire::records::Records;
use bytes::Bytes;
use std::sync::Arc;

/// Longest string on the wire, in flexible versions too: Kafka's readers refuse more.
const TEXT_BYTES_MAX: usize = i16::MAX as usize;

/// The form of a message: which version, and whether that version is flexible (KIP-482: compact lengths, tagged fields).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// The version of the API.
    pub version: i16,
    /// Whether lengths are compact and structures end with tagged fields.
    pub flexible: bool,
}

/// A type that stands in messages.
pub trait Field: Sized {
    /// The fewest bytes it can have on the wire.
    fn bytes_min(form: Form) -> usize;
    /// Reads it.
    fn decode(r: &mut Reader, form: Form) -> Result<Self, Fault>;
    /// Appends it. Encoding cannot fail: what does not fit its version is left out or made empty.
    fn encode(&self, w: &mut Writer, form: Form);

    /// What it keeps in memory beside its own size, in bytes. What several places of an answer share counts in each of them, as it will
    /// when it is encoded. Record batches are left out: they are paid for where they come from.
    fn heap_bytes(&self) -> usize {
        0
    }
}

/// A type that may be null in some versions.
pub trait Nullable: Field + Default {
    /// Reads it, or the null.
    fn decode_nullable(r: &mut Reader, form: Form) -> Result<Option<Self>, Fault>;
    /// Appends it, or the null.
    fn encode_nullable(value: Option<&Self>, w: &mut Writer, form: Form);
}

impl<T: Nullable> Field for Option<T> {
    fn bytes_min(_: Form) -> usize {
        1
    }

    fn decode(r: &mut Reader, form: Form) -> Result<Self, Fault> {
        T::decode_nullable(r, form)
    }

    fn encode(&self, w: &mut Writer, form: Form) {
        T::encode_nullable(self.as_ref(), w, form);
    }

    fn heap_bytes(&self) -> usize {
        self.as_ref().map_or(0, T::heap_bytes)
    }
}

/// Something large that several places of an answer say.
impl<T: Field> Field for Arc<T> {
    fn bytes_min(form: Form) -> usize {
        T::bytes_min(form)
    }

    fn decode(r: &mut Reader, form: Form) -> Result<Self, Fault> {
        T::decode(r, form).map(Arc::new)
    }

    fn encode(&self, w: &mut Writer, form: Form) {
        T::encode(self, w, form);
    }

    fn heap_bytes(&self) -> usize {
        T::heap_bytes(self)
    }
}

/// Reads a field that is nullable in some versions only.
pub fn decode_optional<T: Nullable>(r: &mut Reader, form: Form, nullable: bool) -> Result<Option<T>, Fault> {
    if nullable { T::decode_nullable(r, form) } else { T::decode(r, form).map(Some) }
}

/// Appends a field that is nullable in some versions only. In the others a null goes out as the empty value: clients of those
/// versions could not read anything else.
pub fn encode_optional<T: Nullable>(value: &Option<T>, w: &mut Writer, form: Form, nullable: bool) {
    match value {
        None if !nullable => T::default().encode(w, form),
        value => value.encode(w, form),
    }
}

/// Numbers of a fixed size.
macro_rules! fixed {
    ($($ty:ty: $size:literal, |$bytes:ident| $from:expr, |$value:ident| $to:expr;)*) => { $(
        impl Field for $ty {
            fn bytes_min(_: Form) -> usize {
                $size
            }

            fn decode(r: &mut Reader, _: Form) -> Result<Self, Fault> {
                let $bytes = r.array::<$size>()?;
                Ok($from)
            }

            fn encode(&self, w: &mut Writer, _: Form) {
                let $value = *self;
                w.put(&$to);
            }
        }
    )* };
}

fixed! {
    // Any byte but 0 is true, as in Kafka's generated readers.
    bool: 1, |bytes| bytes != [0], |value| [u8::from(value)];
    i8: 1, |bytes| i8::from_be_bytes(bytes), |value| value.to_be_bytes();
    i16: 2, |bytes| i16::from_be_bytes(bytes), |value| value.to_be_bytes();
    i32: 4, |bytes| i32::from_be_bytes(bytes), |value| value.to_be_bytes();
    u16: 2, |bytes| u16::from_be_bytes(bytes), |value| value.to_be_bytes();
    i64: 8, |bytes| i64::from_be_bytes(bytes), |value| value.to_be_bytes();
    f64: 8, |bytes| f64::from_be_bytes(bytes), |value| value.to_be_bytes();
    Uuid: 16, |bytes| Uuid(bytes), |value| value.0;
    ErrorCode: 2, |bytes| ErrorCode(i16::from_be_bytes(bytes)), |value| value.0.to_be_bytes();
}

/// How long the length of a field is in versions that are not flexible.
#[derive(Clone, Copy, PartialEq)]
enum Width {
    Two,
    Four,
}

fn decode_len(r: &mut Reader, form: Form, width: Width) -> Result<Option<usize>, Fault> {
    let len = match (form.flexible, width) {
        // Compact: one more than the length, 0 for null.
        (true, _) => return Ok((r.uvarint()? as usize).checked_sub(1)),
        (false, Width::Two) => i32::from(r.i16()?),
        (false, Width::Four) => r.i32()?,
    };
    match len {
        -1 => Ok(None),
        _ => usize::try_from(len).map(Some).map_err(|_| Fault::NegativeLength),
    }
}

fn encode_len(w: &mut Writer, form: Form, width: Width, len: Option<usize>) {
    match (form.flexible, width, len) {
        (true, _, len) => w.uvarint(len.map_or(0, |len| len as u32 + 1)),
        (false, Width::Two, len) => w.put(&len.map_or(-1, |len| len as i16).to_be_bytes()),
        (false, Width::Four, len) => w.put(&len.map_or(-1, |len| len as i32).to_be_bytes()),
    }
}

fn len_bytes_min(form: Form, width: Width) -> usize {
    match (form.flexible, width) {
        (true, _) => 1,
        (false, Width::Two) => 2,
        (false, Width::Four) => 4,
    }
}

impl Nullable for Text {
    fn decode_nullable(r: &mut Reader, form: Form) -> Result<Option<Self>, Fault> {
        let Some(len) = decode_len(r, form, Width::Two)? else { return Ok(None) };
        if len > TEXT_BYTES_MAX {
            return Err(Fault::TextTooLong);
        }
        Text::from_utf8(r.bytes(len)?).map(Some).ok_or(Fault::NotUtf8)
    }

    fn encode_nullable(value: Option<&Self>, w: &mut Writer, form: Form) {
        match value {
            Some(value) => value.encode(w, form),
            None => encode_len(w, form, Width::Two, None),
        }
    }
}

impl Field for Text {
    fn bytes_min(form: Form) -> usize {
        len_bytes_min(form, Width::Two)
    }

    fn decode(r: &mut Reader, form: Form) -> Result<Self, Fault> {
        Text::decode_nullable(r, form)?.ok_or(Fault::NullNotAllowed)
    }

    fn encode(&self, w: &mut Writer, form: Form) {
        // What clients sent is never longer; of a message of our own that is, the beginning is sent.
        let text = self.as_str();
        let text = text.get(..text.floor_char_boundary(TEXT_BYTES_MAX)).unwrap_or_default();
        encode_len(w, form, Width::Two, Some(text.len()));
        w.put(text.as_bytes());
    }

    fn heap_bytes(&self) -> usize {
        self.as_str().len()
    }
}

impl Nullable for Bytes {
    fn decode_nullable(r: &mut Reader, form: Form) -> Result<Option<Self>, Fault> {
        let Some(len) = decode_len(r, form, Width::Four)? else { return Ok(None) };
        r.bytes(len).map(Some)
    }

    fn encode_nullable(value: Option<&Self>, w: &mut Writer, form: Form) {
        match value {
            Some(value) => value.encode(w, form),
            None => encode_len(w, form, Width::Four, None),
        }
    }
}

impl Field for Bytes {
    fn bytes_min(form: Form) -> usize {
        len_bytes_min(form, Width::Four)
    }

    fn decode(r: &mut Reader, form: Form) -> Result<Self, Fault> {
        Bytes::decode_nullable(r, form)?.ok_or(Fault::NullNotAllowed)
    }

    fn encode(&self, w: &mut Writer, form: Form) {
        encode_len(w, form, Width::Four, Some(self.len()));
        w.put_shared(self);
    }

    fn heap_bytes(&self) -> usize {
        self.len()
    }
}

// On the wire these are bytes; a null that is read becomes empty.
impl Field for Records {
    fn bytes_min(form: Form) -> usize {
        len_bytes_min(form, Width::Four)
    }

    fn decode(r: &mut Reader, form: Form) -> Result<Self, Fault> {
        Ok(Records::from(Bytes::decode_nullable(r, form)?.unwrap_or_default()))
    }

    fn encode(&self, w: &mut Writer, form: Form) {
        encode_len(w, form, Width::Four, Some(self.len()));
        for (fresh, shared) in self.segments() {
            if let Some(prefix) = fresh {
                w.put(prefix);
            }
            w.put_shared(shared);
        }
    }

    fn heap_bytes(&self) -> usize {
        Records::heap_bytes(self)
    }
}

impl<T: Field> Nullable for Vec<T> {
    fn decode_nullable(r: &mut Reader, form: Form) -> Result<Option<Self>, Fault> {
        let Some(count) = decode_len(r, form, Width::Four)? else { return Ok(None) };
        r.allow(count, T::bytes_min(form), size_of::<T>())?;
        let mut elements = Vec::with_capacity(count);
        for _ in 0..count {
            elements.push(T::decode(r, form)?);
        }
        Ok(Some(elements))
    }

    fn encode_nullable(value: Option<&Self>, w: &mut Writer, form: Form) {
        match value {
            Some(value) => value.encode(w, form),
            None => encode_len(w, form, Width::Four, None),
        }
    }
}

impl<T: Field> Field for Vec<T> {
    fn bytes_min(form: Form) -> usize {
        len_bytes_min(form, Width::Four)
    }

    fn decode(r: &mut Reader, form: Form) -> Result<Self, Fault> {
        Self::decode_nullable(r, form)?.ok_or(Fault::NullNotAllowed)
    }

    fn encode(&self, w: &mut Writer, form: Form) {
        encode_len(w, form, Width::Four, Some(self.len()));
        for element in self {
            element.encode(w, form);
        }
    }

    fn heap_bytes(&self) -> usize {
        self.capacity() * size_of::<T>() + self.iter().map(T::heap_bytes).sum::<usize>()
    }
}
