//! What reading and cleaning a file would come to, with nothing written.

use std::{
    io::{self, BufWriter, Read},
    thread,
};

use crate::{CLEAN_TEXT, CleanCounts, CleanOptions, DatasetError, Dialect, Limits, clean, survey, unique_texts};

/// Reads a file twice as a task would, once by each reader, and gives each different text to `each_text`.
///
/// # Errors
/// What a task would fail with.
pub fn dry_run(
    first: impl Read,
    second: impl Read + Send,
    dialect: &Dialect,
    limits: &Limits,
    options: &CleanOptions,
    mut each_text: impl FnMut(&str),
) -> Result<CleanCounts, DatasetError> {
    let found = survey(first, dialect, limits, io::sink())?;
    let (cleaned, output) = io::pipe()?;
    thread::scope(|scope| {
        let cleaning = scope.spawn(|| {
            let output = BufWriter::with_capacity(64 << 10, output);
            clean(second, dialect, limits, &found, options, output, io::sink())
        });
        let read = || {
            for text in unique_texts(cleaned, CLEAN_TEXT)? {
                each_text(&text?.1);
            }
            Ok::<_, DatasetError>(())
        };
        let texts = read();
        // Why the writer failed says more than why the reader of its half file did.
        let counts = cleaning.join().map_err(|_| io::Error::other("cleaning panicked"))??;
        texts.map(|()| counts)
    })
}
