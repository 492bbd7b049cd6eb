//! A page view, and the ranking that it is in, with the Rust client.
use schema_first_client::GetTopPathsOptions;
use schema_first_client::models::PageViewCreate;

use crate::{Given, Outcome};

pub async fn scenario(given: &Given) -> Outcome<()> {
    let path = format!("/{}", given.run);
    given.client.record_page_view(&PageViewCreate::new(path.clone())).await?;
    let top = given.client.get_top_paths(&GetTopPathsOptions { limit: Some(100), ..Default::default() }).await?;
    assert!(top.iter().any(|one| one.path == path && one.count == 1), "{path} in {top:?}");
    Ok(())
}
