use bytes::Bytes;
use dallosh_gateway::Site;
use reqwest::Response;

use crate::world::{World, code};

const SCRIPT: &str = "_next/static/chunks/a-1b2c.js";

/// A small export. What is packed differs from what it was packed from, so that tests see which was sent.
async fn world() -> World {
    let files = [
        ("index.html", "<h1>start</h1>"),
        ("home.html", "<h1>home</h1>"),
        ("home.html.br", "home in brotli"),
        ("home.html.gz", "home in gzip"),
        ("home/overview.html", "<h1>overview</h1>"),
        ("404.html", "<h1>nothing here</h1>"),
        ("404.html.br", "nothing in brotli"),
        (SCRIPT, "let a = 1"),
        ("icon.svg", "<svg/>"),
        ("scripted.html", "<script src=\"/a.js\"></script><script>let a = 1</script><script id=b>added later</script>"),
        // Those of `let a = 1` and of a script of another page.
        ("csp.json", r#"["sha256-LAfYd7pbFUgwfQu8b4q135PeTG2z+/coPEUYCd74eCQ=", "sha256-OTHER="]"#),
    ];
    World::showing(Site::new(files.map(|(name, text)| (name, Bytes::from_static(text.as_bytes())))).unwrap()).await
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

async fn get(world: &World, path: &str) -> Response {
    world.anonymous("GET", path).send().await.unwrap()
}

#[actix_web::test]
async fn a_page_is_found_by_its_name_without_html_and_asked_for_again_each_time() {
    let world = world().await;
    for (path, text) in [("/", "start"), ("/home", "home"), ("/home/overview", "overview"), ("/home.html", "home")] {
        let response = get(&world, path).await;
        assert_eq!((response.status().as_u16(), header(&response, "cache-control")), (200, "no-cache"), "{path}");
        assert_eq!(header(&response, "content-type"), "text/html; charset=utf-8", "{path}");
        let tag = header(&response, "etag").to_owned();
        assert_eq!(response.text().await.unwrap(), format!("<h1>{text}</h1>"), "{path}");
        let again = world.anonymous("GET", path).header("if-none-match", &tag).send().await.unwrap();
        assert_eq!((again.status().as_u16(), header(&again, "etag")), (304, &*tag), "{path}");
        assert_eq!(again.bytes().await.unwrap(), "", "{path}");
    }
}

#[actix_web::test]
async fn what_has_its_content_in_its_name_is_kept_for_a_year() {
    let world = world().await;
    let response = get(&world, &format!("/{SCRIPT}")).await;
    assert_eq!(header(&response, "cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(header(&response, "content-type"), "text/javascript; charset=utf-8");
    assert_eq!(header(&get(&world, "/icon.svg").await, "content-type"), "image/svg+xml");
}

#[actix_web::test]
async fn the_smallest_variant_that_the_client_takes_is_sent_each_with_a_tag_of_its_own() {
    let world = world().await;
    let mut tags = Vec::new();
    for (accepted, encoding, text) in [
        ("gzip, deflate, br, zstd", "br", "home in brotli"),
        ("gzip;q=1.0, br;q=0", "gzip", "home in gzip"),
        ("gzip", "gzip", "home in gzip"),
        ("zstd", "", "<h1>home</h1>"),
        ("", "", "<h1>home</h1>"),
    ] {
        let response = world.anonymous("GET", "/home").header("accept-encoding", accepted).send().await.unwrap();
        assert_eq!((header(&response, "content-encoding"), header(&response, "vary")), (encoding, "accept-encoding"));
        tags.push(header(&response, "etag").to_owned());
        assert_eq!(response.text().await.unwrap(), text, "{accepted}");
    }
    assert_eq!((tags[1] == tags[2], tags[3] == tags[4]), (true, true));
    tags.dedup();
    assert_eq!(tags.len(), 3, "{tags:?}");
    assert_eq!(code_or_status(get(&world, "/home.html.br").await).await, "404");
}

async fn code_or_status(response: Response) -> String {
    if header(&response, "content-type") == "application/problem+json" {
        return code(response).await;
    }
    response.status().as_u16().to_string()
}

#[actix_web::test]
async fn a_page_runs_its_own_scripts_and_the_inline_ones_it_was_built_with_alone() {
    let world = world().await;
    let policy = |response: &Response| header(response, "content-security-policy").to_owned();
    let scripted = policy(&get(&world, "/scripted").await);
    assert!(
        scripted.contains("script-src 'self' 'sha256-LAfYd7pbFUgwfQu8b4q135PeTG2z+/coPEUYCd74eCQ='; style-src"),
        "{scripted}"
    );
    for directive in ["default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "connect-src 'self'"] {
        assert!(scripted.contains(directive), "{scripted}");
    }
    for path in ["/", "/nothing"] {
        assert!(policy(&get(&world, path).await).contains("script-src 'self'; style-src"), "{path}");
    }
    assert_eq!(policy(&get(&world, "/icon.svg").await), "default-src 'none'; frame-ancestors 'none'");
}

#[actix_web::test]
async fn an_unknown_page_is_the_page_for_it_and_an_unknown_path_of_the_api_is_a_problem() {
    let world = world().await;
    for path in ["/nothing", "/home/", "/.git/config", "/csp.json", "/404", "//etc/passwd", "/..%2f..%2fetc/passwd"] {
        let response = get(&world, path).await;
        assert_eq!((response.status().as_u16(), header(&response, "cache-control")), (404, "no-cache"), "{path}");
        assert_eq!(header(&response, "content-type"), "text/html; charset=utf-8", "{path}");
        assert_eq!(response.text().await.unwrap(), "<h1>nothing here</h1>", "{path}");
    }
    for path in ["/v1/nothing", "/v2/files", "/v1", "/.well-known/nothing", "/docs/nothing"] {
        assert_eq!(code(get(&world, path).await).await, "404 not_found", "{path}");
    }
    assert_eq!(code(world.anonymous("POST", "/nothing").send().await.unwrap()).await, "404 not_found");
    let changed = world.anonymous("POST", "/home").send().await.unwrap();
    assert_eq!(header(&changed, "allow"), "GET, HEAD");
    assert_eq!(code(changed).await, "405 method_not_allowed");
    assert_eq!(get(&world, "/docs").await.status(), 200);
}

#[actix_web::test]
async fn the_head_of_a_page_and_a_part_of_it_can_be_had() {
    let world = world().await;
    let head = world.anonymous("HEAD", "/home").send().await.unwrap();
    assert_eq!((head.status().as_u16(), header(&head, "content-length")), (200, "13"));
    assert_eq!(head.bytes().await.unwrap(), "");
    let asked = |range: &str| {
        let request = world.anonymous("GET", "/home").header("range", range);
        request.header("accept-encoding", "br").send()
    };
    let tag = header(&get(&world, "/home").await, "etag").to_owned();
    let part = asked("bytes=4-7").await.unwrap();
    assert_eq!((part.status().as_u16(), header(&part, "content-range")), (206, "bytes 4-7/13"));
    assert_eq!((header(&part, "etag"), header(&part, "content-encoding")), (&*tag, ""));
    assert_eq!(part.text().await.unwrap(), "home");
    let end = asked("bytes=-5").await.unwrap();
    assert_eq!((end.status().as_u16(), &*end.text().await.unwrap()), (206, "</h1>"));
    let outside = asked("bytes=13-").await.unwrap();
    assert_eq!(header(&outside, "content-range"), "bytes */13");
    assert_eq!(code(outside).await, "416 range_not_satisfiable");
    for unclear in ["bytes=x", "bytes=0-1,3-4", "rows=1-2"] {
        assert_eq!(asked(unclear).await.unwrap().status(), 200, "{unclear}");
    }
    let stale = world.anonymous("GET", "/home").header("range", "bytes=0-1").header("if-range", "\"old\"");
    assert_eq!(stale.send().await.unwrap().status(), 200);
}

#[actix_web::test]
async fn an_export_whose_scripts_are_not_readable_is_refused() {
    let files = [("csp.json", Bytes::from_static(b"{}"))];
    assert!(Site::new(files).is_err());
}
