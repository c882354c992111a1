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
    /// Measure each part of a slot and their sum, and print them as JSON
    Parts {
        /// How many clients speak
        #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        speakers: u32,
        /// How many slots of 20 ms are measured; the result is the median
        #[arg(long, default_value_t = 250, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        slots: u32,
        /// How many threads decode at the same time
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
        threads: u32,
    },
    /// Run the simplest mixer, which receives, decodes, sums, encodes and sends, until it is killed
    Loop {
        /// The UDP port on 127.0.0.1 to receive on; 0 takes a free port and prints it
        #[arg(long)]
        port: u16,
    },
    /// Print when this machine wakes a thread late that only waits for its slots, as a JSON object each, until it is killed
    Lateness {
        /// The least lateness to print, in milliseconds
        #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=1000))]
        least_ms: u64,
    },
    /// Measure a bare write to each of many WebSockets, read by raa-load, and print it as JSON
    Writes {
        /// How many listeners to wait for
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=20_000))]
        listeners: u32,
        /// How long to measure, in seconds
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=3600))]
        seconds: u64,
        /// The TCP port on 127.0.0.1 to listen on
        #[arg(long)]
        port: u16,
    },
}
