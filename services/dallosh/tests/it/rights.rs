//! Who may do what: every operation of the running product's own document, with each permission alone, with all but it,
//! by nobody, and on what is somebody else's. An operation that has no rule here fails the test.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use dallosh_primitives::Uid;
use dallosh_testkit::{Client, Stack};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{DALLOSH, SAMPLE};

/// Who may use an operation.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Rule {
    /// Everybody.
    Public,
    /// Whoever is signed in; what they get is their own.
    SignedIn,
    /// Whoever's role has all of these permissions.
    Needs(&'static [&'static str]),
}
use Rule::{Needs, Public, SignedIn};

/// The rule of each operation.
const RULES: &[(&str, Rule)] = &[
    ("list_keys", Public),
    ("get_health", Public),
    ("get_metrics", Public),
    ("get_openapi", Public),
    ("get_readiness", Public),
    ("get_public_settings", Public),
    ("describe_uploads", Public),
    ("login_user", Public),
    ("refresh_session", Public),
    ("register_user", Public),
    ("logout_user", SignedIn),
    ("get_me", SignedIn),
    ("update_me", SignedIn),
    ("delete_me", SignedIn),
    ("list_sessions", SignedIn),
    ("delete_session", SignedIn),
    ("list_api_tokens", SignedIn),
    ("create_api_token", SignedIn),
    ("delete_api_token", SignedIn),
    ("list_permissions", SignedIn),
    ("list_users", Needs(&["read_users"])),
    ("get_user", Needs(&["read_users"])),
    ("list_user_sessions", Needs(&["read_users"])),
    ("list_roles", Needs(&["read_users"])),
    ("get_role", Needs(&["read_users"])),
    ("create_user", Needs(&["manage_users"])),
    ("update_user", Needs(&["manage_users"])),
    ("delete_user", Needs(&["manage_users"])),
    ("delete_user_sessions", Needs(&["manage_users"])),
    ("create_role", Needs(&["manage_users"])),
    ("update_role", Needs(&["manage_users"])),
    ("delete_role", Needs(&["manage_users"])),
    ("list_files", Needs(&["read_datasets"])),
    ("get_file", Needs(&["read_datasets"])),
    ("get_file_content", Needs(&["read_datasets"])),
    ("head_file_content", Needs(&["read_datasets"])),
    ("preview_file", Needs(&["read_datasets"])),
    ("profile_file", Needs(&["read_datasets"])),
    ("list_file_rows", Needs(&["read_datasets"])),
    ("list_file_rejects", Needs(&["read_datasets"])),
    ("get_analysis", Needs(&["read_datasets"])),
    ("list_analysis_posts", Needs(&["read_datasets"])),
    ("upload_file", Needs(&["manage_datasets"])),
    ("create_upload", Needs(&["manage_datasets"])),
    ("head_upload", Needs(&["manage_datasets"])),
    ("append_upload", Needs(&["manage_datasets"])),
    ("delete_upload", Needs(&["manage_datasets"])),
    ("update_file", Needs(&["manage_datasets"])),
    ("delete_file", Needs(&["manage_datasets"])),
    ("get_overview", Needs(&["view_overview"])),
    ("list_tasks", Needs(&["read_tasks"])),
    ("get_task", Needs(&["read_tasks"])),
    ("list_task_events", Needs(&["read_tasks"])),
    ("list_task_rows", Needs(&["read_tasks"])),
    ("list_events", Needs(&["read_tasks"])),
    ("create_task", Needs(&["manage_tasks"])),
    ("estimate_task", Needs(&["manage_tasks"])),
    ("update_task", Needs(&["manage_tasks"])),
    ("delete_task", Needs(&["manage_tasks"])),
    ("start_task", Needs(&["manage_tasks"])),
    ("pause_task", Needs(&["manage_tasks"])),
    ("resume_task", Needs(&["manage_tasks"])),
    ("stop_task", Needs(&["manage_tasks"])),
    ("retry_task", Needs(&["manage_tasks"])),
    ("restart_task", Needs(&["manage_tasks"])),
    ("get_general_settings", SignedIn),
    ("update_general_settings", Needs(&["manage_app"])),
    ("get_ai_settings", Needs(&["manage_app"])),
    ("update_ai_settings", Needs(&["manage_app"])),
    ("list_logs", Needs(&["manage_app"])),
    ("get_log", Needs(&["manage_app"])),
    ("export_logs", Needs(&["manage_app"])),
    ("list_models", Needs(&["manage_app"])),
    ("get_model", Needs(&["manage_app"])),
    ("create_model", Needs(&["manage_app"])),
    ("update_model", Needs(&["manage_app"])),
    ("delete_model", Needs(&["manage_app"])),
    ("test_model", Needs(&["manage_app"])),
];

/// A body that can be read and does nothing, where one is needed.
fn body(operation: &str, nothing: Uid) -> Option<Value> {
    Some(match operation {
        "create_user" => json!({"email": "x", "role_id": nothing}),
        "update_user" => json!({"email": "x"}),
        "create_role" => json!({"name": "", "permissions": []}),
        "update_role" => json!({"name": ""}),
        "update_file" => json!({"filename": ""}),
        "create_task" | "estimate_task" => json!({"file_id": nothing}),
        "update_task" => json!({"budget": {"max_tokens": 1}}),
        "update_ai_settings" => json!({"preferences": {}}),
        "retry_task" | "update_general_settings" | "create_model" | "update_model" => json!({}),
        _ => return None,
    })
}

/// What every request about a resumable upload says.
const UPLOAD: [(&str, &str); 4] = [
    ("tus-resumable", "1.0.0"),
    ("upload-length", "10"),
    ("upload-offset", "0"),
    ("content-type", "application/offset+octet-stream"),
];

/// An operation of the document.
struct Operation {
    id: String,
    method: Method,
    path: String,
    rule: Rule,
}

impl Operation {
    /// Asks it about the thing with this id.
    async fn ask(&self, client: &Client, thing: &str) -> Result<(u16, Value)> {
        let mut path = self.path.clone();
        if let (Some(open), Some(close)) = (path.find('{'), path.find('}')) {
            path.replace_range(open..=close, thing);
        }
        let body = body(&self.id, Uid::new());
        let headers = if self.id.ends_with("_upload") { &UPLOAD[..] } else { &[] };
        let answer = client.send(self.method.clone(), &path, headers, body.as_ref()).await?;
        Ok((answer.status.as_u16(), answer.json()))
    }
}

async fn operations(client: &Client) -> Result<Vec<Operation>> {
    let document = client.get("/openapi.json").await?.expect(200)?;
    let rules: BTreeMap<_, _> = RULES.iter().copied().collect();
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().context("no paths")? {
        for (method, operation) in item.as_object().context("no operations")? {
            let Some(id) = operation["operationId"].as_str() else { continue };
            let rule = *rules.get(id).with_context(|| format!("{id} has no rule"))?;
            let method = method.to_uppercase().parse()?;
            found.push(Operation { id: id.to_owned(), method, path: path.clone(), rule });
        }
    }
    for (id, _) in RULES {
        ensure!(found.iter().any(|operation| operation.id == *id), "{id} has a rule and does not exist");
    }
    Ok(found)
}

/// Somebody new with a role of these permissions.
async fn hired(base: &str, admin: &Client, name: &str, permissions: &[&Value]) -> Result<Client> {
    let role = json!({"name": name, "permissions": permissions});
    let role = admin.post("/v1/roles", &role).await?.expect(201)?["uid"].clone();
    let email = format!("{}@example.com", name.replace(' ', "-"));
    let user = json!({"email": email, "password": "correct horse", "role_id": role});
    admin.post("/v1/users", &user).await?.expect(201)?;
    Client::login(base, &email, "correct horse").await
}

#[tokio::test]
async fn every_operation_is_open_to_its_permission_alone_and_says_which_it_is() -> Result<()> {
    let stack = Stack::embedded(DALLOSH, &[]).await?;
    let admin = stack.admin().await?;
    let operations = operations(&admin).await?;
    let nobody = Client::anonymous(&stack.base)?;
    let nothing = Uid::new().to_string();
    for operation in &operations {
        let (status, said) = operation.ask(&nobody, &nothing).await?;
        let is_open = status != 401 || said["code"] == "invalid_credentials" || operation.id == "refresh_session";
        ensure!(is_open == (operation.rule == Public), "{} by nobody: {status} {said}", operation.id);
    }
    let all = admin.get("/v1/permissions").await?.expect(200)?;
    let all: Vec<_> = all["items"].as_array().context("no permissions")?.iter().map(|item| &item["name"]).collect();
    let mut wrong = Vec::new();
    for permission in &all {
        let name = permission.as_str().context("no name")?;
        let rest: Vec<_> = all.iter().copied().filter(|other| other != permission).collect();
        for (who, held) in [(format!("only {name}"), vec![*permission]), (format!("all but {name}"), rest)] {
            let client = hired(&stack.base, &admin, &who, &held).await?;
            for operation in &operations {
                let Needs(needed) = operation.rule else { continue };
                let (status, said) = operation.ask(&client, &nothing).await?;
                let missing: Vec<_> = needed.iter().filter(|one| !held.iter().any(|held| held == *one)).collect();
                let names_one =
                    missing.iter().any(|one| said["detail"] == format!("this needs the permission `{one}`"));
                let holds = if missing.is_empty() {
                    status != 401 && status != 403 && status < 500
                } else {
                    status == 403 && (names_one || operation.method == Method::HEAD)
                };
                if !holds {
                    wrong.push(format!("{who}: {}: {status} {said}", operation.id));
                }
            }
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

#[tokio::test]
async fn what_is_somebody_elses_is_not_there_for_any_operation() -> Result<()> {
    let stack = Stack::embedded(DALLOSH, &[]).await?;
    let (admin, owner) = (stack.admin().await?, stack.analyst().await?);
    let every = json!([
        "view_overview",
        "manage_datasets",
        "read_datasets",
        "manage_tasks",
        "read_tasks",
        "manage_users",
        "read_users"
    ]);
    let other =
        hired(&stack.base, &admin, "other", &every.as_array().context("a list")?.iter().collect::<Vec<_>>()).await?;
    let (file, task) = owner.new_task(SAMPLE, json!({})).await?;
    let token = json!({"name": "ci", "permissions": ["read_tasks"]});
    let token = owner.post("/v1/auth/tokens", &token).await?.expect(201)?;
    let session = owner.get("/v1/auth/sessions").await?.expect(200)?;
    let upload = owner.send(Method::POST, "/v1/uploads", &UPLOAD, None).await?;
    let upload = upload.headers["location"].to_str()?.trim_start_matches("/v1/uploads/").to_owned();
    let uid = |thing: &Value| thing["uid"].as_str().map(str::to_owned).context("no uid");
    let (token, session) = (uid(&token)?, uid(&session["items"][0])?);
    for operation in operations(&admin).await? {
        let thing = match operation.path.split('{').next().unwrap_or_default() {
            "/v1/files/" | "/v1/analysis/" => &file,
            "/v1/uploads/" => &upload,
            "/v1/tasks/" if operation.path.contains('{') => &task,
            "/v1/auth/tokens/" => &token,
            "/v1/auth/sessions/" => &session,
            // Nobody's own: who may see one may see all.
            "/v1/users/" | "/v1/roles/" | "/v1/settings/ai/models/" | "/v1/logs/" => continue,
            path => {
                ensure!(!operation.path.contains('{'), "{path}: whose are these?");
                continue;
            }
        };
        let (status, said) = operation.ask(&other, thing).await?;
        ensure!(status == 404, "{}: {status} {said}", operation.id);
    }
    owner.get(&format!("/v1/files/{file}")).await?.expect(200)?;
    ensure!(owner.task(&task).await?["status"] == "added", "the task was touched");
    Ok(())
}

#[tokio::test]
async fn who_may_not_see_datasets_makes_no_task_for_one_and_does_not_learn_that_it_is_there() -> Result<()> {
    let stack = Stack::embedded(DALLOSH, &[]).await?;
    let admin = stack.admin().await?;
    let (file, _) = admin.new_task(SAMPLE, json!({})).await?;
    let blind = hired(&stack.base, &admin, "blind", &[&json!("manage_tasks")]).await?;
    for path in ["/v1/tasks", "/v1/tasks/estimate"] {
        let said = |answer: dallosh_testkit::Answer| (answer.summary(), answer.json()["detail"].clone());
        let there = said(blind.post(path, &json!({ "file_id": file })).await?);
        let nowhere = said(blind.post(path, &json!({ "file_id": Uid::new() })).await?);
        ensure!(there.0 == "404 not_found" && there == nowhere, "{path}: {there:?}, {nowhere:?}");
    }
    Ok(())
}
