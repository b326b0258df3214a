#!/usr/bin/env python3
"""How near a task comes to the best that a rate-limited provider allows, and what the engine itself costs. Standard library only.

    cargo build --release -p dallosh && cargo build -p dallosh-testkit --example fake_model
    python3 benches/llm_rate.py [--pages 2000] [--texts 10] [--requests-per-minute 3000] [--tokens-per-minute N] [--set]

The provider is the fake model of `dallosh-testkit`: buckets of requests and of tokens that hold a tenth of a minute, a fifth of
them used up by others, lognormal answers around 0.5 s, one 500 in a hundred calls. `--tell` lets it tell its limits in
headers, `--set` writes what is left for us into the model's settings. Without `--requests-per-minute` and
`--tokens-per-minute` nothing is limited, and what remains is the engine.

The best: all calls that had to be made (pages and those that met a 500), at the full rate, behind a full bucket, plus
one answer of 0.5 s.
"""
import argparse, http.client, json, os, re, secrets, signal, statistics, subprocess, sys, tempfile, time
from pathlib import Path
from urllib.parse import urlsplit

TARGET = Path(os.environ.get("CARGO_TARGET_DIR", "target"))
OTHERS = 0.2


class Program:
    """A process whose first words are `ready <URL>`."""

    def __init__(self, *command, environment=None):
        self.process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, text=True, env=environment)
        line = self.process.stdout.readline()
        self.url = urlsplit(re.match(r"ready (\S+)", line)[1])

    def call(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection(self.url.hostname, self.url.port, timeout=600)
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        if answer.status >= 400:
            sys.exit(f"{method} {path}: {answer.status} {data[:300]}")
        return answer, data

    def cpu(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)


class Door:
    def __init__(self, program):
        self.program = program
        body = json.dumps({"email": "admin@free.com", "password": "123456"})
        _, answer = program.call("POST", "/v1/auth/login", body, {"Content-Type": "application/json"})
        self.auth = {"Authorization": f"Bearer {json.loads(answer)['access_token']}"}

    def json(self, method, path, body=None, headers=None):
        headers = {**self.auth, **(headers or {})}
        if body is not None:
            body, headers["Content-Type"] = json.dumps(body), "application/json"
        answer, data = self.program.call(method, path, body, headers)
        return answer.headers, json.loads(data)

    def upload(self, content):
        boundary = secrets.token_hex(8)
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="posts.csv"\r\n\r\n'
        body = head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
        _, answer = self.program.call("POST", "/v1/files", body, {**self.auth, "Content-Type": f"multipart/form-data; boundary={boundary}"})
        return json.loads(answer)["uid"]


def posts(count):
    lines = [f"{10**18 + n},La fibre est en panne depuis ce matin et personne ne répond : dossier numéro {n}." for n in range(count)]
    return ("id,full_text\n" + "\n".join(lines) + "\n").encode()


def run(options, binary, seed):
    arguments = ["--latency", options.latency, "--sigma", "0.5", "--seed", seed, "--used-by-others", OTHERS, "--sometimes", "500", "--share", "0.01"]
    if options.requests_per_minute:
        arguments += ["--requests-per-minute", options.requests_per_minute]
    if options.tokens_per_minute:
        arguments += ["--tokens-per-minute", options.tokens_per_minute]
    if options.tell:
        arguments.append("--tell-rates")
    provider = Program(TARGET / "debug/examples/fake_model", *arguments)
    with tempfile.TemporaryDirectory() as folder:
        engine = Program(binary, "up", "--listen", "127.0.0.1:0", "--data-dir", f"{folder}/data", "--log", "error")
        try:
            return measure(options, provider, engine)
        finally:
            engine.stop()
            provider.stop()


def measure(options, provider, engine):
    door = Door(engine)
    model = {"kind": "external", "provider": "openai", "model": "fake", "baseUrl": provider.url.geturl(), "apiKey": "sk-bench",
             "concurrency": options.concurrency, "retryRequests": 10, "paginateRowsLimit": options.texts}
    if options.set:
        left = {"requestsPerMinute": options.requests_per_minute, "tokensPerMinute": options.tokens_per_minute}
        model |= {name: round(rate * (1 - OTHERS)) for name, rate in left.items() if rate}
    _, made = door.json("POST", "/v1/settings/ai/models", model)
    headers, _ = door.json("GET", "/v1/settings/ai")
    door.json("PATCH", "/v1/settings/ai", {"preferences": {"mode": "external", "default_external_model_id": made["uid"]}}, {"If-Match": headers["ETag"]})
    file = door.upload(posts(options.pages * options.texts))
    _, task = door.json("POST", "/v1/tasks", {"file_id": file})
    path = f"/v1/tasks/{task['uid']}"
    door.json("POST", f"{path}/start", {})
    begin = end = None
    while end is None:
        time.sleep(0.1)
        _, shown = door.json("GET", path)
        status = shown["data"]["status"]
        if status in ("stopped", "on_error", "paused"):
            sys.exit(f"the task is {status}: {shown['data']}")
        if begin is None and status not in ("added", "in_queue", "reading_dataset", "process_cleaning"):
            begin = time.monotonic(), engine.cpu()
        if begin and status != "sending_to_llm":
            end = time.monotonic(), engine.cpu()
    while shown["data"]["status"] != "done":
        time.sleep(0.1)
        _, shown = door.json("GET", path)
    _, counts = provider.call("GET", "/counts")
    counts, progress = json.loads(counts), shown["data"]["progress"]
    accepted = counts["answers"].get("right", 0) + counts["answers"].get("500", 0)
    rates = []
    if options.requests_per_minute:
        rate = options.requests_per_minute * (1 - OTHERS)
        rates.append((accepted - rate / 10) / (rate / 60))
    if options.tokens_per_minute:
        rate = options.tokens_per_minute * (1 - OTHERS)
        # A call that meets a 500 was taken out of the bucket as well.
        tokens = (counts["prompt_tokens"] + counts["completion_tokens"]) * accepted / counts["answers"]["right"]
        rates.append((tokens - rate / 10) / (rate / 60))
    took, cpu = end[0] - begin[0], end[1] - begin[1]
    best = max(rates, default=0) + options.latency / 1000
    refused = counts["answers"].get("429", 0)
    return {
        "seconds": round(took, 2), "best": round(best, 2), "share_of_best": round(best / took, 4) if rates else None,
        "calls": counts["calls"], "refused_429": refused, "refused_share": round(refused / options.pages, 4), "met_500": counts["answers"].get("500", 0),
        "rows_lost": options.pages * options.texts - progress["rows_done"], "rows_failed": progress["rows_failed"],
        "texts_paid_twice": counts["texts_answered"] - counts["distinct_texts_answered"],
        "cpu_ms_per_page": round(1000 * cpu / options.pages, 3),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=TARGET / "release/dallosh")
    parser.add_argument("--pages", type=int, default=2000)
    parser.add_argument("--texts", type=int, default=10, help="a page")
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--requests-per-minute", type=int)
    parser.add_argument("--tokens-per-minute", type=int)
    parser.add_argument("--latency", type=int, default=500, help="median, in milliseconds")
    parser.add_argument("--tell", action="store_true")
    parser.add_argument("--set", action="store_true")
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    rounds = [run(options, options.binary, seed + 1) for seed in range(options.rounds)]
    for found in rounds:
        print(json.dumps(found))
    if len(rounds) > 1:
        print("median", {name: statistics.median(found[name] for found in rounds) for name in rounds[0] if rounds[0][name] is not None})


if __name__ == "__main__":
    main()
