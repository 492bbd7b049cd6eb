//! Mails as files.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::fixture::{Process, World};

#[tokio::test(flavor = "multi_thread")]
async fn in_development_a_mail_is_a_file_that_only_this_user_can_read() {
    let world = World::new().await;
    let folder = std::env::temp_dir().join(format!("mail-{}", std::process::id()));
    let mailer = world.mailer(&format!("file:{}", folder.join("sent").display()));
    world.queue(&mailer, "ada@example.com").await;
    let process = Process::start(&mailer);
    world.until_left(0).await;
    process.stop().await;
    let files: Vec<_> = fs::read_dir(folder.join("sent")).expect("a folder").flatten().collect();
    assert_eq!(files.len(), 1);
    let (path, mode) = (files[0].path(), files[0].metadata().expect("a file").permissions().mode());
    assert_eq!((path.extension().and_then(|end| end.to_str()), mode & 0o077), (Some("eml"), 0));
    let text = fs::read_to_string(&path).expect("text");
    assert!(text.contains("To: ada@example.com\r\n"), "{text}");
    let id = path.file_stem().and_then(|stem| stem.to_str()).expect("a name");
    assert!(text.contains(&format!("Message-ID: <{id}@example.com>")), "{text}");
    fs::remove_dir_all(folder).expect("it is there");
}
