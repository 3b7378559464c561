//! Files that change.

use super::{Arc, Keeper, Place, Secret, Telemetry, Vault as _};

#[tokio::test]
async fn a_new_secret_is_taken_and_what_is_none_changes_nothing() {
    let file = std::env::temp_dir().join(format!("toolgate-secret-{}", std::process::id()));
    let write = |text: &str| std::fs::write(&file, text).unwrap();
    let telemetry: Arc<Telemetry> = Telemetry::for_tests();
    let first = Secret::new("first".to_owned());
    let keeper = Keeper::new(Place::File(file.clone()), first, &telemetry);
    let look = async || {
        keeper.look(super::Duration::ZERO).await;
        (keeper.current().secret.expose().to_owned(), keeper.current().version)
    };
    write("first\n");
    assert_eq!(look().await, ("first".to_owned(), 0));
    write("second\n");
    assert_eq!(look().await, ("second".to_owned(), 1));
    for broken in ["", "changeme"] {
        write(broken);
        assert_eq!(look().await, ("second".to_owned(), 1), "{broken}");
    }
    std::fs::remove_file(&file).unwrap();
    assert_eq!(look().await, ("second".to_owned(), 1));
    write("third");
    keeper.look_again().await;
    assert_eq!(keeper.current().version, 1, "somebody has looked a moment ago");
    assert_eq!(look().await, ("third".to_owned(), 2));
    std::fs::remove_file(&file).unwrap();
}
