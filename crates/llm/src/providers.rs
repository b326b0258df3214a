//! The models there are: one file each.

mod builtin;

pub use builtin::Builtin;
