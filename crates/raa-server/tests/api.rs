//! The REST API over real connections: its responses and its errors.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::sender::{ID, Sender};
use common::{
    Server, build, client, client_when, connect, delete, get, next_json, patch, request, status,
    write,
};
use http_body_util::Full;
use hyper::{Method, Request};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

fn keys(value: &Value) -> Vec<&String> {
    value.as_object().unwrap().keys().collect()
}

#[tokio::test]
async fn everything_is_below_the_base_path_too() {
    let dir = tempfile::tempdir().unwrap();
    let base = |setup: &mut raa_server::Setup| setup.config.base_path = "/rooms/raa".to_owned();
    let server = Server::start_with(dir, base).await;
    let to = server.http;
    let redirect = get(to, "/rooms/raa").await;
    assert_eq!(redirect.status, 307);
    assert_eq!(redirect.header("location"), "/rooms/raa/");
    for path in [
        "/",
        "/index.html",
        "/player.js",
        "/sound/sound.js",
        "/vendor/opus-decoder/README.md",
        "/api/clients",
        "/api/openapi.json",
        "/healthz",
    ] {
        let (at_root, below) = (
            get(to, path).await,
            get(to, &format!("/rooms/raa{path}")).await,
        );
        assert_eq!(at_root.status, 200, "{path}");
        assert_eq!(
            (below.status, &below.body),
            (at_root.status, &at_root.body),
            "{path}"
        );
        assert_eq!(
            below.header("content-security-policy"),
            at_root.header("content-security-policy")
        );
    }
    for path in [
        "/rooms",
        "/rooms/",
        "/rooms/raa/none",
        "/rooms/raax",
        "/raa/",
    ] {
        get(to, path)
            .await
            .check_error(404, "not_found", "there is no file");
    }
    let mut listener = connect(to, "/rooms/raa/ws?mix=main").await;
    assert_eq!(next_json(&mut listener).await["mix"], "main");

    let _sender = Sender::start(server.udp);
    client_when(to, ID, |client| !client.is_null()).await;
    let path = format!("/rooms/raa/api/clients/{ID}");
    let change = build(Method::PATCH, &path, r#"{"volume":50}"#);
    assert_eq!(request(to, change).await.status, 200);
    assert_eq!(client(to, ID).await["volume"], 50);
    server.stop().await;
}

#[tokio::test]
async fn clients_are_listed_changed_and_deleted() {
    let server = Server::start().await;
    let to = server.http;
    assert_eq!(get(to, "/api/clients").await.json(), json!({"clients": []}));

    let sender = Sender::start(server.udp);
    let client = client_when(to, ID, |client| client["status"] == "sounding").await;
    assert_eq!(
        (&client["name"], &client["volume"], &client["muted"]),
        (&json!(""), &json!(100), &json!(false))
    );
    assert!(
        client["address"]
            .as_str()
            .unwrap()
            .starts_with("127.0.0.1:"),
        "{client}"
    );
    assert!(
        client["level"]["peak_dbfs"].as_f64().unwrap() > -20.0,
        "{client}"
    );

    let reply = patch(to, ID, r#"{"name":" Ward 3 ","volume":150,"muted":true}"#).await;
    assert_eq!(reply.status, 200);
    let changed = reply.json();
    assert_eq!(
        (&changed["name"], &changed["volume"], &changed["muted"]),
        (&json!("Ward 3"), &json!(150), &json!(true))
    );
    let unchanged = patch(to, &ID.to_uppercase(), "{}").await.json();
    assert_eq!(
        (&unchanged["name"], &unchanged["volume"]),
        (&json!("Ward 3"), &json!(150))
    );

    let own = patch(to, ID, r#"{"name":null}"#).await.json();
    assert_eq!(
        (&own["name"], &own["volume"]),
        (&client["name"], &json!(150)),
        "the name that the sender reports"
    );

    delete(to, ID)
        .await
        .check_error(409, "client_connected", ID);
    drop(sender);
    client_when(to, ID, |client| client["status"] == "offline").await;
    assert_eq!(delete(to, ID).await.status, 204);
    delete(to, ID).await.check_error(404, "not_found", ID);
    assert_eq!(get(to, "/api/clients").await.json(), json!({"clients": []}));
    server.stop().await;
}

#[tokio::test]
async fn the_test_client_has_its_own_id() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start_with(dir, |setup| setup.config.test_music = true).await;
    let client = client_when(server.http, "bgmtest0", |client| {
        client["status"] == "sounding"
    })
    .await;
    assert_eq!(
        (&client["ssrc"], &client["address"]),
        (&json!(0xb9a7_e570_u32), &Value::Null)
    );
    let reply = patch(server.http, "bgmtest0", r#"{"muted":true}"#).await;
    assert_eq!(
        (reply.status.as_u16(), &reply.json()["id"]),
        (200, &json!("bgmtest0"))
    );
    server.stop().await;
}

#[tokio::test]
async fn errors_are_json_with_code_and_sentence() {
    let server = Server::start().await;
    let to = server.http;
    let _sender = Sender::start(server.udp);
    client_when(to, ID, |client| !client.is_null()).await;

    patch(to, ID, "{")
        .await
        .check_error(400, "invalid_json", "line 1 column");
    patch(to, ID, r#"{"volume":250}"#).await.check_error(
        422,
        "value_out_of_range",
        "volume is 250; it must be a whole number from 0 to 200",
    );
    patch(to, ID, r#"{"mute":true}"#)
        .await
        .check_error(422, "unknown_field", "\"mute\"");
    patch(to, ID, "[]")
        .await
        .check_error(422, "wrong_type", "the body is []");
    patch(to, ID, vec![b' '; 16 * 1024 + 1])
        .await
        .check_error(413, "body_too_large", "16384");
    patch(to, "00000001", "{}")
        .await
        .check_error(404, "not_found", "00000001");
    patch(to, "nonsense", "{}")
        .await
        .check_error(404, "not_found", "nonsense");
    patch(to, "%00%ff", "{}")
        .await
        .check_error(404, "not_found", "UTF-8");
    delete(to, "00000001")
        .await
        .check_error(404, "not_found", "00000001");
    get(to, "/api/nothing")
        .await
        .check_error(404, "not_found", "/api/nothing");
    get(to, "/api/clients/forget")
        .await
        .check_error(405, "method_not_allowed", "GET");
    get(to, "/api/clients/00000001")
        .await
        .check_error(404, "not_found", "00000001");
    let post = request(to, build(Method::POST, "/", "")).await;
    post.check_error(405, "method_not_allowed", "POST");

    let path = format!("/api/clients/{ID}");
    let form = Request::builder()
        .method("PATCH")
        .uri(&path)
        .header("host", "localhost");
    let form = form
        .header("content-type", "text/plain")
        .body(Full::new("{}".into()))
        .unwrap();
    request(to, form)
        .await
        .check_error(415, "unsupported_media_type", "\"text/plain\"");
    let unchanged = common::client(to, ID).await;
    let settings = json!([unchanged["volume"], unchanged["name"]]);
    assert_eq!(settings, json!([100, ""]));
    server.stop().await;
}

#[tokio::test]
async fn plain_requests_to_websockets_are_refused() {
    let server = Server::start().await;
    let to = server.http;
    get(to, "/ws?mix=other")
        .await
        .check_error(404, "not_found", "no mix is called \"other\"");
    get(to, "/ws")
        .await
        .check_error(426, "websocket_required", "WebSocket");
    get(to, "/ws?mix=main")
        .await
        .check_error(426, "websocket_required", "WebSocket");
    get(to, "/api/events")
        .await
        .check_error(426, "websocket_required", "WebSocket");
    server.stop().await;
}

#[tokio::test]
async fn one_client_is_read_like_all() {
    let server = Server::start().await;
    let to = server.http;
    let _sender = Sender::start(server.udp);
    client_when(to, ID, |client| !client.is_null()).await;
    let one = get(to, "/api/clients/5F0A11C2").await;
    let listed = client(to, ID).await;
    let fields = |client: &Value| {
        client
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (one.status.as_u16(), fields(&one.json())),
        (200, fields(&listed))
    );
    assert_eq!(one.json()["id"], ID);
    server.stop().await;
}

#[tokio::test]
async fn the_status_counts_events() {
    let server = Server::start().await;
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket
        .send_to(b"this is not RTP", server.udp)
        .await
        .unwrap();
    let status = loop {
        let status = status(server.http).await;
        if status["refused_packets"]["not_rtp"] == 1
            && status["slots"].as_u64().is_some_and(|slots| slots > 300)
        {
            break status;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    assert!(status["uptime_s"].as_u64().unwrap() >= 5, "{status}");
    assert_eq!(status["udp_port"], server.udp.port());
    let [mean, p99, max] =
        ["mean_ms", "p99_ms", "max_ms"].map(|figure| status["mix_cycle"][figure].as_f64().unwrap());
    assert!(0.0 < mean && mean <= max && p99 <= max, "{status}");
    assert!(
        status["process"]["rss_bytes"].as_u64().unwrap() > 1 << 20,
        "{status}"
    );
    let healthy = get(server.http, "/healthz").await;
    assert_eq!(
        (healthy.status.as_u16(), healthy.json()),
        (200, json!({"status": "ok"}))
    );
    server.stop().await;
}

#[tokio::test]
async fn the_description_covers_the_responses() {
    let server = Server::start().await;
    let to = server.http;
    let _sender = Sender::start(server.udp);
    client_when(to, ID, |client| !client.is_null()).await;
    let api = get(to, "/api/openapi.json").await.json();

    for (path, methods) in api["paths"].as_object().unwrap() {
        for method in keys(methods) {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let reply = request(to, build(method.clone(), &path.replace("{id}", ID), "{}")).await;
            let documented = &methods[method.as_str().to_lowercase()]["responses"];
            assert!(
                !documented[reply.status.as_str()].is_null(),
                "{method} {path}: {reply:?}"
            );
        }
    }
    let described = |name: &str| api["components"]["schemas"][name]["properties"].clone();
    let client = common::client(to, ID).await;
    assert_eq!(keys(&client), keys(&described("ClientBody")));
    assert_eq!(keys(&client["stats"]), keys(&described("StatsBody")));
    let status = status(to).await;
    assert_eq!(keys(&status), keys(&described("StatusBody")));
    let fields = described("ClientPatch");
    assert_eq!(
        keys(&fields),
        [
            "muted",
            "muted_for_s",
            "name",
            "sounding_from_dbfs",
            "volume"
        ]
    );
    assert_eq!(
        (&fields["volume"]["maximum"], &fields["name"]["maxLength"]),
        (&json!(200), &json!(64))
    );
    for (name, schema) in api["components"]["schemas"].as_object().unwrap() {
        for (field, property) in schema["properties"].as_object().into_iter().flatten() {
            let has_text = property["description"].is_string() || property["oneOf"].is_array();
            assert!(has_text, "{name}.{field} has no description");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn files_are_served_from_their_folder_only() {
    let dir = tempfile::tempdir().unwrap();
    let web = dir.path().join("web");
    write(&web.join("index.html"), "<p>page</p>");
    write(&web.join("vendor/decoder.js"), "export {}");
    write(&dir.path().join("secret"), "secret");
    let server = Server::start_with(dir, |setup| setup.web_dir = Some(web)).await;
    let to = server.http;

    let page = get(to, "/").await;
    assert_eq!(
        (page.status.as_u16(), &page.body[..]),
        (200, &b"<p>page</p>"[..])
    );
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(page.header("cache-control"), "no-cache");
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    assert!(
        page.header("content-security-policy")
            .contains("'wasm-unsafe-eval'")
    );
    let again = Request::builder()
        .uri("/index.html")
        .header("host", "localhost");
    let again = again.header("if-none-match", page.header("etag"));
    let again = request(to, again.body(Full::default()).unwrap()).await;
    assert_eq!((again.status.as_u16(), again.body.len()), (304, 0));
    assert_eq!(again.header("access-control-allow-origin"), "*");
    let script = get(to, "/vendor/decoder.js").await;
    // Pages of other origins may import player.js, but not read the API.
    assert_eq!(script.header("access-control-allow-origin"), "*");
    let clients = get(to, "/api/clients").await;
    assert_eq!(clients.headers.get("access-control-allow-origin"), None);
    assert_eq!(
        script.header("content-type"),
        "text/javascript; charset=utf-8"
    );
    let head = request(to, build(Method::HEAD, "/", "")).await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    let post = request(to, build(Method::POST, "/index.html", "")).await;
    post.check_error(405, "method_not_allowed", "POST");
    for path in [
        "/../secret",
        "/vendor/../../secret",
        "/%2e%2e/secret",
        "//etc/passwd",
        "/vendor",
        "/x",
    ] {
        get(to, path)
            .await
            .check_error(404, "not_found", "there is no");
    }
    server.stop().await;
}

#[test]
fn no_request_breaks_the_server() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(Server::start());
    let _sender = runtime.block_on(async { Sender::start(server.udp) });
    runtime.block_on(client_when(server.http, ID, |client| !client.is_null()));

    let valid = br#"{"name":"Ward 3","volume":150,"muted":true}"#.to_vec();
    let mutated = (0..valid.len(), any::<u8>()).prop_map(move |(at, byte)| {
        let mut body = valid.clone();
        body[at] = byte;
        body
    });
    let number = any::<f64>().prop_map(|number| format!("{{\"volume\":{number:e}}}").into_bytes());
    let body = prop_oneof![mutated, number, any::<Vec<u8>>()];
    let path = prop_oneof![
        3 => Just(format!("/api/clients/{ID}")),
        1 => "(/api|/ws|/healthz)?(/[a-z0-9%.{}]{0,12}){0,3}(\\?[a-z=&%]{0,8})?",
    ];
    let method = prop_oneof![
        4 => Just(Method::PATCH),
        1 => Just(Method::GET),
        1 => Just(Method::POST),
        1 => Just(Method::OPTIONS),
        1 => Just(Method::HEAD),
    ];
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 400,
        ..ProptestConfig::default()
    });
    let run = runner.run(&(method, path, body), |(method, path, body)| {
        prop_assume!(path.starts_with('/') && path.parse::<hyper::Uri>().is_ok());
        let reply = runtime.block_on(request(server.http, build(method, &path, body)));
        prop_assert!(!reply.status.is_server_error(), "{reply:?}");
        Ok(())
    });
    run.unwrap();
    assert_eq!(runtime.block_on(get(server.http, "/healthz")).status, 200);
    runtime.block_on(server.stop());
}
