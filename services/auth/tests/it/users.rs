use serde_json::{Value, json};

use crate::stack::{ADMIN, ANALYST, KNOWN, Stack};

fn emails(list: &Value) -> Vec<&str> {
    list["items"].as_array().unwrap().iter().map(|item| item["data"]["email"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn an_account_is_made_shown_changed_and_deleted() {
    let stack = Stack::start().await;
    let (admin, _) = stack.session(ADMIN, KNOWN).await;
    let analyst = stack.role(&admin, "analyst").await;
    let made = stack
        .create("/v1/users", &admin, json!({"email": " Ann@Example.com", "name": "Ann", "role_id": analyst}))
        .await;
    let uid = made.text("uid");
    assert_eq!(made.headers["location"], format!("/v1/users/{uid}"));
    assert_eq!(made.headers["cache-control"], "no-store");
    assert_eq!(
        made.body["data"],
        json!({"email": "ann@example.com", "name": "Ann", "role_id": analyst, "role": "analyst", "disabled": false,
            "must_change_password": true, "last_sign_in_at": null})
    );
    let password = made.text("initial_password");
    let login = stack.login("ann@example.com", &password).await;
    assert_eq!((login.status, &login.body["must_change_password"]), (200, &json!(true)));

    let path = format!("/v1/users/{uid}");
    let shown = stack.get(&path, &admin).await;
    assert_eq!(shown.body.get("initial_password"), None);
    assert_eq!(shown.body["data"]["last_sign_in_at"], login.body["user"]["createdAt"]);
    assert!(!shown.body.to_string().contains("argon2"));
    let changed = stack.patch(&path, &admin, json!({"name": "Bea", "email": "bea@example.com"})).await;
    assert_eq!((changed.status, &changed.body["data"]["name"]), (200, &json!("Bea")));
    assert_ne!(changed.headers["etag"], shown.headers["etag"]);
    assert_eq!(stack.login("bea@example.com", &password).await.status, 200);

    assert_eq!(stack.delete(&path, &admin).await.status, 204);
    assert_eq!(stack.get(&path, &admin).await.summary(), "404 not_found: there is no such thing");
    assert_eq!(stack.login("bea@example.com", &password).await.status, 401);
    assert_eq!(stack.refresh(&login.text("refresh_token")).await.status, 401);
    assert_eq!(stack.get("/v1/auth/me", &login.text("access_token")).await.status, 401);
    stack.create("/v1/users", &admin, json!({"email": "bea@example.com", "role_id": analyst})).await;
}

#[tokio::test]
async fn a_reset_password_and_disabling_end_every_session() {
    let stack = Stack::start().await;
    let (admin, _) = stack.session(ADMIN, KNOWN).await;
    let analyst = stack.role(&admin, "analyst").await;
    let (uid, _) = stack.hire(&admin, "ann@example.com", &analyst).await;
    let path = format!("/v1/users/{uid}");

    let (access, refresh) = stack.session("ann@example.com", "correct horse").await;
    let reset = stack.patch(&path, &admin, json!({"password": "a new horse"})).await;
    assert_eq!((reset.status, &reset.body["data"]["must_change_password"]), (200, &json!(true)));
    assert_eq!(stack.get("/v1/auth/me", &access).await.status, 401);
    assert_eq!(stack.refresh(&refresh).await.status, 401);
    assert_eq!(stack.login("ann@example.com", "correct horse").await.status, 401);

    let (access, refresh) = stack.session("ann@example.com", "a new horse").await;
    assert_eq!(stack.patch(&path, &admin, json!({"disabled": true})).await.body["data"]["disabled"], json!(true));
    assert_eq!(stack.get("/v1/auth/me", &access).await.status, 401);
    assert_eq!(stack.refresh(&refresh).await.status, 401);
    assert_eq!(stack.login("ann@example.com", "a new horse").await.text("code"), "invalid_credentials");
    assert_eq!(stack.patch(&path, &admin, json!({"disabled": false})).await.status, 200);
    assert_eq!(stack.login("ann@example.com", "a new horse").await.status, 200);
    assert_eq!(stack.refresh(&refresh).await.status, 401, "the sessions of before stay ended");
}

#[tokio::test]
async fn accounts_are_found_by_role_state_and_text_page_by_page() {
    let stack = Stack::start().await;
    let (admin, _) = stack.session(ADMIN, KNOWN).await;
    let analyst = stack.role(&admin, "analyst").await;
    for (email, name, disabled) in [("ann@example.com", "Ann 50% (x)", false), ("bea@example.com", "Bea", true)] {
        let body = json!({"email": email, "name": name, "role_id": analyst, "disabled": disabled});
        stack.create("/v1/users", &admin, body).await;
    }
    let list = async |query: &str| stack.get(&format!("/v1/users?{query}"), &admin).await.body;
    assert_eq!(emails(&list("sort=email").await), [ADMIN, "ann@example.com", "bea@example.com", ANALYST]);
    assert_eq!(emails(&list("disabled=true").await), ["bea@example.com"]);
    assert_eq!(emails(&list("q=50%25%20(X)").await), ["ann@example.com"]);
    assert_eq!(
        emails(&list(&format!("role_id={analyst}&sort=-email&disabled=false")).await),
        [ANALYST, "ann@example.com"]
    );
    let first = list("sort=email&limit=3&q=e").await;
    assert_eq!(emails(&first), [ADMIN, "ann@example.com", "bea@example.com"]);
    let next = stack.get(first["_links"]["next"].as_str().unwrap(), &admin).await.body;
    assert_eq!((emails(&next), &next["next_cursor"]), (vec![ANALYST], &Value::Null));
    for (query, wrong) in [
        ("sort=password", "/sort one of `-createdAt`, `createdAt`, `email`, `-email`"),
        ("cursor=forged", "/cursor the cursor was not made by this list"),
    ] {
        let refused = stack.get(&format!("/v1/users?{query}"), &admin).await.summary();
        assert_eq!(refused, format!("422 validation: a value is not allowed; {wrong}"));
    }
    assert_eq!(stack.get("/v1/users?limit=99999999999999999999", &admin).await.status, 200);
}

#[tokio::test]
async fn what_an_account_can_not_be_is_refused_field_by_field() {
    let stack = Stack::start().await;
    let (admin, _) = stack.session(ADMIN, KNOWN).await;
    let analyst = stack.role(&admin, "analyst").await;
    let nothing = dallosh_primitives::Uid::new();
    for (body, refusal) in [
        (
            json!({"email": "ann", "name": "\u{0}"}),
            "422 validation: a value is not allowed; /email is no e-mail address; /name must have 1 to 100 characters, \
             none of them control characters; /role_id is needed",
        ),
        (
            json!({"email": "ann@example.com", "role_id": nothing}),
            "422 validation: a value is not allowed; /role_id there is no such role",
        ),
        (
            json!({"email": "ann@example.com", "role_id": analyst, "password": "password1"}),
            "422 weak_password: the password is one of the most common ones; /password is one of the most common ones",
        ),
        (
            json!({"email": ADMIN, "role_id": analyst}),
            "409 conflict: another account has this e-mail address; /email is taken",
        ),
    ] {
        assert_eq!(stack.send(reqwest::Method::POST, "/v1/users", &admin, body).await.summary(), refusal);
    }
    let (uid, _) = stack.hire(&admin, "ann@example.com", &analyst).await;
    let path = format!("/v1/users/{uid}");
    for body in [json!({"uid": uid}), json!({"createdBy": uid}), json!({"permissions": []}), json!({"role_id": null})] {
        assert_eq!(stack.patch(&path, &admin, body).await.text("code"), "validation");
    }
    let stale = stack.request(reqwest::Method::PATCH, &path).bearer_auth(&admin).header("if-match", "\"1\"");
    let stale = crate::stack::answer(stale.json(&json!({"name": "Ann"}))).await;
    assert_eq!(stale.text("code"), "precondition_failed");
    assert_eq!(stack.get(&format!("/v1/users/{nothing}"), &admin).await.status, 404);
    assert_eq!(stack.get("/v1/users/x", &admin).await.status, 404);
}

#[tokio::test]
async fn nobody_decides_over_more_rights_than_they_have() {
    let stack = Stack::start().await;
    let (admin, _) = stack.session(ADMIN, KNOWN).await;
    let [admins, analysts] = [stack.role(&admin, "admin").await, stack.role(&admin, "analyst").await];
    let keepers = json!({"name": "keeper", "permissions": ["manage_users", "read_users"]});
    let keepers = stack.create("/v1/roles", &admin, keepers).await.text("uid");
    let (_, keeper) = stack.hire(&admin, "keeper@example.com", &keepers).await;
    let (other, _) = stack.hire(&admin, "other@example.com", &keepers).await;
    let analyst = stack.get(&format!("/v1/users?q={ANALYST}"), &admin).await.body["items"][0]["uid"].clone();
    let analyst = format!("/v1/users/{}", analyst.as_str().unwrap());
    let beyond = "403 forbidden: nobody decides over permissions that they don't have: this needs";
    let read = "`manage_datasets`, `manage_tasks`, `view_overview`, `read_datasets`, `read_tasks`";

    for (body, missing) in [(json!({"role_id": analysts}), read), (json!({"role_id": admins}), "`manage_datasets`")] {
        let refused = stack.patch(&format!("/v1/users/{other}"), &keeper, body).await.summary();
        assert!(refused.starts_with(&format!("{beyond} {missing}")), "{refused}");
    }
    let new = json!({"email": "x@example.com", "role_id": analysts});
    let refused = stack.send(reqwest::Method::POST, "/v1/users", &keeper, new).await;
    assert_eq!(refused.summary(), format!("{beyond} {read}"));
    for body in [
        json!({"password": "correct horse 2"}),
        json!({"email": "x@example.com"}),
        json!({"disabled": true}),
        json!({"role_id": keepers}),
    ] {
        assert_eq!(stack.patch(&analyst, &keeper, body).await.summary(), format!("{beyond} {read}"));
    }
    assert_eq!(stack.delete(&analyst, &keeper).await.summary(), format!("{beyond} {read}"));
    assert_eq!(stack.delete(&format!("{analyst}/sessions"), &keeper).await.summary(), format!("{beyond} {read}"));
    assert_eq!(stack.login(ANALYST, KNOWN).await.status, 200);
    assert_eq!(stack.delete(&format!("/v1/users/{other}"), &keeper).await.status, 204);
}

#[tokio::test]
async fn of_the_own_account_an_administrator_changes_only_the_name_here() {
    let stack = Stack::start().await;
    let (admin, _) = stack.session(ADMIN, KNOWN).await;
    let [admins, analysts] = [stack.role(&admin, "admin").await, stack.role(&admin, "analyst").await];
    let (uid, second) = stack.hire(&admin, "second@example.com", &admins).await;
    let path = format!("/v1/users/{uid}");
    let own = "409 own_account: nobody does this to their own account here; `/v1/auth/me` is for that";
    for body in [
        json!({"role_id": analysts}),
        json!({"disabled": true}),
        json!({"password": "correct horse 2"}),
        json!({"email": "third@example.com"}),
    ] {
        assert_eq!(stack.patch(&path, &second, body).await.summary(), own);
    }
    assert_eq!(stack.delete(&path, &second).await.summary(), own);
    let renamed = stack.patch(&path, &second, json!({"name": "Second", "role_id": admins, "disabled": false})).await;
    assert_eq!((renamed.status, &renamed.body["data"]["name"]), (200, &json!("Second")));
}

#[tokio::test]
async fn without_the_permission_accounts_and_roles_are_neither_seen_nor_changed() {
    let stack = Stack::start().await;
    let (analyst, _) = stack.session(ANALYST, KNOWN).await;
    let nothing = dallosh_primitives::Uid::new();
    let [read, manage] =
        ["read_users", "manage_users"].map(|name| format!("403 forbidden: this needs the permission `{name}`"));
    for path in [
        "/v1/users",
        &format!("/v1/users/{nothing}"),
        &format!("/v1/users/{nothing}/sessions"),
        "/v1/roles",
        &format!("/v1/roles/{nothing}"),
    ] {
        assert_eq!(stack.get(path, &analyst).await.summary(), read, "{path}");
    }
    for path in
        [format!("/v1/users/{nothing}"), format!("/v1/roles/{nothing}"), format!("/v1/users/{nothing}/sessions")]
    {
        assert_eq!(stack.delete(&path, &analyst).await.summary(), manage, "{path}");
    }
    for path in ["/v1/users", "/v1/roles"] {
        let body = json!({"email": "x", "name": "", "permissions": []});
        assert_ne!(stack.send(reqwest::Method::POST, path, &analyst, body).await.status, 201);
    }
    let new = json!({"email": "x@example.com", "role_id": nothing});
    assert_eq!(stack.send(reqwest::Method::POST, "/v1/users", &analyst, new).await.summary(), manage);
    let listed = stack.get("/v1/permissions", &analyst).await.body;
    assert_eq!(listed["items"].as_array().unwrap().len(), 8);
    assert_eq!(
        listed["items"][0],
        json!({"name": "manage_users", "description": "Make, change, disable and delete users and roles."})
    );
}
