//! Who hears what.

use std::sync::Arc;
use std::task::{Context, Waker};

use super::{Full, OF_ONE, Watcher, Watches};

fn news(watcher: &Watcher) -> Vec<String> {
    let _nothing = watcher.has_news(&Context::from_waker(Waker::noop()));
    watcher.take().iter().map(ToString::to_string).collect()
}

#[test]
fn each_watcher_hears_what_it_watches_of_the_target_whose_it_is() {
    let watches = Arc::new(Watches::default());
    let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
    let (x, y): (Arc<str>, Arc<str>) = ("t://x".into(), "t://y".into());
    let mut of_a = watches.of(&a);
    let _of_b = watches.of(&b);
    let (one, other) = (watches.watcher(), watches.watcher());
    one.add(&a, &x).unwrap();
    one.add(&a, &y).unwrap();
    other.add(&a, &x).unwrap();
    assert_eq!(of_a.borrow_and_update().uris.len(), 2, "each once");
    watches.updated("b", "t://x");
    assert_eq!(news(&one), [""; 0], "it is not `b`'s");
    for _ in 0..3 {
        watches.updated("a", "t://x");
    }
    assert_eq!((news(&one), news(&other)), (vec!["t://x".into()], vec!["t://x".into()]));
    one.remove("t://x");
    assert!(!of_a.has_changed().unwrap(), "another watches it");
    watches.missed("a");
    assert_eq!((news(&one), news(&other)), (vec!["t://y".into()], vec!["t://x".into()]));
    drop(other);
    drop(one);
    assert!(of_a.borrow_and_update().is_empty());
    assert_eq!(watches.state().count, 0);
}

#[test]
fn whoever_watches_a_resource_hears_of_its_parts_but_not_of_others_that_begin_alike() {
    let watches = Arc::new(Watches::default());
    let a: Arc<str> = "a".into();
    let _of_a = watches.of(&a);
    let watcher = watches.watcher();
    for uri in ["t://x/y", "t://folder/"] {
        watcher.add(&a, &uri.into()).unwrap();
    }
    for other in ["t://x/yz", "t://x", "t://x/", "t://folder"] {
        watches.updated("a", other);
        assert_eq!(news(&watcher), [""; 0], "{other}");
    }
    for part in ["t://x/y", "t://x/y/z", "t://x/y?a=b", "t://folder/1", "t://folder/1/2#e"] {
        watches.updated("a", part);
        assert_eq!(news(&watcher), [part]);
    }
    for n in 0..3000 {
        watches.updated("a", &format!("t://x/y/{n}"));
    }
    let kept = news(&watcher);
    assert_eq!((kept.len(), &*kept[0]), (1025, "t://x/y"), "and of the whole, for the rest");
}

#[test]
fn nobody_watches_without_bounds() {
    let watches = Arc::new(Watches::default());
    let a: Arc<str> = "a".into();
    let _of_a = watches.of(&a);
    let watcher = watches.watcher();
    for n in 0..OF_ONE {
        watcher.add(&a, &format!("t://{n}").into()).unwrap();
    }
    assert_eq!(watcher.add(&a, &"t://more".into()), Err(Full));
    assert_eq!(watcher.add(&a, &"t://0".into()), Ok(()), "that is watched already");
    watcher.remove("t://0");
    assert_eq!(watcher.add(&a, &"t://more".into()), Ok(()));
    let other = watches.watcher();
    assert_eq!(other.add(&"nobody".into(), &"t://x".into()), Err(Full));
    assert!(other.is_idle());
}
