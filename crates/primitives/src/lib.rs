//! Ids, time, paging and sizes: words that every other crate speaks. No IO and nothing of the product's subject.

mod clock;
mod paging;
mod size;
mod uid;

pub use clock::{Clock, ManualClock, SystemClock};
pub use paging::{Limit, Page};
pub use size::ByteSize;
pub use uid::{InvalidUid, Uid};
