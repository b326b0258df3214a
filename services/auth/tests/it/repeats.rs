use reqwest::Method;
use serde_json::{Value, json};

use crate::stack::{ADMIN, Answer, KNOWN, Stack, answer};

async fn repeated(stack: &Stack, access: &str, path: &str, body: &Value) -> [Answer; 2] {
    let post = async || {
        let request = stack.request(Method::POST, path).bearer_auth(access).header("idempotency-key", "once");
        answer(request.json(body)).await
    };
    [post().await, post().await]
}

#[tokio::test]
async fn a_repeated_request_makes_nothing_twice_and_shows_its_secret_again_which_the_database_does_not_tell() {
    let stack = Stack::start().await;
    let (access, _) = stack.session(ADMIN, KNOWN).await;
    let role_id = stack.role(&access, "analyst").await;
    let mut secrets = Vec::new();
    for (path, body, secret) in [
        ("/v1/roles", json!({"name": "once", "permissions": ["read_users"]}), None),
        ("/v1/users", json!({"email": "once@example.com", "role_id": role_id}), Some("initial_password")),
        ("/v1/auth/tokens", json!({"name": "once", "permissions": ["read_users"]}), Some("token")),
    ] {
        let listed = async || stack.get(path, &access).await.body["items"].as_array().unwrap().len();
        let before = listed().await;
        let [first, again] = repeated(&stack, &access, path, &body).await;
        assert_eq!((first.status, again.status), (201, 201), "{path}: {again:?}");
        assert_eq!((first.body.clone(), listed().await), (again.body.clone(), before + 1), "{path}");
        assert_eq!(again.headers["idempotency-replayed"], "true", "{path}");
        secrets.extend(secret.map(|name| again.text(name)));
    }
    let stored: Vec<u8> = std::fs::read_dir(stack.folder())
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.is_file())
        .flat_map(|path| std::fs::read(path).unwrap())
        .collect();
    let is_stored = |text: &str| stored.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(is_stored("once@example.com"), "another place than the database was searched");
    assert!(secrets.len() == 2 && !secrets.iter().any(|secret| is_stored(secret)), "a secret lies open");
}

#[tokio::test]
async fn an_api_token_gets_no_answer_that_its_user_got() {
    let stack = Stack::start().await;
    let (access, _) = stack.session(ADMIN, KNOWN).await;
    let body = json!({"name": "all", "permissions": ["read_users", "manage_users"]});
    let [made, _] = repeated(&stack, &access, "/v1/auth/tokens", &body).await;
    let exchanged = stack.post("/internal/tokens/exchange", json!({"token": made.text("token")})).await;
    let program = exchanged.text("access_token");
    let [refused, _] = repeated(&stack, &program, "/v1/auth/tokens", &body).await;
    assert_eq!((refused.status, refused.body.get("token")), (403, None));
}
