//! Turns as they are counted, written and traced.
