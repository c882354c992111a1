//! The command line.
//!
//! Always: what is parsed is within its bounds.

use clap::{Parser, Subcommand};

/// Measures the least that mixing and sending can cost on this machine.
#[derive(Debug, Clone, Parser)]
#[command(name = "raa-limit", version)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Command {
    /// What each part of a slot costs, and their sum, as JSON
    Parts {
        /// How many clients speak
        #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        speakers: u32,
        /// So many slots of 20 ms are measured; the median counts
        #[arg(long, default_value_t = 250, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        slots: u32,
        /// So many threads decode at the same time
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
        threads: u32,
    },
    /// The barest mixer: receives, decodes, sums, encodes and sends, until it is ended
    Loop {
        /// The UDP port of 127.0.0.1 that it receives at; 0 takes any free one and prints it
        #[arg(long)]
        port: u16,
    },
    /// What a bare write to each of many WebSockets costs, as JSON; raa-load's listeners read
    Writes {
        /// So many listeners are waited for
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=20_000))]
        listeners: u32,
        /// How long to write and measure
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=3600))]
        seconds: u64,
        /// The TCP port of 127.0.0.1 that it listens at
        #[arg(long)]
        port: u16,
    },
}
