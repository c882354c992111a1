//! `/metrics`: the server's figures for Prometheus, in its text format or, on request, as OpenMetrics.
//!
//! Everything comes from the snapshot that the engine publishes anyway, so a scrape never reaches the
//! engine. Always: names and units are those of Prometheus' conventions (base units, `_total`); the only
//! labels are reasons, statuses, and each known client's SSRC; a client's name is a label of one metric
//! only, because a label that changes begins a new series.

mod clients;
mod server;

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, VARY};
use axum::response::Response;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet, prometheus_text, text};
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::Registry;

use crate::api::model::StatusBody;
use crate::api::shared_body::SharedBody;
use crate::api::status::ServerFigures;
use crate::connection::Requester;
use crate::engine::{EngineHandle, Snapshot};
use crate::refused_requests::RefusedRequests;
use crate::watch::Watch;

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The texts of the newest scrapes, in both formats.
#[derive(Clone)]
pub(crate) struct Metrics {
    prometheus: Arc<SharedBody>,
    openmetrics: Arc<SharedBody>,
}

impl Metrics {
    pub(crate) fn new(figures: ServerFigures, refused: Arc<RefusedRequests>, watch: Watch) -> Self {
        let started = SystemTime::now();
        let body = |content_type, encode: Encode| {
            let (figures, refused) = (figures.clone(), refused.clone());
            let watch = watch.clone();
            let render = move |snapshot: &Arc<Snapshot>| {
                let scrape = Scrape {
                    started,
                    status: figures.with(snapshot),
                    lost_log_entries: watch.lost(),
                    snapshot: snapshot.clone(),
                };
                scrape.exposition(encode)
            };
            Arc::new(SharedBody::new(content_type, refused, render))
        };
        Self {
            prometheus: body(prometheus_text::CONTENT_TYPE, prometheus_text::encode),
            openmetrics: body(OPENMETRICS, text::encode),
        }
    }
}

/// No counter here has exemplars.
const NO_EXEMPLAR: Option<&Exemplar<NoLabelSet, u64>> = None;

type Encode = fn(&mut String, &Registry) -> fmt::Result;

/// Read the server's figures for Prometheus.
///
/// The answer is in Prometheus' text format 0.0.4, or in that of OpenMetrics 1.0 if the header `Accept`
/// names it.
#[utoipa::path(
    get, path = "/metrics", tag = "server",
    responses((status = 200, description = "The figures", body = String, content_type = "text/plain"))
)]
pub(crate) async fn read(
    State(engine): State<EngineHandle>,
    State(metrics): State<Metrics>,
    Extension(requester): Extension<Requester>,
    headers: HeaderMap,
) -> Response {
    let body = if wants_openmetrics(&headers) {
        metrics.openmetrics
    } else {
        metrics.prometheus
    };
    let mut response = body.response(&engine.snapshot(), requester.address);
    response.headers_mut().insert(VARY, ACCEPT.into());
    response
}

/// Prometheus prefers whatever it names first, and programs that do not know OpenMetrics do not name it.
fn wants_openmetrics(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter();
    let mut types = accepted.filter_map(|value| value.to_str().ok());
    types.any(|value| value.contains("application/openmetrics-text"))
}

/// What one answer shows.
#[derive(Debug)]
struct Scrape {
    started: SystemTime,
    status: StatusBody,
    lost_log_entries: u64,
    snapshot: Arc<Snapshot>,
}

impl Scrape {
    fn exposition(self, encode: Encode) -> Vec<u8> {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &registry);
        text.into_bytes()
    }
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        server::encode(&mut encoder, self)?;
        clients::encode(&mut encoder, &self.snapshot, SystemTime::now())
    }
}
