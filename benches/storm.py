#!/usr/bin/env python3
"""How long another route takes while the door is under a storm, and without one: p50 and p99. Standard library only.

    cargo build --release -p dallosh && python3 benches/storm.py [--binary PATH] [--seconds 10]

Storms: 200 sockets that drip a byte a second into a head or a body; sign-ins with wrong passwords over 50 connections, each
from another address; a flood of refusals over 20 connections. The other route is a list of files, asked by two analysts
one request after the other. Only against a process that this starts, on loopback.
"""
import argparse, contextlib, http.client, json, os, re, shutil, socket, statistics, subprocess, tempfile, threading, time
from pathlib import Path
from urllib.parse import urlsplit

RELEASE = Path(os.environ.get("CARGO_TARGET_DIR", "target")) / "release/dallosh"
DRIPS = [b"GET /v1/files HTTP/1.1\r\nHost: x\r\nX-Slow: ",
         b"POST /v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n{"]


@contextlib.contextmanager
def product(binary, folder):
    # Every client is on loopback: as a proxy it may say where it comes from, and none runs into the limits of one address.
    environment = {**os.environ, "DALLOSH__GATEWAY__TRUSTED_PROXIES": "127.0.0.1",
                   "DALLOSH__GATEWAY__REQUESTS_PER_SECOND": "1000000"}
    process = subprocess.Popen([binary, "up", "--listen", "127.0.0.1:0", "--data-dir", folder, "--log", "error"],
                               stdout=subprocess.PIPE, text=True, env=environment)
    try:
        door = urlsplit(re.match(r"ready (\S+)", process.stdout.readline())[1])
        yield door.hostname, door.port
    finally:
        process.terminate()
        process.wait(30)


def call(connection, method, path, body=None, headers=None):
    connection.request(method, path, body, headers or {})
    answer = connection.getresponse()
    return answer.status, answer.read()


def token(door):
    connection = http.client.HTTPConnection(*door, timeout=60)
    body = json.dumps({"email": "user@free.com", "password": "123456"})
    _, answer = call(connection, "POST", "/v1/auth/login", body, {"Content-Type": "application/json"})
    connection.close()
    return json.loads(answer)["access_token"]


def repeat(door, ask, stop, number):
    """Asks again and again over one connection, and over a new one when that ended."""
    connection, turn = http.client.HTTPConnection(*door, timeout=60), 0
    while not stop.is_set():
        try:
            ask(connection, number, turn)
            turn += 1
        except (OSError, http.client.HTTPException):
            connection.close()
    connection.close()


def sign_in(connection, number, turn):
    body = json.dumps({"email": f"who{number}-{turn}@example.com", "password": "not the password"})
    headers = {"Content-Type": "application/json", "X-Forwarded-For": f"198.51.{number}.{turn % 250}"}
    call(connection, "POST", "/v1/auth/login", body, headers)


def refused(connection, number, _):
    call(connection, "GET", "/v1/files", headers={"X-Forwarded-For": f"203.0.113.{number}"})


def drip(door, stop, number):
    while not stop.is_set():
        with contextlib.suppress(OSError), socket.create_connection(door, timeout=60) as slow:
            slow.sendall(DRIPS[number % 2])
            while not stop.wait(1):
                slow.sendall(b"1")


def storms(door, stop):
    of = lambda ask, count: [threading.Thread(target=repeat, args=(door, ask, stop, n)) for n in range(count)]
    return {"quiet": [], "200 dripping sockets": [threading.Thread(target=drip, args=(door, stop, n)) for n in range(200)],
            "sign-ins, 50 connections": of(sign_in, 50), "refusals, 20 connections": of(refused, 20)}


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--binary", default=RELEASE)
    options.add_argument("--seconds", type=float, default=10)
    asked = options.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="dallosh-storm-"))
    try:
        with product(asked.binary, folder) as door:
            auth = {"Authorization": f"Bearer {token(door)}"}
            print(f"{'storm':<28}{'requests':>9}{'failed':>8}{'p50 ms':>9}{'p99 ms':>9}")
            for name in storms(door, threading.Event()):
                stop, times, failed = threading.Event(), [], []

                def other(connection, _number, _turn):
                    began = time.monotonic()
                    status, _ = call(connection, "GET", "/v1/files", headers=auth)
                    times.append((time.monotonic() - began) * 1000)
                    if status != 200:
                        failed.append(status)

                threads = storms(door, stop)[name]
                [thread.start() for thread in threads]
                time.sleep(1)
                others = [threading.Thread(target=repeat, args=(door, other, stop, n)) for n in range(2)]
                [thread.start() for thread in others]
                time.sleep(asked.seconds)
                stop.set()
                [thread.join() for thread in threads + others]
                cuts = statistics.quantiles(times, n=100)
                print(f"{name:<28}{len(times):>9}{len(failed):>8}{cuts[49]:>9.1f}{cuts[98]:>9.1f}", flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
