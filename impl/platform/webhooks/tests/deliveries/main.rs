//! Deliveries on a real Postgres, to real receivers on this machine.

mod attempts;
mod crashes;
mod fairness;
mod fixture;
mod limits;
mod receiver;
mod tls;
