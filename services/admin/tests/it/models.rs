use serde_json::{Value, json};

use crate::stack::{MODELS, Stack};

const CANARY: &str = "sk-canary-8f1d2c3b4a596877-c0de";

fn model(url: &str, more: Value) -> Value {
    let mut body = json!({"kind": "external", "provider": "openai", "model": "m", "baseUrl": url, "apiKey": CANARY});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

#[actix_web::test]
async fn a_model_has_defaults_and_shows_all_but_its_key() {
    let stack = Stack::start().await;
    let admin = stack.admin();
    let price = json!({"input_per_million_tokens": "1.00", "output_per_million_tokens": 0.5});
    let made = admin.post(MODELS, &model(&stack.model, json!({"price": price}))).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let shown = json!({
        "kind": "external", "provider": "openai", "model": "m", "baseUrl": stack.model, "has_key": true, "last4": "c0de",
        "retryRequests": 3, "paginateRowsLimit": 500, "concurrency": 2, "position": 0,
        "requestsPerMinute": null, "tokensPerMinute": null, "contextTokens": null,
        "price": {"input_per_million_tokens": "1.00", "output_per_million_tokens": "0.5"}
    });
    assert_eq!(made.data(), shown);
    let read = admin.get(made.headers["location"].to_str().unwrap()).await;
    assert_eq!((read.data(), read.etag()), (shown, made.etag()));
    let inside = admin.post(MODELS, &json!({"kind": "local", "provider": "builtin"})).await.data();
    assert_eq!(
        (&inside["model"], &inside["baseUrl"], &inside["position"]),
        (&json!("builtin"), &Value::Null, &json!(1))
    );
}

#[actix_web::test]
async fn every_wrong_field_is_named_when_a_model_is_added_and_when_it_is_changed() {
    let stack = Stack::start().await;
    let admin = stack.admin();
    let path = format!("{MODELS}/{}", admin.add(&model(&stack.model, json!({}))).await);
    let before = admin.get(&path).await.json();
    let price =
        |input: Value, output: Value| json!({"input_per_million_tokens": input, "output_per_million_tokens": output});
    for (field, values) in [
        ("retryRequests", vec![json!(0), json!(11), json!(-1), json!("3"), json!(1.5), Value::Null]),
        ("paginateRowsLimit", vec![json!(0), json!(5001), json!("all"), json!(1_u64 << 63)]),
        ("concurrency", vec![json!(0), json!(65), json!(-1)]),
        ("requestsPerMinute", vec![json!(0), json!(1_000_001), json!("60"), json!(0.5)]),
        ("tokensPerMinute", vec![json!(0), json!(1_000_000_001), json!(-1)]),
        ("contextTokens", vec![json!(1023), json!(10_000_001), json!("8k")]),
        ("position", vec![json!(-1), json!(1_000_001)]),
        ("kind", vec![json!("foreign"), Value::Null]),
        ("provider", vec![json!("acme"), json!("bedrock")]),
        ("model", vec![json!("a\r\nb"), json!("x".repeat(201)), json!(""), json!("  "), json!(7)]),
        ("apiKey", vec![json!("a b"), json!("a\nb"), json!("clé"), json!(1), json!("x".repeat(4097))]),
        ("baseUrl", vec![json!(7), Value::Null]),
        (
            "price",
            vec![
                json!({"input_per_million_tokens": "-1"}),
                price(json!("-1"), json!("1")),
                price(json!("1"), json!("free")),
                price(json!("1"), json!("0.0000000001")),
                json!("1"),
            ],
        ),
    ] {
        for value in values {
            let wanted = format!("422 validation /{field}");
            let answer = admin.post(MODELS, &model(&stack.model, json!({field: value}))).await;
            assert_eq!(answer.problem(), wanted, "{value}");
            let answer = admin.patch(&path, json!({field: value})).await;
            // A change to another address asks for the key as well.
            assert!(answer.problem().starts_with("422 validation"), "{value} {}", answer.problem());
            assert!(answer.problem().contains(&format!("/{field}")), "{value} {}", answer.problem());
        }
    }
    let several = admin.patch(&path, json!({"retryRequests": 0, "concurrency": 0})).await;
    assert_eq!(several.problem(), "422 validation /retryRequests /concurrency");
    let nothing = admin.post(MODELS, &json!({})).await;
    assert_eq!(nothing.problem(), "422 validation /kind /provider /model /baseUrl");
    assert_eq!(admin.post(MODELS, &model(&stack.model, json!({"has_key": true}))).await.status, 422);
    let outside = json!({"kind": "external", "provider": "builtin", "baseUrl": stack.model, "apiKey": "x"});
    assert_eq!(admin.post(MODELS, &outside).await.problem(), "422 validation /kind /baseUrl /apiKey");
    assert_eq!(admin.get(&path).await.json(), before);
}

#[actix_web::test]
async fn limits_are_kept_reach_the_tasks_and_go_with_null() {
    let stack = Stack::start().await;
    let admin = stack.admin();
    let limits = json!({"requestsPerMinute": 1, "tokensPerMinute": 1_000_000_000, "contextTokens": 1024});
    let path = format!("{MODELS}/{}", admin.add(&model(&stack.model, limits)).await);
    let changed = admin.patch(&path, json!({"requestsPerMinute": 500, "contextTokens": null})).await.data();
    assert_eq!(
        (&changed["requestsPerMinute"], &changed["tokensPerMinute"], &changed["contextTokens"]),
        (&json!(500), &json!(1_000_000_000), &Value::Null)
    );
    let route = admin.get("/internal/ai/route?mode=external").await.json();
    let taken = &route[0];
    assert_eq!(
        (&taken["requests_per_minute"], &taken["tokens_per_minute"], &taken["context_tokens"]),
        (&json!(500), &json!(1_000_000_000), &Value::Null)
    );
}

#[actix_web::test]
async fn only_addresses_that_the_operator_allows_are_taken() {
    let stack = Stack::start().await;
    for url in [
        "",
        "file:///etc/passwd",
        "http://169.254.169.254/v1",
        "http://10.0.0.1/",
        "https://api.openai.com@127.0.0.2/",
        "https://api.openai.com/v1",
        "http://localhost:5672/",
        "http://localhost:11434/?x=1",
    ] {
        let answer = stack.admin().post(MODELS, &model(url, json!({}))).await;
        assert_eq!(answer.problem(), "422 url_not_allowed /baseUrl", "{url}");
    }
    let both = stack.admin().post(MODELS, &model("ftp://x/", json!({"concurrency": 0}))).await;
    assert_eq!(both.problem(), "422 validation /concurrency /baseUrl");

    let more = [
        ("profile", "production".to_owned()),
        ("models.allowed_origins", "https://api.openai.com,http://ollama:11434".to_owned()),
    ];
    let strict = Stack::with(&more).await;
    let admin = strict.admin();
    let local = admin.post(MODELS, &model(&strict.model, json!({}))).await;
    assert_eq!(local.problem(), "422 url_not_allowed /baseUrl");
    admin.add(&model("https://api.openai.com/v1", json!({}))).await;
    let plain = admin.post(MODELS, &model("http://ollama:11434", json!({}))).await;
    assert_eq!(plain.problem(), "422 url_not_allowed /baseUrl");
    let path = format!("{MODELS}/{}", admin.add(&model("http://ollama:11434", json!({"apiKey": ""}))).await);
    assert_eq!(admin.patch(&path, json!({"apiKey": CANARY})).await.problem(), "422 url_not_allowed /baseUrl");
}

#[actix_web::test]
async fn a_key_is_kept_by_asterisks_cleared_by_nothing_and_bound_to_its_address() {
    let stack = Stack::start().await;
    let admin = stack.admin();
    let path = format!("{MODELS}/{}", admin.add(&model(&stack.model, json!({}))).await);
    let key = async || {
        let data = admin.get(&path).await.data();
        (data["has_key"].as_bool().unwrap(), data["last4"].as_str().map(str::to_owned))
    };
    let there = (true, Some("c0de".to_owned()));
    for change in
        [json!({"apiKey": "********"}), json!({"retryRequests": 1}), json!({"baseUrl": format!("{}/", stack.model)})]
    {
        assert_eq!(admin.patch(&path, change).await.status, 200);
        assert_eq!(key().await, there);
    }
    let elsewhere = stack.model.replace("127.0.0.1", "localhost");
    for change in [json!({"baseUrl": elsewhere}), json!({"baseUrl": elsewhere, "apiKey": "****"})] {
        assert_eq!(admin.patch(&path, change).await.problem(), "422 validation /apiKey");
        assert_eq!(key().await, there);
    }
    assert_eq!(admin.patch(&path, json!({"baseUrl": elsewhere, "apiKey": "sk-another-0002"})).await.status, 200);
    assert_eq!(key().await, (true, Some("0002".to_owned())));
    assert_eq!(admin.patch(&path, json!({"apiKey": "short"})).await.status, 200);
    assert_eq!(key().await, (true, None));
    assert_eq!(admin.patch(&path, json!({"apiKey": ""})).await.status, 200);
    assert_eq!(key().await, (false, None));
    assert_eq!(admin.patch(&path, json!({"baseUrl": stack.model})).await.status, 200);
}

#[actix_web::test]
async fn a_key_reaches_its_server_and_is_seen_nowhere_else() {
    let stack = Stack::start().await;
    let admin = stack.admin();
    let price = json!({"input_per_million_tokens": "1", "output_per_million_tokens": "2"});
    let made = admin.post(MODELS, &model(&stack.model, json!({"price": price}))).await;
    let path = format!("{MODELS}/{}", made.json()["uid"].as_str().unwrap());
    let test = format!("{path}/test");
    let good = admin.post(&test, &json!({})).await;
    let told = good.json();
    assert_eq!((&told["ok"], &told["cost"], &told["error"]), (&json!(true), &json!("0.00028"), &Value::Null));
    assert_eq!(told["usage"], json!({"prompt_tokens": 200, "completion_tokens": 40}));
    assert_eq!(stack.server(|server| server.keys.clone()), [format!("Bearer {CANARY}")]);

    stack.server(|server| server.refuses = true);
    let bad = admin.post(&test, &json!({})).await;
    assert_eq!((bad.status, &bad.json()["ok"]), (200, &json!(false)));
    assert_eq!(bad.json()["error"]["code"], "unauthorized");
    let asked = stack.server(|server| server.keys.len());
    assert_eq!(asked, 2, "one test is one call");

    let refused = admin.post(MODELS, &model("ftp://x/", json!({"apiKey": format!("{CANARY} {CANARY}")}))).await;
    let route = admin.get("/internal/ai/route").await;
    assert!(route.json()[0]["sealed_key"].as_str().unwrap().starts_with("s1."));
    let answers = [made, good, bad, refused, route, admin.get(&path).await, admin.get(MODELS).await];
    assert!(answers.iter().all(|answer| !answer.text().contains(CANARY)));
    assert!(!format!("{answers:?}").contains(CANARY));
    assert_eq!(stack.files_with(CANARY), Vec::<std::path::PathBuf>::new());

    let stack = stack.restart().await;
    let admin = stack.admin();
    assert_eq!(admin.post(&test, &json!({})).await.json()["ok"], true);
    assert_eq!(stack.server(|server| server.keys.clone()), [format!("Bearer {CANARY}")], "the key outlives a restart");
    assert_eq!(stack.files_with(CANARY), Vec::<std::path::PathBuf>::new());
}

#[actix_web::test]
async fn a_test_tells_what_is_wrong_in_words() {
    let stack = Stack::start().await;
    let admin = stack.admin();
    let inside = admin.add(&json!({"kind": "local", "provider": "builtin"})).await;
    let told = admin.post(&format!("{MODELS}/{inside}/test"), &json!({})).await.json();
    assert_eq!((&told["ok"], &told["cost"], &told["error"]), (&json!(true), &json!("0"), &Value::Null));

    let gone = admin.add(&model(&stack.model.replace("127.0.0.1", "127.0.0.2"), json!({}))).await;
    let told = admin.post(&format!("{MODELS}/{gone}/test"), &json!({})).await.json();
    assert_eq!((&told["ok"], &told["error"]["code"]), (&json!(false), &json!("unavailable")));
    let absent = admin.post(&format!("{MODELS}/{}/test", dallosh_primitives::Uid::new()), &json!({})).await;
    assert_eq!(absent.problem(), "404 not_found");
}
