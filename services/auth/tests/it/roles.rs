use reqwest::Method;
use serde_json::json;

use crate::stack::{ADMIN, KNOWN, Stack};

#[tokio::test]
async fn a_role_is_made_changed_given_and_deleted_when_nobody_has_it_any_more() {
    let stack = Stack::start().await;
    let (admin, _) = stack.session(ADMIN, KNOWN).await;
    let made = stack.create("/v1/roles", &admin, json!({"name": " reader ", "permissions": ["read_users"]})).await;
    let uid = made.text("uid");
    let path = format!("/v1/roles/{uid}");
    assert_eq!(made.headers["location"], path);
    assert_eq!(made.body["data"], json!({"name": "reader", "permissions": ["read_users"]}));
    let (ann, token) = stack.hire(&admin, "ann@example.com", &uid).await;
    assert_eq!(stack.get("/v1/users", &token).await.status, 200);

    let narrowed = stack.patch(&path, &admin, json!({"permissions": ["read_tasks"]})).await;
    assert_eq!((narrowed.status, &narrowed.body["data"]["permissions"]), (200, &json!(["read_tasks"])));
    let refused = stack.get("/v1/users", &token).await;
    assert!([401, 403].contains(&refused.status), "{}", refused.summary());

    assert_eq!(
        stack.delete(&path, &admin).await.summary(),
        "409 in_use: 1 users have this role; give them another one first"
    );
    assert_eq!(stack.delete(&format!("/v1/users/{ann}"), &admin).await.status, 204);
    assert_eq!(stack.delete(&path, &admin).await.status, 204);
    assert_eq!(stack.get(&path, &admin).await.status, 404);
}

#[tokio::test]
async fn a_role_is_changed_only_by_who_names_its_revision() {
    let stack = Stack::start().await;
    let (admin, _) = stack.session(ADMIN, KNOWN).await;
    let made = stack.create("/v1/roles", &admin, json!({"name": "reader", "permissions": []})).await;
    let path = format!("/v1/roles/{}", made.text("uid"));
    let rename = async |tag: Option<&str>, name: &str| {
        let mut request = stack.request(Method::PATCH, &path).bearer_auth(&admin).json(&json!({ "name": name }));
        if let Some(tag) = tag {
            request = request.header("if-match", tag);
        }
        crate::stack::answer(request).await
    };
    assert_eq!(rename(None, "a").await.text("code"), "precondition_required");
    assert_eq!(rename(Some("\"7\""), "a").await.text("code"), "precondition_failed");
    let tag = made.headers["etag"].to_str().unwrap();
    let (one, two) = tokio::join!(rename(Some(tag), "b"), rename(Some(tag), "c"));
    let mut both = [one.status, two.status];
    both.sort_unstable();
    assert_eq!(both, [200, 412]);
    let unnamed = stack.request(Method::DELETE, &path).bearer_auth(&admin);
    assert_eq!(crate::stack::answer(unnamed).await.text("code"), "precondition_required");
}

#[tokio::test]
async fn the_roles_of_the_product_stay() {
    let stack = Stack::start().await;
    let (admin, _) = stack.session(ADMIN, KNOWN).await;
    let admins = format!("/v1/roles/{}", stack.role(&admin, "admin").await);
    let analysts = format!("/v1/roles/{}", stack.role(&admin, "analyst").await);
    let fixed = "409 fixed_role: the role `admin` allows everything, and stays as it is";
    assert_eq!(stack.patch(&admins, &admin, json!({"permissions": ["read_users"]})).await.summary(), fixed);
    assert_eq!(stack.patch(&admins, &admin, json!({"name": "chief"})).await.summary(), fixed);
    assert_eq!(stack.delete(&admins, &admin).await.summary(), fixed);
    assert_eq!(
        stack.delete(&analysts, &admin).await.summary(),
        "409 fixed_role: the role `analyst` is that of everybody who registers, and can't be deleted"
    );
    let changed = stack.patch(&analysts, &admin, json!({"permissions": ["read_tasks"]})).await;
    assert_eq!(changed.body["data"]["permissions"], json!(["read_tasks"]));
}

#[tokio::test]
async fn nobody_makes_or_widens_a_role_beyond_their_own_rights() {
    let stack = Stack::start().await;
    let (admin, _) = stack.session(ADMIN, KNOWN).await;
    let keepers = json!({"name": "keeper", "permissions": ["manage_users", "read_users"]});
    let keepers = stack.create("/v1/roles", &admin, keepers).await.text("uid");
    let (_, keeper) = stack.hire(&admin, "keeper@example.com", &keepers).await;
    let beyond = "403 forbidden: nobody decides over permissions that they don't have: this needs";
    let wider = json!({"name": "wider", "permissions": ["manage_users", "manage_app"]});
    assert_eq!(
        stack.send(Method::POST, "/v1/roles", &keeper, wider.clone()).await.summary(),
        format!("{beyond} `manage_app`")
    );
    let own = format!("/v1/roles/{keepers}");
    assert_eq!(stack.patch(&own, &keeper, wider).await.summary(), format!("{beyond} `manage_app`"));
    let others = json!({"name": "planner", "permissions": ["manage_tasks"]});
    let others = format!("/v1/roles/{}", stack.create("/v1/roles", &admin, others).await.text("uid"));
    assert_eq!(stack.patch(&others, &keeper, json!({"name": "x"})).await.summary(), format!("{beyond} `manage_tasks`"));
    assert_eq!(stack.delete(&others, &keeper).await.summary(), format!("{beyond} `manage_tasks`"));
    assert_eq!(stack.patch(&own, &keeper, json!({"name": "warden"})).await.body["data"]["name"], json!("warden"));
}

#[tokio::test]
async fn a_name_of_a_role_is_taken_once_and_roles_are_listed_by_it() {
    let stack = Stack::start().await;
    let (admin, _) = stack.session(ADMIN, KNOWN).await;
    let reader = json!({"name": "reader", "permissions": []});
    stack.create("/v1/roles", &admin, reader.clone()).await;
    let again = stack.send(Method::POST, "/v1/roles", &admin, reader).await;
    assert_eq!(again.summary(), "409 conflict: another role has this name; /name is taken");
    let analysts = format!("/v1/roles/{}", stack.role(&admin, "analyst").await);
    assert_eq!(stack.patch(&analysts, &admin, json!({"name": "reader"})).await.text("code"), "conflict");
    for body in [json!({"name": " ", "permissions": []}), json!({"name": "x", "permissions": ["fly"]})] {
        assert_eq!(stack.send(Method::POST, "/v1/roles", &admin, body).await.text("code"), "validation");
    }
    let listed = stack.get("/v1/roles?sort=name&q=A", &admin).await.body;
    let names: Vec<_> = listed["items"].as_array().unwrap().iter().map(|role| role["data"]["name"].clone()).collect();
    assert_eq!(names, ["admin", "analyst", "reader"]);
}
