//! The gateway: a real nginx before real processes of the services. What it forwards, what it responds itself, and
//! what the services learn about the client.

mod bodies;
mod configuration;
mod documents;
mod floods;
mod forwarding;
mod kept_answers;
mod names;
mod refusals;
mod replicas;
mod routing;
mod streaming;
mod system;
