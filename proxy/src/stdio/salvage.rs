//! Whose request was that, in a line that was too long to keep.
//!
//! Enters: the first and the last bytes of the line. Leaves: the id of the request, if it can be
//! seen there. Never: a guess; never the id of an answer, which is not the client's.

use toolgate_call::id_at_ends;

/// The id that a request, of which only the ends are known, gives at its top level.
pub(super) fn id_of(head: &[u8], tail: &[u8]) -> Option<Vec<u8>> {
    id_at_ends(head, tail, &[b"result", b"error"]).map(<[u8]>::to_vec)
}

#[cfg(test)]
mod tests {
    //! Ids at either end, and what only looks like one.

    use super::id_of;

    fn found(head: &str, tail: &str) -> Option<String> {
        id_of(head.as_bytes(), tail.as_bytes()).map(|id| String::from_utf8(id).unwrap())
    }

    #[test]
    fn an_id_is_found_at_either_end() {
        let some = |id: &str| Some(id.to_owned());
        let nothing = "aaaa\"}}";
        assert_eq!(found(r#"{"id":7,"method":"x","params":{"a":"aa"#, nothing), some("7"));
        assert_eq!(found(r#" {"method":"x", "id" : "a,\"b" ,"#, nothing), some(r#""a,\"b""#));
        assert_eq!(found(r#"{"params":{"id":1,"a":"aa"#, r#"aa"},"id":-2.5}"#), some("-2.5"));
        assert_eq!(found(r#"{"params":{"a":"aa"#, r#"aa"},"id":"x:y"} "#), some(r#""x:y""#));
    }

    #[test]
    fn what_only_looks_like_an_id_is_none() {
        let nothing = "aaaa\"}}";
        assert_eq!(found(r#"{"params":{"id":1,"a":"aa"#, nothing), None);
        assert_eq!(found(r#"{"params":{"a":"aa"#, r#"aa,\"id\":1}"#), None);
        assert_eq!(found(r#"{"params":{"a":"aa"#, r#"aa"},"id":{}}"#), None);
        assert_eq!(found(r#"{"id":7,"result":{"a":"aa"#, nothing), None);
        assert_eq!(found(r#"[{"id":7,"method":"aa"#, nothing), None);
        assert_eq!(found(r#"{"id":1234"#, nothing), None);
    }
}
