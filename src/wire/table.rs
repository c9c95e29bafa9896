//! The one macro behind `message`: from a table of fields it makes the structure, its defaults, its decoder and its encoder,
//! for all versions. Used by the files of `message` only.
//!
//! ```text
//! name: Type => versions, nullable versions, tag number, default value;
//! ```
//!
//! - `versions` is a range: where the field exists. Elsewhere it is not read and keeps its default, and it is not written. Kafka
//!   refuses to encode a field that was set in a version that lacks it, unless the schema calls it ignorable; here the handlers
//!   fill in one answer for all versions, and what an old client cannot read is left out.
//! - `nullable` limits where an `Option` may be null; without it, in all of its versions.
//! - `tag` makes it a tagged field: written only when it differs from its default. Tables list tags in rising order.
//! - `default` is the schema's default where that is not Rust's.

/// Makes message structures from tables of fields; see the top of this file.
macro_rules! fields {
    // The pieces, by which optional parts a row has. First: the default of a field.
    (@default) => { Default::default() };
    (@default $default:expr) => { $default };

    // The fewest bytes of a field; tagged fields need not be there.
    (@bytes_min $form:ident $ty:ty, $versions:expr $(, nullable $nullable:expr)?, tag $tag:literal) => { 0 };
    (@bytes_min $form:ident $ty:ty, $versions:expr $(, nullable $nullable:expr)?) => {
        if ($versions).contains(&$form.version) { <$ty as Field>::bytes_min($form) } else { 0 }
    };

    // A field while the structure is read; tagged ones come at its end.
    (@decode $r:ident $form:ident $name:ident.$field:ident, $versions:expr, tag $tag:literal $(, default $default:expr)?) => {
        fields!(@default $($default)?)
    };
    (@decode $r:ident $form:ident $name:ident.$field:ident, $versions:expr, nullable $nullable:expr $(, default $default:expr)?) => {
        if ($versions).contains(&$form.version) {
            fields!(@blame $r $name.$field, decode_optional($r, $form, ($nullable).contains(&$form.version)))
        } else {
            fields!(@default $($default)?)
        }
    };
    (@decode $r:ident $form:ident $name:ident.$field:ident, $versions:expr $(, default $default:expr)?) => {
        if ($versions).contains(&$form.version) {
            fields!(@blame $r $name.$field, Field::decode($r, $form))
        } else {
            fields!(@default $($default)?)
        }
    };
    (@blame $r:ident $name:ident.$field:ident, $value:expr) => {
        match $value {
            Ok(value) => value,
            Err(fault) => {
                $r.blame(concat!(stringify!($name), ".", stringify!($field)));
                return Err(fault);
            }
        }
    };

    // A field while the structure is written; tagged ones come at its end.
    (@encode $self:ident $w:ident $form:ident $field:ident, $versions:expr, tag $tag:literal) => {};
    (@encode $self:ident $w:ident $form:ident $field:ident, $versions:expr, nullable $nullable:expr) => {
        if ($versions).contains(&$form.version) {
            encode_optional(&$self.$field, $w, $form, ($nullable).contains(&$form.version));
        }
    };
    (@encode $self:ident $w:ident $form:ident $field:ident, $versions:expr) => {
        if ($versions).contains(&$form.version) {
            $self.$field.encode($w, $form);
        }
    };

    // The tag of a field that is to be written as a tagged one.
    (@tag $self:ident $form:ident $field:ident: $ty:ty, $versions:expr, tag $tag:literal $(, default $default:expr)?) => {{
        let default: $ty = fields!(@default $($default)?);
        (($versions).contains(&$form.version) && $self.$field != default).then_some($tag)
    }};
    (@tag $self:ident $form:ident $field:ident: $ty:ty, $versions:expr $(, nullable $nullable:expr)? $(, default $default:expr)?) => {
        None
    };

    // The tables.
    ($(
        $(#[$doc:meta])*
        pub struct $name:ident {
            $(
                $(#[$field_doc:meta])*
                $field:ident: $ty:ty => $versions:expr $(, nullable $nullable:expr)? $(, tag $tag:literal)? $(, default $default:expr)?;
            )*
        }
    )*) => { $(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name {
            $( $(#[$field_doc])* pub $field: $ty, )*
        }

        impl Default for $name {
            fn default() -> Self {
                $name { $( $field: fields!(@default $($default)?), )* }
            }
        }

        // A scope for the names that the code below needs and the tables do not. Some tables need none of them.
        #[allow(unused_imports)]
        const _: () = {
            use $crate::wire::field::{Field, Form, Nullable, decode_optional, encode_optional};
            use $crate::wire::primitive::{Fault, Reader, Writer};

            impl Field for $name {
                fn bytes_min(form: Form) -> usize {
                    // A flexible structure ends with at least the number of its tagged fields.
                    usize::from(form.flexible) $( + fields!(@bytes_min form $ty, $versions $(, nullable $nullable)? $(, tag $tag)?) )*
                }

                // Only tagged fields are assigned a second time.
                #[allow(unused_mut)]
                fn decode(r: &mut Reader, form: Form) -> Result<Self, Fault> {
                    $( let mut $field: $ty = fields!(
                        @decode r form $name.$field, $versions $(, nullable $nullable)? $(, tag $tag)? $(, default $default)?
                    ); )*
                    if form.flexible {
                        r.tagged_fields(|_r, _tag| {
                            $( $( if _tag == $tag && ($versions).contains(&form.version) {
                                $field = fields!(@blame _r $name.$field, Field::decode(_r, form));
                                return Ok(true);
                            } )? )*
                            Ok(false)
                        })?;
                    }
                    Ok($name { $( $field, )* })
                }

                fn encode(&self, w: &mut Writer, form: Form) {
                    $( fields!(@encode self w form $field, $versions $(, nullable $nullable)? $(, tag $tag)?); )*
                    if form.flexible {
                        // From here on the names stand for the tags that are to be written.
                        $( let $field: Option<u32> = fields!(
                            @tag self form $field: $ty, $versions $(, nullable $nullable)? $(, tag $tag)? $(, default $default)?
                        ); )*
                        w.uvarint(0 $( + u32::from($field.is_some()) )*);
                        $( if let Some(tag) = $field {
                            w.tagged_field(tag, |w| self.$field.encode(w, form));
                        } )*
                    }
                }

                fn heap_bytes(&self) -> usize {
                    0 $( + self.$field.heap_bytes() )*
                }
            }

            // A structure that may be null says so in a byte of its own, in flexible versions too.
            impl Nullable for $name {
                fn decode_nullable(r: &mut Reader, form: Form) -> Result<Option<Self>, Fault> {
                    let [mark] = r.array()?;
                    if mark < 0x80 { Self::decode(r, form).map(Some) } else { Ok(None) }
                }

                fn encode_nullable(value: Option<&Self>, w: &mut Writer, form: Form) {
                    match value {
                        Some(value) => {
                            w.put(&[1]);
                            value.encode(w, form);
                        }
                        None => w.put(&[0xff]),
                    }
                }
            }
        };
    )* };
}
pub(crate) use fields;
