//! Against moto, which speaks Cognito.

use std::sync::Arc;

use chrono::Utc;
use dallosh_primitives::ManualClock;
use dallosh_testkit::cognito_endpoint;
use serde_json::{Value, json};

use crate::stack::{Stack, answer};

/// Asks the user pools' API.
async fn ask(action: &str, body: Value) -> Value {
    let request = reqwest::Client::builder().no_proxy().build().unwrap().post(cognito_endpoint().unwrap());
    let request = request
        .header("x-amz-target", format!("AWSCognitoIdentityProviderService.{action}"))
        .header("authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/cognito-idp/aws4_request")
        .header("content-type", "application/x-amz-json-1.1");
    let answer = answer(request.body(body.to_string())).await;
    assert_eq!(answer.status, 200, "{action}: {answer:?}");
    answer.body
}

#[tokio::test]
async fn a_user_of_cognito_comes_in_with_either_token_and_the_role_of_their_group() {
    let pool = ask("CreateUserPool", json!({"PoolName": "posts"})).await["UserPool"]["Id"].clone();
    let client = json!({
        "UserPoolId": pool, "ClientName": "dallosh", "ExplicitAuthFlows": ["ALLOW_ADMIN_USER_PASSWORD_AUTH"],
        "ReadAttributes": ["email", "email_verified"],
    });
    let client = ask("CreateUserPoolClient", client).await["UserPoolClient"]["ClientId"].clone();
    let user = json!({
        "UserPoolId": pool, "Username": "eve", "MessageAction": "SUPPRESS",
        "UserAttributes": [{"Name": "email", "Value": "eve@example.com"}, {"Name": "email_verified", "Value": "true"}],
    });
    ask("AdminCreateUser", user).await;
    let password = json!({"UserPoolId": pool, "Username": "eve", "Password": "Correct-horse-1", "Permanent": true});
    ask("AdminSetUserPassword", password).await;
    ask("CreateGroup", json!({"UserPoolId": pool, "GroupName": "staff"})).await;
    ask("AdminAddUserToGroup", json!({"UserPoolId": pool, "Username": "eve", "GroupName": "staff"})).await;
    let sign_in = json!({
        "UserPoolId": pool, "ClientId": client, "AuthFlow": "ADMIN_USER_PASSWORD_AUTH",
        "AuthParameters": {"USERNAME": "eve", "PASSWORD": "Correct-horse-1"},
    });
    let tokens = ask("AdminInitiateAuth", sign_in).await["AuthenticationResult"].clone();

    let (pool, client) = (pool.as_str().unwrap(), client.as_str().unwrap());
    let issuer = format!("https://cognito-idp.us-east-1.amazonaws.com/{pool}");
    let keys = format!("{}/{pool}/.well-known/jwks.json", cognito_endpoint().unwrap());
    for (token, audience_claim) in [("IdToken", "aud"), ("AccessToken", "client_id")] {
        let issuers = format!(
            r#"{{ issuer = "{issuer}", jwks_uri = "{keys}", audience = "{client}", audience_claim = "{audience_claim}",
            role_claim = "cognito:groups", roles = {{ staff = "analyst" }} }}"#
        );
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let clock = ManualClock::new(Utc::now());
        let stack = Stack::start_in(folder, clock, &[("auth.issuers", &issuers)]).await.unwrap();
        let body = json!({"token": tokens[token]});
        let access = stack.post("/internal/tokens/exchange", body).await.text("access_token");
        let me = stack.get("/v1/auth/me", &access).await.body;
        assert_eq!(me["role"]["name"], "analyst", "{token}");
        if token == "IdToken" {
            assert_eq!(me["user"]["data"]["email"], "eve@example.com");
        }
    }
}
