//! The metrics of the server as a whole.

use std::collections::BTreeMap;
use std::fmt;
use std::time::UNIX_EPOCH;

use prometheus_client::encoding::{DescriptorEncoder, EncodeGaugeValue, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use raa_core::client::Status;

use super::{NO_EXEMPLAR, Scrape};
use crate::engine::Histogram;

pub(super) fn encode(encoder: &mut DescriptorEncoder<'_>, scrape: &Scrape) -> fmt::Result {
    encoder
        .encode_descriptor("raa_build", "The server's version.", None, MetricType::Info)?
        .encode_info(&[("version", scrape.status.version)])?;
    clients_by_status(encoder, scrape)?;

    let mut encoder = Encoder(encoder);
    engine(&mut encoder, scrape)?;
    refusals(&mut encoder, scrape)?;
    encoder.counter(
        "raa_lost_log_entries",
        "Entries of the log that were lost because the disk took none for too long.",
        scrape.lost_log_entries,
    )?;
    listeners(&mut encoder, scrape)?;
    process(&mut encoder, scrape)
}

fn engine(encoder: &mut Encoder<'_, '_>, scrape: &Scrape) -> fmt::Result {
    let (status, snapshot) = (&scrape.status, &scrape.snapshot);
    encoder.counter(
        "raa_slots",
        "Slots of 20 ms that were played.",
        status.slots,
    )?;
    encoder.counter(
        "raa_skipped_slots",
        "Slots that were skipped because the server was stalled.",
        status.skipped_slots,
    )?;
    encoder.histogram(
        "raa_mix_cycle",
        "Working time per slot, which may take 20 ms.",
        &snapshot.mix_cycles,
    )?;
    encoder.histogram(
        "raa_slot_lateness",
        "Delay of the start of a slot.",
        &snapshot.slot_latenesses,
    )?;
    encoder.gauge(
        "raa_mixed_clients",
        "Clients in the mix, mean over the last full 5 s.",
        None,
        &status.avg_active,
    )
}

fn refusals(encoder: &mut Encoder<'_, '_>, scrape: &Scrape) -> fmt::Result {
    let status = &scrape.status;
    encoder.counter(
        "raa_dropped_datagrams",
        "Datagrams that the kernel dropped because its queue was full.",
        status.dropped_datagrams,
    )?;
    encoder.counter(
        "raa_unsent_reports",
        "RTCP reports to senders that could not be sent.",
        status.unsent_reports,
    )?;
    encoder.counters_by_reason(
        "raa_refused_packets",
        "Datagrams that were refused, by reason.",
        &status.refused_packets,
    )?;
    encoder.counters_by_reason(
        "raa_refused_requests",
        "HTTP requests and connections that were refused, by reason.",
        &status.refused_requests,
    )
}

fn listeners(encoder: &mut Encoder<'_, '_>, scrape: &Scrape) -> fmt::Result {
    let status = &scrape.status;
    let listeners = i64::try_from(status.listeners).unwrap_or(i64::MAX);
    encoder.gauge(
        "raa_listeners",
        "Connections that listen to a mix.",
        None,
        &listeners,
    )?;
    encoder.counter(
        "raa_listener_writes",
        "System calls that wrote frames to listeners.",
        status.listener_writes,
    )?;
    encoder.counter(
        "raa_listener_frames_skipped",
        "Frames that listeners missed because they were too slow or the server was stalled.",
        status.listener_frames_skipped,
    )?;
    encoder.counter(
        "raa_listeners_closed_slow",
        "Listeners that were disconnected because they were too slow.",
        status.listeners_closed_slow,
    )
}

/// The names that Prometheus' own libraries give to these.
fn process(encoder: &mut Encoder<'_, '_>, scrape: &Scrape) -> fmt::Result {
    let process = &scrape.status.process;
    let started = scrape
        .started
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    encoder.gauge(
        "process_start_time",
        "Start of the process, since 1970.",
        Some(&Unit::Seconds),
        &started.as_secs_f64(),
    )?;
    let rss = i64::try_from(process.rss_bytes).unwrap_or(i64::MAX);
    encoder.gauge(
        "process_resident_memory",
        "Resident memory.",
        Some(&Unit::Bytes),
        &rss,
    )?;
    encoder
        .0
        .encode_descriptor(
            "process_cpu",
            "CPU time of all threads, in user space and in the kernel.",
            Some(&Unit::Seconds),
            MetricType::Counter,
        )?
        .encode_counter(&process.cpu_s, NO_EXEMPLAR)
}

fn clients_by_status(encoder: &mut DescriptorEncoder<'_>, scrape: &Scrape) -> fmt::Result {
    let help = "Known clients, by their status.";
    let mut metric = encoder.encode_descriptor("raa_clients", help, None, MetricType::Gauge)?;
    for (word, status) in [
        ("sounding", Status::Sounding),
        ("connected", Status::Connected),
        ("offline", Status::Offline),
    ] {
        let count = scrape.snapshot.count(status) as u64;
        metric
            .encode_family(&[("status", word)])?
            .encode_gauge(&count)?;
    }
    Ok(())
}

/// Writes metrics with one value or with one for each reason.
struct Encoder<'a, 'b>(&'a mut DescriptorEncoder<'b>);

impl Encoder<'_, '_> {
    fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        self.0
            .encode_descriptor(name, help, None, MetricType::Counter)?
            .encode_counter(&value, NO_EXEMPLAR)
    }

    fn gauge(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        value: &impl EncodeGaugeValue,
    ) -> fmt::Result {
        self.0
            .encode_descriptor(name, help, unit, MetricType::Gauge)?
            .encode_gauge(value)
    }

    fn counters_by_reason(
        &mut self,
        name: &str,
        help: &str,
        counts: &BTreeMap<&'static str, u64>,
    ) -> fmt::Result {
        let mut metric = self
            .0
            .encode_descriptor(name, help, None, MetricType::Counter)?;
        for (reason, count) in counts {
            metric
                .encode_family(&[("reason", *reason)])?
                .encode_counter(count, NO_EXEMPLAR)?;
        }
        Ok(())
    }

    fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) -> fmt::Result {
        let buckets: Vec<(f64, u64)> = histogram.buckets().collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        self.0
            .encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Histogram)?
            .encode_histogram::<NoLabelSet>(histogram.sum_s(), count, &buckets, None)
    }
}
