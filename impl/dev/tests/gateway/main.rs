//! The gateway: a real nginx before real processes of the services. What it lets through, what it answers itself, and
//! what those behind it get to know.

mod bodies;
mod configuration;
mod documents;
mod floods;
mod forwarding;
mod kept_answers;
mod refusals;
mod replicas;
mod routing;
mod streaming;
mod system;
