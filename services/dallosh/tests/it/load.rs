//! More clients than can be served, slow ones and loud ones: those who are in go on, and nothing is lost.

use std::{
    fs,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use dallosh_testkit::{Answer, Client, Stack, posts};
use futures::future::{join_all, try_join_all};
use reqwest::Method;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::interval,
};

use crate::DALLOSH;

/// One connection that is kept from request to request.
struct Kept {
    socket: TcpStream,
    token: String,
}

impl Kept {
    async fn open(stack: &Stack) -> Result<Self> {
        let client = Client::anonymous(&stack.base)?;
        let account = json!({ "email": "admin@free.com", "password": "123456" });
        let session = client.post("/v1/auth/login", &account).await?.expect(200)?;
        let token = session["access_token"].as_str().context("no token")?.to_owned();
        Ok(Self { socket: connect(stack).await?, token })
    }

    /// The status of the answer and the answer as text.
    async fn get(&mut self, path: &str) -> Result<(u16, String)> {
        self.ask(path).await?.context("the connection ended")
    }

    /// The same; none when the connection ended before anything of the answer was there.
    async fn ask(&mut self, path: &str) -> Result<Option<(u16, String)>> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n", self.token);
        let mut answer = Vec::new();
        if self.socket.write_all(request.as_bytes()).await.is_err() {
            return Ok(None);
        }
        loop {
            let more = self.socket.read_buf(&mut answer).await;
            if answer.is_empty() && !matches!(more, Ok(1..)) {
                return Ok(None);
            }
            ensure!(more? > 0, "the answer broke off");
            let text = String::from_utf8_lossy(&answer);
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head.lines().find_map(|line| {
                line.to_lowercase().strip_prefix("content-length: ").and_then(|length| length.parse::<usize>().ok())
            });
            if body.len() >= length.context("no length")? {
                let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
                return Ok(Some((status.context("no status")?, body.to_owned())));
            }
        }
    }
}

async fn connect(stack: &Stack) -> Result<TcpStream> {
    Ok(TcpStream::connect(stack.base.trim_start_matches("http://")).await?)
}

/// Waits until somebody new is served.
async fn comes_in(stack: &Stack) -> Result<()> {
    // A client of its own each time, with a connection of its own.
    while !matches!(Client::anonymous(&stack.base)?.get("/readyz").await, Ok(answer) if answer.status == 200) {
        tokio::task::yield_now().await;
    }
    Ok(())
}

#[tokio::test]
async fn more_connections_than_there_are_files_leave_those_alone_who_are_in_and_no_task_is_lost() -> Result<()> {
    let stack = Stack::embedded(DALLOSH, &[]).await?;
    let mut inside = Kept::open(&stack).await?;
    let (_, task) = stack.admin().await?.new_task(&posts(200), json!({})).await?;
    stack.process()?.limit_files(Some(512)).await?;
    stack.admin().await?.act(&task, "start").await?.expect(202)?;
    let mut flood = Vec::new();
    let mut is_done = false;
    while !is_done || flood.len() < 400 {
        for _ in 0..20 {
            flood.push(connect(&stack).await?);
        }
        let (status, body) = inside.get(&format!("/v1/tasks/{task}")).await?;
        ensure!(status == 200, "{status} {body}");
        is_done = body.contains(r#""status":"done""#);
        flood.drain(..flood.len().saturating_sub(400));
    }
    drop(flood);
    comes_in(&stack).await?;
    let log = fs::read_to_string(stack.data().with_file_name("log"))?;
    ensure!(!log.contains("Too many open files"), "{log}");
    Ok(())
}

#[tokio::test]
async fn a_process_that_can_open_no_file_lives_on_says_so_and_serves_again_when_it_can() -> Result<()> {
    let stack = Stack::embedded(DALLOSH, &[]).await?;
    let (client, mut inside) = (stack.admin().await?, Kept::open(&stack).await?);
    let (_, task) = client.new_task(&posts(200), json!({})).await?;
    ensure!(inside.get("/healthz").await?.0 == 200);
    stack.process()?.limit_files(Some(stack.process()?.open_files()?.saturating_sub(2))).await?;
    let waiting = try_join_all((0..50).map(|_| connect(&stack))).await?;
    let (status, body) = inside.get("/readyz").await?;
    ensure!(status == 503 && body.contains("open_files"), "{status} {body}");
    ensure!(inside.get("/healthz").await?.0 == 200);
    stack.process()?.limit_files(None).await?;
    drop(waiting);
    comes_in(&stack).await?;
    let client = stack.admin().await?;
    client.act(&task, "start").await?.expect(202)?;
    client.wait_for(&task, "done").await?;
    Ok(())
}

#[tokio::test]
async fn while_two_hundred_clients_drip_others_are_served_and_the_slow_ones_are_cut_off() -> Result<()> {
    let stack = Stack::embedded(DALLOSH, &[]).await?;
    let client = stack.analyst().await?;
    let heads = b"GET /v1/files HTTP/1.1\r\nhost: x\r\nx-slow: ".as_slice();
    let bodies =
        b"POST /v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 90\r\n\r\n{";
    let mut slow = Vec::new();
    for number in 0..200 {
        let mut socket = connect(&stack).await?;
        socket.write_all(if number % 2 == 0 { heads } else { bodies.as_slice() }).await?;
        slow.push(socket);
    }
    let mut cut = 0;
    while cut < 100 {
        for socket in &mut slow {
            // A byte now and then; who was cut off hears it then or later.
            let _ = socket.write_all(b"1").await;
        }
        let answer = client.upload("posts.csv", &posts(5)).await?;
        ensure!(answer.status == 201, "{}", answer.summary());
        let statuses = join_all((0..5).map(|_| client.get("/v1/files?limit=1"))).await;
        for answer in statuses {
            ensure!(answer?.status == 200);
        }
        let mut left = Vec::new();
        for socket in slow.drain(..) {
            let mut bytes = [0; 1024];
            match socket.try_read(&mut bytes) {
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => left.push(socket),
                // An answer, an end or a reset.
                _ => cut += 1,
            }
        }
        slow = left;
    }
    Ok(())
}

#[tokio::test]
async fn during_a_storm_of_sign_ins_others_are_served_and_everybody_is_told_something_true() -> Result<()> {
    let environment = [("DALLOSH__GATEWAY__TRUSTED_PROXIES", "127.0.0.1")];
    let stack = Stack::embedded(DALLOSH, &environment).await?;
    let client = stack.analyst().await?;
    let sign_in = async |number: usize| -> Result<Answer> {
        // Each from somewhere else, so that no limit of one address spares a hash.
        let from = format!("198.51.{}.{}", number / 200, number % 200);
        let account = json!({ "email": format!("who{number}@example.com"), "password": "not the password" });
        let stranger = Client::anonymous(&stack.base)?;
        stranger.send(Method::POST, "/v1/auth/login", &[("x-forwarded-for", &from)], Some(&account)).await
    };
    let storm = async {
        let mut statuses = Vec::new();
        for round in 0..2 {
            let answers = try_join_all((0..50).map(|number| sign_in(round * 50 + number))).await?;
            statuses.extend(answers.iter().map(Answer::summary));
        }
        Ok::<_, anyhow::Error>(statuses)
    };
    let others = async {
        loop {
            let answer = client.get("/v1/files").await?;
            ensure!(answer.status == 200, "{}", answer.summary());
        }
    };
    let statuses = tokio::select! {
        statuses = storm => statuses?,
        failed = others => { failed?; return Ok(()); }
    };
    ensure!(statuses.len() == 100, "{}", statuses.len());
    let told = ["401 invalid_credentials", "503 unavailable"];
    ensure!(statuses.iter().all(|status| told.contains(&status.as_str())), "{statuses:?}");
    ensure!(statuses.iter().any(|status| status == "401 invalid_credentials"), "{statuses:?}");
    stack.analyst().await?;
    Ok(())
}

#[tokio::test]
async fn uploads_that_are_under_way_at_a_stop_are_taken_whole_and_the_process_ends_well() -> Result<()> {
    let mut stack = Stack::embedded(DALLOSH, &[]).await?;
    let (token, base) = (Kept::open(&stack).await?.token, stack.base.clone());
    let content = posts(200);
    let form = [
        b"--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\n".as_slice(),
        &content,
        b"\r\n--x--\r\n",
    ]
    .concat();
    let head = format!(
        "POST /v1/files HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\
         content-type: multipart/form-data; boundary=x\r\ncontent-length: {}\r\n\r\n",
        form.len()
    );
    let (first, rest) = form.split_at(form.len() / 2);
    let mut under_way = Vec::new();
    for _ in 0..10 {
        let mut socket = connect(&stack).await?;
        socket.write_all(head.as_bytes()).await?;
        socket.write_all(first).await?;
        under_way.push(socket);
    }
    // Each has begun its object once it is taken in.
    let unfinished = stack.data().join("storage/.tmp");
    while fs::read_dir(&unfinished).map_or(0, Iterator::count) < under_way.len() {
        tokio::task::yield_now().await;
    }
    let finish = async {
        while TcpStream::connect(base.trim_start_matches("http://")).await.is_ok() {
            tokio::task::yield_now().await;
        }
        for socket in &mut under_way {
            socket.write_all(rest).await?;
        }
        let mut answers = Vec::new();
        for socket in &mut under_way {
            let mut answer = String::new();
            socket.read_to_string(&mut answer).await?;
            answers.push(answer);
        }
        Ok::<_, anyhow::Error>(answers)
    };
    let (codes, answers) = tokio::join!(stack.terminate(), finish);
    for answer in answers? {
        ensure!(answer.starts_with("HTTP/1.1 201 "), "{answer:.300}");
    }
    ensure!(codes? == [Some(0)], "it did not end well");
    Ok(())
}

#[tokio::test]
async fn a_stop_under_fifty_requests_a_second_breaks_none_that_was_accepted_and_the_process_ends_well() -> Result<()> {
    let mut stack = Stack::embedded(DALLOSH, &[]).await?;
    let token = Kept::open(&stack).await?.token;
    let mut clients = Vec::new();
    for _ in 0..10 {
        clients.push(Kept { socket: connect(&stack).await?, token: token.clone() });
    }
    let (answered, is_stopping) = (AtomicUsize::new(0), AtomicBool::new(false));
    let load = clients.into_iter().map(async |mut client| {
        let mut pace = interval(Duration::from_millis(200));
        loop {
            pace.tick().await;
            let Some((status, body)) = client.ask("/v1/files").await? else {
                ensure!(is_stopping.load(Ordering::Relaxed), "the connection ended before the stop");
                // It was closed while nothing was under way.
                return Ok(());
            };
            ensure!(status == 200, "{status} {body}");
            answered.fetch_add(1, Ordering::Relaxed);
        }
    });
    let stop = async {
        while answered.load(Ordering::Relaxed) < 100 {
            tokio::task::yield_now().await;
        }
        is_stopping.store(true, Ordering::Relaxed);
        stack.terminate().await
    };
    let (codes, _) = tokio::try_join!(stop, try_join_all(load))?;
    ensure!(codes == [Some(0)], "it did not end well");
    Ok(())
}
