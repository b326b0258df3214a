//! What a field of a request may not be, for every body of the running product's own document.

use anyhow::{Context, Result, ensure};
use dallosh_primitives::Uid;
use dallosh_testkit::Stack;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{DALLOSH, SAMPLE};

/// Values of every kind that JSON has, with the names that a schema gives the kind. An object could be an operator of a
/// database.
fn values() -> [(&'static [&'static str], Value); 6] {
    [
        (&["string"], json!("x")),
        (&["integer", "number"], json!(7)),
        (&["number"], json!(1.5)),
        (&["boolean"], json!(true)),
        (&["array"], json!(["x"])),
        (&["object"], json!({ "$gt": "" })),
    ]
}

/// Fields that hold money.
const MONEY: [&str; 3] = ["max_cost", "input_per_million_tokens", "output_per_million_tokens"];

/// A schema with what it refers to in its place.
fn resolved<'a>(document: &'a Value, mut schema: &'a Value) -> Result<&'a Value> {
    while let Some(name) = schema["$ref"].as_str() {
        schema = document.pointer(name.trim_start_matches('#')).with_context(|| format!("no {name}"))?;
    }
    Ok(schema)
}

/// Adds the kinds that a schema takes.
fn kinds<'a>(document: &'a Value, schema: &'a Value, found: &mut Vec<&'a str>) -> Result<()> {
    let schema = resolved(document, schema)?;
    found.extend(schema["type"].as_str());
    found.extend(schema["type"].as_array().into_iter().flatten().filter_map(Value::as_str));
    for one in ["oneOf", "anyOf", "allOf"].into_iter().filter_map(|of| schema[of].as_array()).flatten() {
        kinds(document, one, found)?;
    }
    Ok(())
}

/// The fields of a schema, each with its own schema; those of its parts too.
fn fields<'a>(document: &'a Value, schema: &'a Value, found: &mut Vec<(&'a str, &'a Value)>) -> Result<()> {
    let schema = resolved(document, schema)?;
    found.extend(schema["properties"].as_object().into_iter().flatten().map(|(name, field)| (name.as_str(), field)));
    for one in ["oneOf", "anyOf", "allOf"].into_iter().filter_map(|of| schema[of].as_array()).flatten() {
        fields(document, one, found)?;
    }
    Ok(())
}

/// Where a wrong value is put, and the value.
struct Case {
    pointer: String,
    wrong: Value,
}

impl Case {
    /// The body that has nothing but the wrong value.
    fn body(&self) -> Value {
        let path = self.pointer.split('/').skip(1).collect::<Vec<_>>();
        path.into_iter().rev().fold(self.wrong.clone(), |inner, name| json!({ name: inner }))
    }
}

/// Every field of a body with each kind of value that it does not take, and a field that there is not.
fn cases(document: &Value, schema: &Value, below: &str, found: &mut Vec<Case>) -> Result<()> {
    let mut named = Vec::new();
    fields(document, schema, &mut named)?;
    for (name, field) in named {
        let (pointer, mut taken) = (format!("{below}/{name}"), Vec::new());
        kinds(document, field, &mut taken)?;
        ensure!(!taken.is_empty(), "{pointer} takes anything");
        for (kinds, wrong) in values() {
            // Money is text in answers, and may be a number in requests.
            let is_money = MONEY.contains(&name) && kinds.contains(&"number");
            if !is_money && !kinds.iter().any(|kind| taken.contains(kind)) {
                found.push(Case { pointer: pointer.clone(), wrong });
            }
        }
        cases(document, field, &pointer, found)?;
    }
    Ok(())
}

#[tokio::test]
async fn a_value_of_another_kind_and_a_field_that_there_is_not_are_422_and_named_in_every_body() -> Result<()> {
    let stack = Stack::embedded(DALLOSH, &[]).await?;
    let (admin, model) = (stack.admin().await?, json!({ "kind": "local", "provider": "builtin" }));
    let model = admin.post("/v1/settings/ai/models", &model).await?.expect(201)?;
    let model = model["uid"].as_str().context("no uid")?.to_owned();
    let (file, task) = admin.new_task(SAMPLE, json!({})).await?;
    let document = admin.get("/openapi.json").await?.expect(200)?;
    let (mut asked, mut wrong) = (0, Vec::new());
    for (path, item) in document["paths"].as_object().context("no paths")? {
        for (method, operation) in item.as_object().context("no operations")? {
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            if schema.is_null() {
                continue;
            }
            let mut all =
                ["createdBy", "uid"].map(|name| Case { pointer: format!("/{name}"), wrong: json!("x") }).into();
            cases(&document, schema, "", &mut all)?;
            let (before, parameter) = path.split_once('{').unwrap_or((path, ""));
            let thing = match before {
                "/v1/files/" => file.clone(),
                "/v1/tasks/" => task.clone(),
                "/v1/settings/ai/models/" => model.clone(),
                _ => Uid::new().to_string(),
            };
            let behind = parameter.split_once('}').map(|(_, behind)| thing + behind).unwrap_or_default();
            let (method, path): (Method, _) = (method.to_uppercase().parse()?, format!("{before}{behind}"));
            for case in all {
                asked += 1;
                let headers = [("if-match", "*")];
                let answer = admin.send(method.clone(), &path, &headers, Some(&case.body())).await?;
                let (status, said) = (answer.status.as_u16(), answer.json());
                // A price is judged as a whole.
                let expected = if case.pointer.starts_with("/price/") { "/price" } else { &case.pointer };
                let mut pointers =
                    said["errors"].as_array().into_iter().flatten().filter_map(|error| error["pointer"].as_str());
                if status != 422 || !pointers.any(|at| at.starts_with(expected)) {
                    wrong.push(format!("{method} {path} {}: {status} {said}", case.body()));
                }
            }
        }
    }
    ensure!(wrong.is_empty(), "{} of {asked}:\n{}", wrong.len(), wrong.join("\n"));
    ensure!(asked > 300, "{asked} bodies");
    Ok(())
}
