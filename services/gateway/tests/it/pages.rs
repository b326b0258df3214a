use dallosh_service_kit::ErrorCode;
use serde_json::Value;

use crate::world::World;

#[actix_web::test]
async fn the_document_is_openapi_3_1_and_is_sent_once() {
    let world = World::new().await;
    let response = world.anonymous("GET", "/openapi.json").send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/json");
    let tag = response.headers()["etag"].clone();
    let document: Value = response.json().await.unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    assert_eq!(document["paths"]["/openapi.json"]["get"]["operationId"], "get_openapi");
    let again = world.anonymous("GET", "/openapi.json").header("if-none-match", &tag).send().await.unwrap();
    assert_eq!((again.status().as_u16(), &again.headers()["etag"]), (304, &tag));
}

#[actix_web::test]
async fn the_start_leads_to_the_reference_which_loads_only_what_the_gateway_has() {
    let world = World::new().await;
    let start = world.anonymous("GET", "/").send().await.unwrap();
    assert_eq!((start.status().as_u16(), &start.headers()["location"]), (307, &"/docs".parse().unwrap()));
    let response = world.anonymous("GET", "/docs").send().await.unwrap();
    let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("script-src 'self';") && !policy.contains("unsafe"), "{policy}");
    let page = response.text().await.unwrap();
    let links: Vec<_> = page
        .split('"')
        .filter(|text| text.starts_with('/') || text.contains("://"))
        .filter(|text| !text.starts_with("/>"))
        .collect();
    assert!(links.len() >= 6, "{links:?}");
    for link in links {
        let response = world.anonymous("GET", link).send().await.unwrap();
        assert_eq!(response.status(), 200, "{link}");
        let kind = response.headers()["content-type"].to_str().unwrap();
        let expected = match link.rsplit_once('.') {
            Some((_, "js")) => "text/javascript; charset=utf-8",
            Some((_, "css")) => "text/css; charset=utf-8",
            Some((_, "png")) => "image/png",
            Some((_, "json")) => "application/json",
            _ => "text/html; charset=utf-8",
        };
        assert_eq!(kind, expected, "{link}");
        assert_eq!(response.headers().contains_key("content-encoding"), link.contains("swagger"), "{link}");
        let head = world.anonymous("HEAD", link).send().await.unwrap();
        assert_eq!((head.status().as_u16(), &head.headers()["etag"]), (200, &response.headers()["etag"]), "{link}");
    }
}

#[actix_web::test]
async fn the_type_of_every_problem_leads_to_a_row_of_the_error_table() {
    let world = World::new().await;
    let page = world.anonymous("GET", "/docs/errors").send().await.unwrap().text().await.unwrap();
    for code in ErrorCode::ALL {
        assert!(page.contains(&format!("<tr id=\"{}\">", code.as_str())), "{}", code.as_str());
    }
}
