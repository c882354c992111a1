//! Groups and the places of clients in them.

use hyper::Method;
use serde_json::json;

use crate::common::sender::{ID, introduce};
use crate::common::{Page, Server, build, delete, get, request};
use crate::{DESK, by_desk, log};

#[tokio::test]
async fn groups_and_places_are_kept() {
    let server = Server::start().await;
    let to = server.http;
    introduce(server.udp, to).await;
    let mut page = Page::open(to).await;
    let old = get(to, "/api/groups").await.json()["revision"].clone();
    let wanted = json!({"revision": old, "groups": [
        {"name": "Floor 2", "clients": []}, {"name": "一階", "clients": [ID]}]});
    let reply = by_desk(to, Method::PUT, "/api/groups", &wanted).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    page.when(|page| page.client(ID)["place"] == 0).await;
    assert_eq!(page.client(ID)["group"], 2);
    assert_eq!(
        page.server["groups"],
        json!([{"id": 1, "name": "Floor 2"}, {"id": 2, "name": "一階"}])
    );
    assert_eq!(
        page.client(ID)["configured"],
        true,
        "it keeps its place for ever"
    );
    by_desk(to, Method::PUT, "/api/groups", &wanted)
        .await
        .check_error(409, "changed_since", "the arrangement was changed");
    let unknown = json!({"revision": reply.json()["revision"], "groups": [
        {"name": "x", "clients": ["00000099"]}]});
    by_desk(to, Method::PUT, "/api/groups", &unknown)
        .await
        .check_error(422, "value_out_of_range", "clients has 00000099");
    assert_eq!(log(to, "?kind=groups").await[0]["by"]["name"], DESK);
    // More changes by the same desk stay in the entry, so that they do not push the sounds out of sight.
    for (is_desk, counts) in [(true, vec![2]), (false, vec![1, 2])] {
        let mut wanted = get(to, "/api/groups").await.json();
        wanted["groups"].as_array_mut().unwrap().reverse();
        let reply = if is_desk {
            by_desk(to, Method::PUT, "/api/groups", &wanted).await
        } else {
            let change = build(Method::PUT, "/api/groups", wanted.to_string());
            request(to, change).await
        };
        assert_eq!(reply.status, 200, "{reply:?}");
        let entries = log(to, "?kind=groups").await;
        let found: Vec<_> = entries
            .iter()
            .map(|entry| entry["count"].as_u64())
            .collect();
        let counts: Vec<_> = counts.into_iter().map(Some).collect();
        assert_eq!(found, counts, "by the same desk: {is_desk}");
    }

    let server = server.restart().await;
    let groups = get(server.http, "/api/groups").await.json()["groups"].clone();
    assert_eq!(groups[1], json!({"id": 2, "name": "一階", "clients": [ID]}));
    // A deleted client loses its place.
    assert_eq!(delete(server.http, ID).await.status, 204);
    let groups = get(server.http, "/api/groups").await.json()["groups"].clone();
    assert_eq!(groups[1]["clients"], json!([]));
    server.stop().await;
}
