//! The one CSV form that this crate writes: UTF-8, comma, double quotes, a line feed after each row.

use memchr::{memchr, memchr3};

/// Appends a cell, quoted only when it has to be.
pub(crate) fn push_cell(line: &mut Vec<u8>, cell: &str) {
    let bytes = cell.as_bytes();
    let quoted = memchr3(b',', b'\n', b'\r', bytes).is_some() || memchr(b'"', bytes).is_some();
    if quoted {
        push_quoted(line, bytes);
    } else {
        line.extend_from_slice(bytes);
    }
}

fn push_quoted(line: &mut Vec<u8>, bytes: &[u8]) {
    line.push(b'"');
    let mut rest = bytes;
    while let Some((head, tail)) = memchr(b'"', rest).and_then(|at| rest.split_at_checked(at + 1)) {
        line.extend_from_slice(head);
        line.push(b'"');
        rest = tail;
    }
    line.extend_from_slice(rest);
    line.push(b'"');
}

/// Appends a whole row with its line end.
pub(crate) fn push_row<'a>(line: &mut Vec<u8>, cells: impl IntoIterator<Item = &'a str>) {
    let before = line.len();
    let mut count = 0_usize;
    for cell in cells {
        if count > 0 {
            line.push(b',');
        }
        push_cell(line, cell);
        count += 1;
    }
    // A lone empty cell would be a blank line, which readers skip.
    if count == 1 && line.len() == before {
        line.extend_from_slice(b"\"\"");
    }
    line.push(b'\n');
}
