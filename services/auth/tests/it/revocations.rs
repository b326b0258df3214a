//! What an access token that is out is worth, at another service that only has the address of this one.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;

use crate::{
    stack::{ADMIN, Answer, KNOWN, Stack, answer},
    tokens::guarded,
};

/// How soon what was decided holds everywhere.
const SOON: Duration = Duration::from_secs(5);

/// A stack, another service, an administrator, and a role that lets into that service.
struct World {
    stack: Stack,
    other: String,
    admin: String,
    readers: String,
}

impl World {
    async fn start() -> Self {
        let stack = Stack::start().await;
        let other = guarded(&stack).await;
        let (admin, _) = stack.session(ADMIN, KNOWN).await;
        let readers = json!({"name": "reader", "permissions": ["read_users"]});
        let readers = stack.create("/v1/roles", &admin, readers).await.text("uid");
        Self { stack, other, admin, readers }
    }

    /// Somebody with the role: the path of the account, and the access and the refresh token.
    async fn reader(&self, name: &str) -> (String, String, String) {
        let email = format!("{name}@example.com");
        let body = json!({"email": email, "role_id": self.readers, "password": "correct horse"});
        let uid = self.stack.create("/v1/users", &self.admin, body).await.text("uid");
        let (access, refresh) = self.stack.session(&email, "correct horse").await;
        assert_eq!(self.ask(&access).await.status, 200);
        (format!("/v1/users/{uid}"), access, refresh)
    }

    async fn ask(&self, token: &str) -> Answer {
        answer(self.stack.http.get(format!("{}/guarded", self.other)).bearer_auth(token)).await
    }

    /// Waits until the other service refuses the token.
    async fn refused_soon(&self, what: &str, token: &str) {
        let since = Instant::now();
        loop {
            let status = self.ask(token).await.status;
            if status == 401 {
                return;
            }
            assert_eq!(status, 200, "{what}");
            assert!(since.elapsed() < SOON, "{what} is believed after {SOON:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test]
async fn what_was_ended_opens_nothing_at_another_service_five_seconds_later() {
    let world = World::start().await;
    let (stack, admin) = (&world.stack, &world.admin);
    let mut out = Vec::new();

    let (_, token, _) = world.reader("signs-out").await;
    assert_eq!(stack.logout(&token).await.status, 204);
    out.push(("a session that was signed out", token));

    let (path, token, refresh) = world.reader("ends-another").await;
    let (other, _) = stack.session("ends-another@example.com", "correct horse").await;
    let session = refresh.split_once('.').unwrap().0;
    assert_eq!(stack.delete(&format!("/v1/auth/sessions/{session}"), &other).await.status, 204);
    out.push(("a session that was ended by its id", token));
    assert_eq!(stack.delete(&format!("{path}/sessions"), admin).await.status, 204);
    out.push(("one of all the sessions of a user", other));

    let (path, token, _) = world.reader("is-disabled").await;
    assert_eq!(stack.patch(&path, admin, json!({"disabled": true})).await.status, 200);
    out.push(("a disabled account", token));

    let (path, token, _) = world.reader("is-deleted").await;
    assert_eq!(stack.delete(&path, admin).await.status, 204);
    out.push(("a deleted account", token));

    let (path, token, _) = world.reader("is-reset").await;
    assert_eq!(stack.patch(&path, admin, json!({"password": "another horse"})).await.status, 200);
    out.push(("an account with another password", token));

    let (_, token, first) = world.reader("is-copied").await;
    let second = stack.refresh(&first).await.text("refresh_token");
    stack.refresh(&second).await;
    assert_eq!(stack.refresh(&first).await.status, 401);
    out.push(("a session whose refresh token was used again", token));

    for (what, token) in &out {
        world.refused_soon(what, token).await;
    }
    assert_eq!(world.ask(admin).await.status, 200, "others go on");
}

#[tokio::test]
async fn a_program_with_an_api_token_that_was_deleted_is_refused_too() {
    let world = World::start().await;
    let (_, access, _) = world.reader("ann").await;
    let made =
        world.stack.create("/v1/auth/tokens", &access, json!({"name": "ci", "permissions": ["read_users"]})).await;
    let exchanged = world.stack.post("/internal/tokens/exchange", json!({"token": made.text("token")})).await;
    let program = exchanged.text("access_token");
    assert_eq!(world.ask(&program).await.status, 200);
    assert_eq!(world.stack.delete(&format!("/v1/auth/tokens/{}", made.text("uid")), &access).await.status, 204);
    world.refused_soon("an API token", &program).await;
    assert_eq!(world.ask(&access).await.status, 200);
}

#[tokio::test]
async fn another_role_and_a_changed_role_hold_after_a_refresh_without_a_sign_in() {
    let world = World::start().await;
    let (stack, admin) = (&world.stack, &world.admin);
    let (path, token, refresh) = world.reader("ann").await;
    let analysts = stack.role(admin, "analyst").await;
    assert_eq!(stack.patch(&path, admin, json!({"role_id": analysts})).await.status, 200);
    world.refused_soon("a token of the role before", &token).await;
    let tokens = stack.refresh(&refresh).await;
    let (token, refresh) = (tokens.text("access_token"), tokens.text("refresh_token"));
    assert_eq!(world.ask(&token).await.summary(), "403 forbidden: this needs the permission `read_users`");

    assert_eq!(stack.patch(&path, admin, json!({"role_id": world.readers})).await.status, 200);
    let tokens = stack.refresh(&refresh).await;
    let (token, refresh) = (tokens.text("access_token"), tokens.text("refresh_token"));
    assert_eq!(world.ask(&token).await.status, 200);
    let role = format!("/v1/roles/{}", world.readers);
    assert_eq!(stack.patch(&role, admin, json!({"permissions": ["read_tasks"]})).await.status, 200);
    world.refused_soon("a token of a role that was narrowed", &token).await;
    let token = stack.refresh(&refresh).await.text("access_token");
    assert_eq!(world.ask(&token).await.status, 403);
}

#[tokio::test]
async fn who_changes_the_own_password_goes_on_with_the_own_token() {
    let world = World::start().await;
    let (_, token, _) = world.reader("ann").await;
    let (other, _) = world.stack.session("ann@example.com", "correct horse").await;
    let change = json!({"password": "another horse", "current_password": "correct horse"});
    assert_eq!(world.stack.patch_me(&token, change).await.status, 200);
    world.refused_soon("another session", &other).await;
    assert_eq!(world.ask(&token).await.status, 200);
}

#[tokio::test]
async fn revocations_name_no_secret_and_are_forgotten_when_no_token_can_be_out() {
    let world = World::start().await;
    let (path, _, refresh) = world.reader("ann").await;
    assert_eq!(world.stack.delete(&path, &world.admin).await.status, 204);
    let list = async || answer(world.stack.request(Method::GET, "/internal/revocations")).await;
    let told = list().await;
    assert_eq!(told.body["ended"], json!([path.rsplit('/').next().unwrap()]));
    assert!(!told.body.to_string().contains(refresh.split_once('.').unwrap().1));
    world.stack.clock.advance(chrono::TimeDelta::minutes(12));
    assert_eq!(list().await.body, json!({"ended": [], "assignments": {}, "revisions": {}}));
}
