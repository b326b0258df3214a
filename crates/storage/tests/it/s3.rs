use aws_sdk_s3::{Client, config::Region};
use dallosh_storage::{Storage, StorageErrorKind as Kind};
use uuid::Uuid;

use crate::{
    conformance::{self, Bench, kind},
    environment::variable,
};

const BUCKET: &str = "dallosh-storage-tests";

pub fn endpoint() -> String {
    variable("DALLOSH_TEST_S3_ENDPOINT").unwrap_or_else(|| {
        panic!(
            "set DALLOSH_TEST_S3_ENDPOINT (and AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) or run `make test`, which starts a server"
        )
    })
}

async fn client() -> Client {
    let shared = aws_config::defaults(aws_config::BehaviorVersion::latest()).endpoint_url(endpoint()).load().await;
    let config =
        aws_sdk_s3::config::Builder::from(&shared).force_path_style(true).region(Region::from_static("us-east-1"));
    Client::from_conf(config.build())
}

/// A store of its own for each test, reached through `by`.
pub async fn bench_through(by: &str) -> Bench {
    let client = client().await;
    let made = client.create_bucket().bucket(BUCKET).send().await;
    if let Err(error) = made.map_err(aws_sdk_s3::Error::from)
        && !matches!(error, aws_sdk_s3::Error::BucketAlreadyOwnedByYou(_))
    {
        panic!("the server at DALLOSH_TEST_S3_ENDPOINT makes no bucket: {error:?}");
    }
    let prefix = format!("tests/{}", Uuid::new_v4());
    let storage = Storage::open(&format!("s3://{BUCKET}/{prefix}?endpoint={by}")).await.unwrap();
    let leftovers = move || -> futures::future::BoxFuture<'static, usize> {
        let request = client.list_multipart_uploads().bucket(BUCKET).prefix(format!("{prefix}/"));
        Box::pin(async move { request.send().await.unwrap().uploads().len() })
    };
    Bench { storage, leftovers: Box::new(leftovers), _guard: None }
}

async fn bench() -> Bench {
    bench_through(&endpoint()).await
}

conformance::suite!(bench);

#[tokio::test]
async fn a_missing_bucket_is_named_by_the_ping() {
    let storage = Storage::open(&format!("s3://dallosh-no-such-bucket?endpoint={}", endpoint())).await.unwrap();
    let error = storage.ping().await.unwrap_err();
    assert_eq!(error.kind, Kind::NotFound);
    assert!(error.to_string().contains("dallosh-no-such-bucket"), "{error}");
}

#[tokio::test]
async fn a_url_that_names_no_place_does_not_open() {
    for url in ["s3://", "s3:///prefix", "s3://bucket/../up", "s3://bucket/a//b", "s3://bucket?region=x"] {
        assert_eq!(kind(Storage::open(url).await), Some(Kind::Unavailable), "{url}");
    }
}

#[tokio::test]
async fn a_server_that_is_away_is_unavailable() {
    let storage = Storage::open("s3://bucket?endpoint=http://127.0.0.1:1").await.unwrap();
    assert_eq!(kind(storage.ping().await), Some(Kind::Unavailable));
}
