//! Whoever edits the log is found out.

use std::path::Path;

use proptest::prelude::*;

use crate::audit::chain::{self, Link};
use crate::audit::{Problem, Verified, Verify};

/// What is done to a log.
#[derive(Clone, Debug)]
enum Edit {
    Flip(usize, u8),
    Cut(usize),
    CutLines(usize),
    Delete(usize),
    Swap(usize, usize),
    Repeat(usize),
    Insert(usize, u8),
}

fn log(records: usize) -> (Vec<Vec<u8>>, Link) {
    let (mut lines, mut link) = (Vec::new(), Link::default());
    for n in 0..records {
        let mut line = Vec::new();
        link =
            chain::seal(&mut line, &link, format!(r#""ts":"t","kind":"allow","n":{n}"#).as_bytes());
        lines.push(line);
    }
    (lines, link)
}

fn verify(bytes: &[u8], head: Link) -> Result<Verified, Problem> {
    let mut verify = Verify::new(Some(head));
    verify.read(Path::new("log"), bytes).unwrap()?;
    verify.end(Path::new("log"))
}

fn edited(lines: &[Vec<u8>], edit: &Edit) -> Vec<u8> {
    let mut lines = lines.to_vec();
    let count = lines.len();
    let mut whole = None;
    match *edit {
        Edit::Flip(at, by) => {
            let mut bytes = lines.concat();
            let at = at % bytes.len();
            bytes[at] ^= by;
            whole = Some(bytes);
        }
        Edit::Cut(at) => {
            let mut bytes = lines.concat();
            bytes.truncate(at % bytes.len());
            whole = Some(bytes);
        }
        Edit::Insert(at, byte) => {
            let mut bytes = lines.concat();
            bytes.insert(at % (bytes.len() + 1), byte);
            whole = Some(bytes);
        }
        Edit::CutLines(at) => lines.truncate(at % count),
        Edit::Delete(at) => drop(lines.remove(at % count)),
        Edit::Swap(a, b) => lines.swap(a % count, b % count),
        Edit::Repeat(at) => lines.insert(at % count, lines[at % count].clone()),
    }
    whole.unwrap_or_else(|| lines.concat())
}

fn edit() -> impl Strategy<Value = Edit> {
    let any = || any::<usize>();
    prop_oneof![
        (any(), 1..=u8::MAX).prop_map(|(at, by)| Edit::Flip(at, by)),
        any().prop_map(Edit::Cut),
        any().prop_map(Edit::CutLines),
        any().prop_map(Edit::Delete),
        (any(), any()).prop_map(|(a, b)| Edit::Swap(a, b)),
        any().prop_map(Edit::Repeat),
        (any(), 0..=u8::MAX).prop_map(|(at, byte)| Edit::Insert(at, byte)),
    ]
}

proptest! {
    #[test]
    fn any_edit_is_found(records in 2_usize..12, edits in prop::collection::vec(edit(), 1..3)) {
        let (lines, head) = log(records);
        let untouched = lines.concat();
        let mut bytes = untouched.clone();
        for edit in &edits {
            let lines: Vec<Vec<u8>> =
                bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            if lines.is_empty() {
                break;
            }
            bytes = edited(&lines, edit);
        }
        let verified = verify(&bytes, head);
        // The deletion of the first records looks like that of an old file, which is allowed: the
        // number of the first record says so.
        let told = verified.as_ref().is_ok_and(|log| log.first == 1 && log.records == records as u64);
        let from_start = verified.as_ref().is_ok_and(|log| log.first > 1);
        let is_suffix = untouched.ends_with(&bytes);
        prop_assert_eq!(told, bytes == untouched);
        prop_assert!(!from_start || is_suffix);
    }
}

#[test]
fn a_whole_log_is_whole_and_a_later_record_than_the_head_does_no_harm() {
    let (lines, _) = log(5);
    let third = chain::unseal(lines[2].strip_suffix(b"\n").unwrap()).unwrap().link;
    let verified = verify(&lines.concat(), third).unwrap();
    assert_eq!((verified.first, verified.records, verified.last.seq), (1, 5, 5));
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    let (lines, head) = log(5);
    let said = |edit: &Edit| {
        let problem = verify(&edited(&lines, edit), head).unwrap_err();
        (problem.line, problem.what)
    };
    let (line, what) = said(&Edit::Delete(2));
    assert_eq!((line, &*what), (3, "records 3 to 3 are missing"));
    let (line, what) = said(&Edit::Swap(1, 2));
    assert_eq!((line, &*what), (2, "records 2 to 2 are missing"));
    let (line, what) = said(&Edit::Repeat(1));
    assert_eq!((line, &*what), (3, "record 2 stands behind record 2"));
    let (line, what) = said(&Edit::CutLines(3));
    assert_eq!((line, &*what), (0, "the end was cut off: records 4 to 5 are missing"));
    let (line, what) = said(&Edit::Flip(40, 1));
    assert_eq!((line, &*what), (1, "the record was altered: its hash does not fit it"));
    let whole = lines.concat().len();
    let (line, what) = said(&Edit::Cut(whole - 1));
    assert_eq!((line, &*what), (5, "the record is not finished: the file was cut off within it"));
    // One record written anew by someone who knows how: the next one tells.
    let first = lines[0].strip_suffix(b"\n").unwrap();
    let mut forged = lines[0].clone();
    chain::seal(&mut forged, &chain::unseal(first).unwrap().link, br#""n":9"#);
    forged.extend(lines[2..].concat());
    let problem = verify(&forged, head).unwrap_err();
    assert_eq!(
        (problem.line, &*problem.what),
        (3, "record 3 follows another record 2 than this one")
    );
    // Written anew from some record on, by someone who knows how: the head tells.
    let (other, mut link) = (lines[..3].concat(), Link::default());
    link = chain::unseal(lines[2].strip_suffix(b"\n").unwrap()).map_or(link, |sealed| sealed.link);
    let mut forged = other;
    for n in 0..2 {
        link = chain::seal(&mut forged, &link, format!(r#""n":{n}"#).as_bytes());
    }
    let problem = verify(&forged, head).unwrap_err();
    assert_eq!(
        (problem.line, &*problem.what),
        (5, "the log says another thing here than its head")
    );
}
