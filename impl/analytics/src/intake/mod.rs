//! How page views come in: what clients send is cleaned, queued and stored.

pub(crate) mod backdating;
pub(crate) mod bots;
pub(crate) mod dictionary;
pub(crate) mod ingest;
pub(crate) mod page_path;
pub(crate) mod page_view;
pub(crate) mod path_limits;
pub(crate) mod queue;
pub(crate) mod storage;
pub(crate) mod user_agent;
pub(crate) mod visitor;
