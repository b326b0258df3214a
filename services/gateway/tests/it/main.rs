//! The door over real sockets, before a server that stands in for the services.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by them")]

mod activity;
mod browser;
mod connections;
mod door;
mod exchange;
mod maintenance;
mod pages;
mod site;
mod streams;
mod tls;
mod world;
