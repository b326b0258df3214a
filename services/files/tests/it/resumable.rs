//! Resumable uploads: `/v1/uploads`.

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use chrono::TimeDelta;
use dallosh_contracts::Permission;
use futures::future::join_all;
use reqwest::{Method, RequestBuilder};
use serde_json::json;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWriteExt as _;

use crate::stack::{ANALYST, Answer, Stack, User};

const POSTS: &[u8] = b"id,full_text\n1,No network since this morning\n2,Merci beaucoup\n";

fn metadata(filename: &str, more: &str) -> String {
    format!("filename {},filetype dGV4dC9jc3Y={more}", BASE64_STANDARD.encode(filename))
}

fn creation(user: &User<'_>, length: usize) -> RequestBuilder {
    let request = user.request(Method::POST, "/v1/uploads").header("tus-resumable", "1.0.0");
    request.header("upload-length", length).header("upload-metadata", metadata("posts.csv", ""))
}

/// Begins an upload; gives its path.
async fn begin(user: &User<'_>, length: usize) -> String {
    let answer = Answer::of(creation(user, length)).await;
    assert_eq!((answer.status, answer.header("tus-resumable")), (201, "1.0.0"), "{}", answer.summary());
    answer.header("location").to_owned()
}

fn part(user: &User<'_>, path: &str, offset: usize, bytes: &[u8]) -> RequestBuilder {
    let request = user.request(Method::PATCH, path).header("tus-resumable", "1.0.0").header("upload-offset", offset);
    request.header("content-type", "application/offset+octet-stream").body(bytes.to_vec())
}

async fn send(user: &User<'_>, path: &str, offset: usize, bytes: &[u8]) -> Answer {
    Answer::of(part(user, path, offset, bytes)).await
}

async fn head(user: &User<'_>, path: &str) -> Answer {
    Answer::of(user.request(Method::HEAD, path).header("tus-resumable", "1.0.0")).await
}

async fn offset(user: &User<'_>, path: &str) -> usize {
    head(user, path).await.header("upload-offset").parse().unwrap()
}

/// Waits until an upload's offset is what is wanted.
async fn offset_is(user: &User<'_>, path: &str, wanted: impl Fn(usize) -> bool) -> usize {
    for _ in 0..600 {
        let found = offset(user, path).await;
        if wanted(found) {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the offset stays at {}", offset(user, path).await);
}

/// The head of a part that is sent over a bare connection.
fn part_head(user: &User<'_>, path: &str, offset: usize, length: usize) -> String {
    format!(
        "PATCH {path} HTTP/1.1\r\nHost: files\r\nAuthorization: Bearer {}\r\nConnection: close\r\nTus-Resumable: 1.0.0\r\n\
         Content-Type: application/offset+octet-stream\r\nUpload-Offset: {offset}\r\nContent-Length: {length}\r\n\r\n",
        user.token()
    )
}

#[actix_web::test]
async fn a_file_that_is_sent_in_parts_is_the_same_as_one_that_is_sent_at_once() {
    let stack = Stack::start().await;
    let user = stack.analyst();
    let path = begin(&user, POSTS.len()).await;
    let first = head(&user, &path).await;
    assert_eq!((first.status, first.header("upload-offset"), first.header("cache-control")), (200, "0", "no-store"));
    assert_eq!(first.header("upload-length"), POSTS.len().to_string());
    assert_eq!(first.header("upload-metadata"), metadata("posts.csv", ""));
    assert!(first.header("upload-expires").ends_with(" GMT"), "{}", first.header("upload-expires"));
    for (from, to) in [(0, 5), (5, 30)] {
        let answer = send(&user, &path, from, &POSTS[from..to]).await;
        assert_eq!((answer.status, answer.header("upload-offset")), (204, to.to_string().as_str()));
        assert_eq!(answer.header("upload-file"), "");
        assert_eq!(offset(&user, &path).await, to);
    }
    assert_eq!(user.get("/v1/files").await.json()["items"], json!([]), "it is no file yet");
    let last = send(&user, &path, 30, &POSTS[30..]).await;
    assert_eq!(last.status, 204, "{}", last.summary());
    let file = last.header("upload-file").to_owned();
    assert_eq!(user.get(&format!("/v1/files/{file}/content")).await.body, POSTS);
    let at_once = user.upload_as("posts.csv", POSTS).await.json()["data"].clone();
    let mut in_parts = user.get(&format!("/v1/files/{file}")).await.json()["data"].clone();
    in_parts["file_path"] = at_once["file_path"].clone();
    assert_eq!(in_parts, at_once);
    assert_eq!(stack.objects().len(), 2, "the parts are gone");

    let after = head(&user, &path).await;
    assert_eq!((after.header("upload-file"), after.header("upload-offset")), (&*file, &*POSTS.len().to_string()));
    let again = send(&user, &path, POSTS.len(), b"").await;
    assert_eq!((again.status, again.header("upload-file")), (204, &*file), "it is made once");
    assert_eq!(user.get("/v1/files").await.json()["items"].as_array().unwrap().len(), 2);
}

#[actix_web::test]
async fn the_first_bytes_may_come_with_the_beginning_and_be_all() {
    let stack = Stack::start().await;
    let user = stack.analyst();
    let begun = |bytes: &'static [u8]| {
        creation(&user, POSTS.len()).header("content-type", "application/offset+octet-stream").body(bytes)
    };
    let some = Answer::of(begun(&POSTS[..7])).await;
    assert_eq!((some.status, some.header("upload-offset"), some.header("upload-file")), (201, "7", ""));
    assert_eq!(send(&user, some.header("location"), 7, &POSTS[7..]).await.status, 204);
    let all = Answer::of(begun(POSTS)).await;
    assert_eq!((all.status, all.header("upload-offset")), (201, POSTS.len().to_string().as_str()));
    assert_eq!(user.get(&format!("/v1/files/{}/content", all.header("upload-file"))).await.body, POSTS);
}

#[actix_web::test]
async fn bytes_for_another_offset_are_409_with_the_true_one() {
    let stack = Stack::start().await;
    let user = stack.analyst();
    let path = begin(&user, POSTS.len()).await;
    assert_eq!(send(&user, &path, 0, &POSTS[..10]).await.status, 204);
    for wrong in [0, 9, 11, POSTS.len()] {
        let answer = send(&user, &path, wrong, &POSTS[10..]).await;
        assert_eq!(answer.summary(), "409 upload_offset: the upload goes on at byte 10");
        assert_eq!((answer.header("upload-offset"), answer.header("tus-resumable")), ("10", "1.0.0"));
    }
    assert_eq!(offset(&user, &path).await, 10);
}

#[actix_web::test]
async fn an_upload_that_is_cut_20_times_sends_at_most_8_mib_again_each_time() {
    let stack = Stack::start().await;
    let user = stack.analyst();
    let (sent, whole) = (9 << 20, 400 << 20);
    let path = begin(&user, whole).await;
    let bytes = vec![b'x'; sent];
    let mut at = 0;
    for cut in 0..20 {
        let mut connection = stack.connect().await;
        connection.write_all(part_head(&user, &path, at, whole - at).as_bytes()).await.unwrap();
        connection.write_all(&bytes).await.unwrap();
        drop(connection);
        let before = at;
        at = offset_is(&user, &path, |found| found + (8 << 20) >= before + sent).await;
        assert!(at <= before + sent, "cut {cut}");
        // The one before may still be putting away what came last.
        at = settled(&user, &path, at).await;
    }
    let gone = Answer::of(user.request(Method::DELETE, &path).header("tus-resumable", "1.0.0")).await;
    assert_eq!(gone.status, 204);
    assert_eq!(head(&user, &path).await.status, 404);
    assert_eq!(stack.objects(), Vec::<String>::new());
}

/// The offset once nobody writes to the upload any more.
async fn settled(user: &User<'_>, path: &str, mut at: usize) -> usize {
    for _ in 0..600 {
        let answer = send(user, path, at, b"").await;
        match answer.status {
            204 => return at,
            409 => at = answer.header("upload-offset").parse().unwrap(),
            423 => tokio::time::sleep(Duration::from_millis(20)).await,
            _ => panic!("{}", answer.summary()),
        }
    }
    panic!("somebody still writes");
}

#[actix_web::test]
async fn two_who_write_at_once_are_one_and_a_423() {
    let stack = Stack::start().await;
    let user = stack.analyst();
    let path = begin(&user, POSTS.len()).await;
    let mut first = stack.connect().await;
    first.write_all(part_head(&user, &path, 0, POSTS.len()).as_bytes()).await.unwrap();
    first.write_all(&POSTS[..8]).await.unwrap();
    // Its bytes have a place once it writes.
    while stack.objects().is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let refused = send(&user, &path, 0, b"").await;
    assert_eq!(refused.code(), "423 upload_locked");
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(head(&user, &path).await.status, 200, "everybody may look");
    drop(first);
    assert_eq!(offset_is(&user, &path, |found| found > 0).await, 8, "what came is kept");
    assert_eq!(settled(&user, &path, 8).await, 8);
    assert_eq!(send(&user, &path, 8, &POSTS[8..]).await.status, 204);
}

#[actix_web::test]
async fn bytes_that_do_not_have_their_checksum_are_460_and_none_of_them_is_kept() {
    let stack = Stack::start().await;
    let user = stack.analyst();
    let path = begin(&user, POSTS.len()).await;
    let sha256 = |bytes: &[u8]| format!("sha256 {}", BASE64_STANDARD.encode(Sha256::digest(bytes)));
    let sha1 = |bytes: &[u8]| format!("sha1 {}", BASE64_STANDARD.encode(Sha1::digest(bytes)));
    let checked = async |offset: usize, bytes: &[u8], sum: &str| {
        Answer::of(part(&user, &path, offset, bytes).header("upload-checksum", sum)).await
    };
    for sum in [sha256(b"other"), sha1(b"other")] {
        assert_eq!(checked(0, &POSTS[..9], &sum).await.code(), "460 checksum_mismatch");
        assert_eq!(offset(&user, &path).await, 0);
    }
    for sum in ["md5 AAAA", "sha256", "sha256 !"] {
        assert_eq!(checked(0, &POSTS[..9], sum).await.code(), "400 bad_upload", "{sum}");
    }
    assert_eq!(stack.objects(), Vec::<String>::new());
    assert_eq!(checked(0, &POSTS[..9], &sha256(&POSTS[..9])).await.status, 204);
    let last = checked(9, &POSTS[9..], &sha1(&POSTS[9..])).await;
    assert_eq!((last.status, last.header("upload-file").is_empty()), (204, false));
}

#[actix_web::test]
async fn a_content_that_is_no_table_is_refused_at_its_end_and_leaves_nothing() {
    let stack = Stack::start().await;
    let user = stack.analyst();
    let zip = [b"PK\x03\x04\x14\0\0\0\x08\0".as_slice(), &(0..=255).collect::<Vec<u8>>()].concat();
    for (content, code) in [(zip.as_slice(), "415 unsupported_media_type"), (b"  \n \n", "422 csv_empty")] {
        let path = begin(&user, content.len()).await;
        assert_eq!(send(&user, &path, 0, &content[..3]).await.status, 204);
        assert_eq!(send(&user, &path, 3, &content[3..]).await.code(), code);
        assert_eq!(head(&user, &path).await.status, 404);
    }
    assert_eq!(Answer::of(creation(&user, 0)).await.code(), "422 csv_empty");
    assert_eq!(stack.objects(), Vec::<String>::new());
    assert_eq!(user.get("/v1/files").await.json()["items"], json!([]));
}

#[actix_web::test]
async fn more_bytes_than_announced_are_refused_and_the_rest_can_still_come() {
    let stack = Stack::start().await;
    let user = stack.analyst();
    let path = begin(&user, POSTS.len()).await;
    let more = [POSTS, b"x"].concat();
    assert_eq!(send(&user, &path, 0, &more).await.summary(), "400 bad_upload: there are more bytes than Upload-Length");
    let at = offset(&user, &path).await;
    assert_eq!(send(&user, &path, at, &POSTS[at..]).await.status, 204);
}

#[actix_web::test]
async fn an_upload_makes_its_task_when_it_was_asked_to() {
    let stack = Stack::start().await;
    let user = stack.analyst();
    let request = user.request(Method::POST, "/v1/uploads").header("tus-resumable", "1.0.0");
    let request = request.header("upload-length", POSTS.len()).header("upload-metadata", "create_task dHJ1ZQ==");
    let answer = Answer::of(request.header("content-type", "application/offset+octet-stream").body(POSTS)).await;
    assert_eq!((answer.status, answer.header("upload-task").len()), (201, 36), "{}", answer.summary());
    let (file, path) = (answer.header("upload-file"), answer.header("location"));
    assert_eq!(head(&user, path).await.header("upload-task"), answer.header("upload-task"));
    stack.tasks(|tasks| assert_eq!(tasks.made, [json!({"file_id": file})]));
    let without = stack.user([Permission::ManageDatasets, Permission::ReadDatasets]);
    let request = without.request(Method::POST, "/v1/uploads").header("tus-resumable", "1.0.0");
    let request = request.header("upload-length", 10).header("upload-metadata", "create_task dHJ1ZQ==");
    assert_eq!(Answer::of(request).await.code(), "403 forbidden");
}

#[actix_web::test]
async fn what_is_wrong_with_a_request_is_a_problem_in_the_version_of_the_protocol() {
    let stack = Stack::with(&[("files.max_bytes", "100 KiB".to_owned())]).await;
    let user = stack.analyst();
    let path = begin(&user, POSTS.len()).await;
    let post = || user.request(Method::POST, "/v1/uploads").header("tus-resumable", "1.0.0");
    let patch = |kind: &'static str| {
        user.request(Method::PATCH, &path).header("tus-resumable", "1.0.0").header("content-type", kind)
    };
    let octets = "application/offset+octet-stream";
    for (request, code) in [
        (user.request(Method::POST, "/v1/uploads"), "412 tus_version"),
        (user.request(Method::PATCH, &path).header("tus-resumable", "0.2.2"), "412 tus_version"),
        (stack.request(Method::POST, "/v1/uploads").header("tus-resumable", "1.0.0"), "401 unauthorized"),
        (post(), "400 bad_request"),
        (post().header("upload-length", "-1"), "400 bad_request"),
        (post().header("upload-length", "many"), "400 bad_request"),
        (post().header("upload-length", 10).header("upload-metadata", "filename !"), "400 bad_request"),
        (post().header("upload-length", 100 * 1024 + 1), "413 too_large"),
        (patch("text/csv").header("upload-offset", 0), "415 unsupported_media_type"),
        (patch(octets), "400 bad_request"),
        (patch(octets).header("upload-offset", "x"), "400 bad_request"),
    ] {
        let answer = Answer::of(request).await;
        assert_eq!((answer.code().as_str(), answer.header("tus-resumable")), (code, "1.0.0"));
    }
    let told = Answer::of(stack.request(Method::OPTIONS, "/v1/uploads")).await;
    assert_eq!((told.status, told.header("tus-version"), told.header("tus-max-size")), (204, "1.0.0", "102400"));
    assert_eq!(told.header("tus-extension"), "creation,creation-with-upload,termination,checksum,expiration");
    assert_eq!(told.header("tus-checksum-algorithm"), "sha256,sha1");
}

#[actix_web::test]
async fn an_upload_is_nobody_else_s() {
    let stack = Stack::start().await;
    let user = stack.analyst();
    let path = begin(&user, POSTS.len()).await;
    let (other, reader) = (stack.analyst(), stack.user([Permission::ReadDatasets]));
    for method in [Method::PATCH, Method::DELETE] {
        let request = |user: &User<'_>, path: &str| {
            let request =
                user.request(method.clone(), path).header("tus-resumable", "1.0.0").header("upload-offset", 0);
            Answer::of(request.header("content-type", "application/offset+octet-stream"))
        };
        assert_eq!(request(&other, &path).await.code(), "404 not_found");
        assert_eq!(request(&other, "/v1/uploads/none").await.code(), "404 not_found");
        assert_eq!(request(&reader, &path).await.code(), "403 forbidden");
    }
    assert_eq!(head(&other, &path).await.status, 404);
    assert_eq!(Answer::of(creation(&reader, 10)).await.code(), "403 forbidden");
    assert_eq!(
        send(&stack.user(ANALYST.into_iter().chain([Permission::ManageApp])), &path, 0, POSTS).await.status,
        204
    );
    let file = user.get("/v1/files").await.json()["items"][0].clone();
    assert_eq!(file["data"]["owner"], json!(user.uid), "it belongs to who began it");
}

#[actix_web::test]
async fn what_would_leave_too_little_room_is_507_before_it_is_sent() {
    let stack = Stack::with(&[("storage.reserve_bytes", format!("{} GiB", 1 << 30))]).await;
    let user = stack.analyst();
    assert_eq!(Answer::of(creation(&user, 10)).await.code(), "507 storage_full");
    assert_eq!(user.upload_as("posts.csv", POSTS).await.code(), "507 storage_full");
    assert_eq!(stack.objects(), Vec::<String>::new());
}

#[actix_web::test]
async fn a_day_after_its_last_bytes_an_upload_is_gone() {
    let stack = Stack::start().await;
    let user = stack.analyst();
    stack.writing.advance(TimeDelta::hours(-23));
    let young = begin(&user, POSTS.len()).await;
    stack.writing.advance(TimeDelta::hours(-2));
    let old = begin(&user, POSTS.len()).await;
    assert_eq!(head(&user, &young).await.status, 200);
    let refused = send(&user, &old, 0, POSTS).await;
    assert_eq!(
        (refused.summary().as_str(), refused.header("tus-resumable")),
        ("410 upload_expired: the upload waited too long for its next bytes; begin a new one", "1.0.0")
    );
    assert_eq!(head(&user, &old).await.status, 410);
    assert_eq!(stack.objects(), Vec::<String>::new(), "its bytes were kept");
}

#[actix_web::test]
async fn of_uploads_that_are_begun_at_once_no_more_are_taken_than_there_is_room_for() {
    let stack = Stack::with(&[("files.max_per_user", "3".to_owned())]).await;
    let user = stack.analyst();
    let answers = join_all((0..10).map(|_| Answer::of(creation(&user, POSTS.len())))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 3);
}

#[actix_web::test]
async fn what_is_on_its_way_counts_as_what_is_there_and_the_next_one_is_refused_before_it_is_sent() {
    let stack = Stack::with(&[
        ("files.max_per_user", "3".to_owned()),
        ("files.max_bytes_per_user", format!("{} B", 4 * POSTS.len())),
    ])
    .await;
    let user = stack.analyst();
    let two_files = POSTS.len() * 2;
    let first = begin(&user, two_files).await;
    user.upload(POSTS).await;
    let refused = Answer::of(creation(&user, two_files)).await;
    assert_eq!(refused.code(), "403 quota_exceeded", "of the bytes");
    let last = begin(&user, POSTS.len()).await;
    assert_eq!(Answer::of(creation(&user, 1)).await.code(), "403 quota_exceeded", "of the files");
    assert_eq!(user.upload_as("posts.csv", POSTS).await.code(), "403 quota_exceeded");
    assert_eq!(Answer::of(creation(&stack.analyst(), POSTS.len())).await.status, 201, "others have their own");

    assert_eq!(send(&user, &last, 0, POSTS).await.status, 204, "what was begun is ended");
    assert_eq!(user.upload_as("posts.csv", POSTS).await.code(), "403 quota_exceeded", "it counts as before");
    let given_up = Answer::of(user.request(Method::DELETE, &first).header("tus-resumable", "1.0.0")).await;
    assert_eq!(given_up.status, 204);
    user.upload(POSTS).await;
}
