#!/usr/bin/env python3
"""How soon many clients hear of a task's events, and what each of them costs. Standard library only.

    cargo build --release -p dallosh && cargo build -p dallosh-testkit --example fake_model
    python3 benches/sse.py [--clients 1000] [--events 60] [--slow 0.05] [--door]

A task asks the fake model for one small page after the other, a second each, so that about one event a second comes.
All clients follow that task. The delay is from an event's own time to when a client has all of its bytes: storing it is in it.
Some clients read nothing until the end. Without `--door` the streams are those of the tasks service itself; with it they
pass the gateway, with as many users as its limits ask for.
"""
import argparse, contextlib, json, math, os, re, select, socket, statistics, sys, tempfile, threading, time
from datetime import datetime
from pathlib import Path

from llm_rate import TARGET, Door, Program, posts

DATA = re.compile(rb'"at":"([^"]+)"')


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, math.ceil(len(values) * share) - 1)]


def memory(pid):
    return int(re.search(r"^VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(), re.M)[1])


def ports(pid):
    """Where a process listens."""
    inodes = set()
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            inodes.add(str(fd.readlink()).removeprefix("socket:").strip("[]"))
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [int(line[1].split(":")[1], 16) for line in lines if line[3] == "0A" and line[9] in inodes]


def service_port(engine, path, auth):
    """The port of the service behind the gateway that answers for a path."""
    found = []
    for port in ports(engine.process.pid):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: {auth}\r\n\r\n".encode())
            answer = b""
            while piece := connection.recv(65536):
                answer += piece
        if answer.startswith(b"HTTP/1.1 200"):
            found.append(port)
    (port,) = [port for port in found if port != engine.url.port]
    return port


class Client:
    """Follows the events and notes when each came."""

    def __init__(self, port, path, auth, is_slow):
        self.is_slow, self.pieces = is_slow, []
        self.socket = socket.create_connection(("127.0.0.1", port))
        request = f"GET {path} HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nAuthorization: {auth}\r\n\r\n"
        self.socket.sendall(request.encode())
        answer = self.socket.recv(1 << 12)
        if b" 200 " not in answer.split(b"\r\n")[0]:
            sys.exit(f"a stream was answered {answer}")
        self.pieces.append((time.time(), answer))


def follow(clients, stop):
    """Reads all of them at once, by the system's own means: what a library does for each would be in the delays."""
    by_number = {client.socket.fileno(): client for client in clients}
    with select.epoll() as ready:
        for number in by_number:
            ready.register(number, select.EPOLLIN)
        while not stop.is_set():
            for number, _ in ready.poll(0.2):
                client = by_number[number]
                piece = client.socket.recv(1 << 16)
                client.pieces.append((time.time(), piece))
                if not piece:
                    ready.unregister(number)


def run(options, folder):
    provider = Program(TARGET / "debug/examples/fake_model", "--latency", 1000, "--sigma", "0", "--seed", 1)
    # All of them are at one address here.
    environment = {**os.environ, "DALLOSH__GATEWAY__CONNECTIONS_PER_ADDRESS": "5000", "DALLOSH__GATEWAY__REQUESTS_PER_SECOND": "100000"}
    engine = Program(options.binary, "up", "--listen", "127.0.0.1:0", "--data-dir", f"{folder}/data", "--log", "error", environment=environment)
    try:
        door = Door(engine)
        model = {"kind": "external", "provider": "openai", "model": "fake", "baseUrl": provider.url.geturl(), "apiKey": "sk-bench",
                 "concurrency": 1, "paginateRowsLimit": 5}
        _, made = door.json("POST", "/v1/settings/ai/models", model)
        headers, _ = door.json("GET", "/v1/settings/ai")
        door.json("PATCH", "/v1/settings/ai", {"preferences": {"mode": "external", "default_external_model_id": made["uid"]}}, {"If-Match": headers["ETag"]})
        file = door.upload(posts((options.events + 60) * 5))
        _, task = door.json("POST", "/v1/tasks", {"file_id": file, "start": True})
        path = f"/v1/tasks/{task['uid']}"
        while door.json("GET", path)[1]["data"]["status"] != "sending_to_llm":
            time.sleep(0.1)
        auths = [door.auth["Authorization"]]
        if options.door:
            port = engine.url.port
            _, roles = door.json("GET", "/v1/roles")
            admin = next(role["uid"] for role in roles["items"] if role["data"]["name"] == "admin")
            for number in range(math.ceil(options.clients / options.each) - 1):
                account = {"email": f"reader{number}@example.com", "name": "Reader", "role_id": admin, "password": "a-long-enough-one-7"}
                door.json("POST", "/v1/users", account)
                body = json.dumps({"email": account["email"], "password": account["password"]})
                _, answer = engine.call("POST", "/v1/auth/login", body, {"Content-Type": "application/json"})
                auths.append(f"Bearer {json.loads(answer)['access_token']}")
        else:
            port = service_port(engine, path, auths[0])
        before, cpu = memory(engine.process.pid), engine.cpu()
        clients = [Client(port, f"{path}/events", auths[number % len(auths)], number < options.clients * options.slow)
                   for number in range(options.clients)]
        opened = engine.cpu() - cpu
        following, stop = [client for client in clients if not client.is_slow], threading.Event()
        reading = threading.Thread(target=follow, args=(following, stop))
        reading.start()
        time.sleep(3)
        began, cpu = time.time(), engine.cpu()
        time.sleep(options.events)
        cpu, after = engine.cpu() - cpu, memory(engine.process.pid)
        ended = time.time()
        stop.set()
        reading.join()
        delays, heard = [], []
        for client in clients:
            if client.is_slow:
                continue
            text, mine = b"", 0
            for came, piece in client.pieces:
                text += piece
                *messages, text = text.split(b"\n\n")
                for at in (DATA.search(message) for message in messages):
                    if at is None:
                        continue
                    moment = datetime.fromisoformat(at[1].decode()).timestamp()
                    if began < moment < ended - 2:
                        delays.append((came - moment) * 1000)
                        mine += 1
            heard.append(mine)
        if min(heard) != max(heard) or not delays:
            sys.exit(f"some heard of {min(heard)} events, others of {max(heard)}")
        print(json.dumps({
            "clients": options.clients, "slow": options.clients - len(following), "events_heard_by_each": heard[0],
            "p50_ms": round(statistics.median(delays), 1), "p99_ms": round(percentile(delays, 0.99), 1), "max_ms": round(max(delays), 1),
            "KiB_each": round((after - before) / options.clients, 1), "cpu_ms_to_open_each": round(opened * 1000 / options.clients, 2),
            "cpu_share_while_following": round(cpu / options.events, 3),
        }))
    finally:
        engine.process.kill()
        provider.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=TARGET / "release/dallosh")
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--events", type=int, default=60, help="for about so many seconds")
    parser.add_argument("--slow", type=float, default=0.05, help="the share that reads nothing")
    parser.add_argument("--door", action="store_true")
    parser.add_argument("--each", type=int, default=10, help="streams of one user")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run(options, folder)


if __name__ == "__main__":
    main()
