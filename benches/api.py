#!/usr/bin/env python3
"""What a request of the API costs, beside FastAPI, and what the gateway adds, beside nginx.

    cargo build --release -p dallosh && python3 benches/api.py [--seconds 5] [--rounds 5]

Needs `wrk` and `nginx`; FastAPI, uvicorn, PyJWT and cryptography are put into an environment of their own. All of them answer
the same list of twenty datasets and the same one of them, stored as JSON in SQLite, to who shows a token signed with Ed25519.
FastAPI has one uvicorn process with uvloop and httptools. A round asks each of them in turn: 64 connections for requests a
CPU second of the server, one connection for the latency. The ratios are medians over the rounds.
"""
import argparse, json, os, re, shutil, socket, statistics, subprocess, sys, tempfile, time
from pathlib import Path

from llm_rate import TARGET, Door, Program, posts
from sse import memory, service_port

PEER = '''
import json, sqlite3, sys
from typing import Any
import jwt
from fastapi import Depends, FastAPI, Header, HTTPException
from pydantic import BaseModel

app = FastAPI()
KEY = open(sys.path[0] + "/key.pub", "rb").read()
database = sqlite3.connect(sys.path[0] + "/peer.db", check_same_thread=False)

class Resource(BaseModel):
    uid: str
    data: dict[str, Any]
    createdAt: str
    updatedAt: str

class Files(BaseModel):
    items: list[Resource]
    next_cursor: str | None

async def caller(authorization: str = Header()):
    try:
        return jwt.decode(authorization.removeprefix("Bearer "), KEY, algorithms=["EdDSA"])["sub"]
    except jwt.PyJWTError:
        raise HTTPException(401)

def resource(row):
    return Resource(uid=row[0], data=json.loads(row[1]), createdAt=row[2], updatedAt=row[3])

@app.get("/v1/files")
async def files(limit: int = 50, user: str = Depends(caller)) -> Files:
    rows = database.execute("select uid, data, createdAt, updatedAt from files where owner = ? order by createdAt desc, uid desc limit ?", (user, limit + 1)).fetchall()
    return Files(items=[resource(row) for row in rows[:limit]], next_cursor=rows[limit - 1][0] if len(rows) > limit else None)

@app.get("/v1/files/{uid}")
async def file(uid: str, user: str = Depends(caller)) -> Resource:
    row = database.execute("select uid, data, createdAt, updatedAt from files where uid = ? and owner = ?", (uid, user)).fetchone()
    if row is None:
        raise HTTPException(404)
    return resource(row)
'''
SEED = '''
import json, sqlite3, sys, time
import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

folder, items = sys.argv[1], json.load(sys.stdin)
key = Ed25519PrivateKey.generate()
open(folder + "/key.pub", "wb").write(key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
database = sqlite3.connect(folder + "/peer.db")
database.execute("create table files (uid text primary key, owner text, data text, createdAt text, updatedAt text)")
database.execute("create index by_owner on files (owner, createdAt desc, uid desc)")
database.executemany("insert into files values (?, 'me', ?, ?, ?)", [(one["uid"], json.dumps(one["data"]), one["createdAt"], one["updatedAt"]) for one in items])
database.commit()
print(jwt.encode({"sub": "me", "exp": int(time.time()) + 86400}, key, algorithm="EdDSA"))
'''
NGINX = """
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 1024; }}
http {{
    access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    upstream files {{ server 127.0.0.1:{upstream}; keepalive 64; }}
    server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://files; proxy_http_version 1.1; proxy_set_header Connection ""; }} }}
}}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port):
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.1)
    sys.exit(f"nothing listens at {port}")


def cpu(*pids):
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def children(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def ask(port, path, token, connections, seconds):
    """Requests, and the median and 99th percentile of the latency in milliseconds."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-H", f"Authorization: Bearer {token}", f"http://127.0.0.1:{port}{path}"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in told or re.search(r"(connect|read|write) [1-9]", told):
        sys.exit(told)
    unit = {"us": 0.001, "ms": 1, "s": 1000, "m": 60000}
    latency = [float(number) * unit[name] for number, name in re.findall(r"^\s+(?:50|99)%\s+([\d.]+)(us|ms|s|m)\s*$", told, re.M)]
    return int(re.search(r"(\d+) requests in", told)[1]), *latency


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=TARGET / "release/dallosh")
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="dallosh-api-"))
    running = []
    try:
        python = folder / "python/bin/python"
        subprocess.run([sys.executable, "-m", "venv", folder / "python"], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "fastapi", "uvicorn[standard]", "pyjwt", "cryptography"], check=True)
        environment = {**os.environ, "DALLOSH__GATEWAY__REQUESTS_PER_SECOND": "1000000"}
        engine = Program(options.binary, "up", "--listen", "127.0.0.1:0", "--data-dir", folder / "data", "--log", "error", environment=environment)
        running.append(engine.process)
        time.sleep(2)
        idle = memory(engine.process.pid)
        door = Door(engine)
        for count in range(100):
            door.upload(posts(count + 1))
        _, listed = door.json("GET", "/v1/files?limit=200")
        detail = f"/v1/files/{listed['items'][40]['uid']}"
        direct = service_port(engine, detail, door.auth["Authorization"])
        ours = door.auth["Authorization"].removeprefix("Bearer ")

        (folder / "peer").mkdir()
        (folder / "peer/peer.py").write_text(PEER)
        token = subprocess.run([python, "-c", SEED, folder / "peer"], input=json.dumps(listed["items"]), capture_output=True, text=True, check=True).stdout.strip()
        peer_port, nginx_port = free_port(), free_port()
        peer = subprocess.Popen([python, "-m", "uvicorn", "--app-dir", folder / "peer", "peer:app", "--port", str(peer_port), "--log-level", "error"])
        running.append(peer)
        (folder / "nginx.conf").write_text(NGINX.format(folder=folder, upstream=direct, port=nginx_port))
        nginx = subprocess.Popen(["nginx", "-c", folder / "nginx.conf", "-e", folder / "nginx.log"])
        running.append(nginx)
        wait_for(peer_port)
        wait_for(nginx_port)

        served = {
            "fastapi": (peer_port, token, [peer.pid]),
            "gateway": (engine.url.port, ours, [engine.process.pid]),
            "direct": (direct, ours, [engine.process.pid]),
            "nginx": (nginx_port, ours, [engine.process.pid, *children(nginx.pid)]),
        }
        found = {}
        for round_ in range(options.rounds):
            names = list(served)
            for name in names[round_ % 4:] + names[:round_ % 4]:
                port, bearer, pids = served[name]
                for what, path in (("list", "/v1/files?limit=20"), ("detail", detail)):
                    ask(port, path, bearer, 8, 1)
                    before = cpu(*pids)
                    requests, _, p99 = ask(port, path, bearer, 64, options.seconds)
                    spent = cpu(*pids) - before
                    _, median, tail = ask(port, path, bearer, 1, options.seconds)
                    found.setdefault((name, what), []).append((requests / spent, requests / options.seconds, p99, median, tail))
        for (name, what), rounds in sorted(found.items()):
            per_cpu, rate, p99, median, tail = (statistics.median(column) for column in zip(*rounds))
            print(f"{what} {name}: {per_cpu:,.0f} requests a CPU second, {rate:,.0f} a second, p99 {p99:.1f} ms at 64 connections; "
                  f"at one p50 {median:.3f} ms, p99 {tail:.3f} ms")
        for what in ("list", "detail"):
            ratio = lambda one, other, of: statistics.median(of(a) / of(b) for a, b in zip(found[one, what], found[other, what]))
            added = lambda one: statistics.median(a[3] - b[3] for a, b in zip(found[one, what], found["direct", what]))
            print(f"{what}: through the gateway {ratio('gateway', 'fastapi', lambda r: r[0]):.1f} times FastAPI's requests a CPU second, "
                  f"the service itself {ratio('direct', 'fastapi', lambda r: r[0]):.1f} times; the gateway adds {added('gateway'):.3f} ms, nginx {added('nginx'):.3f} ms; "
                  f"with the gateway {ratio('gateway', 'direct', lambda r: r[1]):.2f} of the service's requests a second, with nginx {ratio('nginx', 'direct', lambda r: r[1]):.2f}")
        print(f"idle memory {idle / 1024:.0f} MiB")
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
