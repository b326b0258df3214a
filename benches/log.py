#!/usr/bin/env python3
"""How long `dallosh logs verify` takes over a log of 10,000 entries, start of the process included. Standard library only.

    cargo build --release -p dallosh && python3 benches/log.py [--entries 10000] [--rounds 5] [--binary target/release/dallosh]

Each entry is a change: an analyst takes another name. (Refusals that are alike share entries.)
"""
import argparse, http.client, json, os, resource, statistics, subprocess, sys, tempfile, time
from pathlib import Path

import stack


def fill(folder, entries):
    os.environ["DALLOSH__GATEWAY__REQUESTS_PER_SECOND"] = "1000000"
    process = stack.Process(folder)
    admin = process.login()
    body = json.dumps({"email": "user@free.com", "password": "123456"})
    token = process.call("POST", "/v1/auth/login", body, {"Content-Type": "application/json"})["access_token"]
    connection = http.client.HTTPConnection(*process.door, timeout=60)
    for number in range(entries):
        connection.request("PATCH", "/v1/auth/me", json.dumps({"name": f"Number {number}"}),
                           {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "If-Match": "*"})
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            sys.exit(f"answered {answer.status} instead of 200")
    while (known := process.call("GET", "/v1/logs?limit=1", headers=admin)["items"][0]["data"]["seq"]) < entries:
        time.sleep(0.2)
    process.stop()
    return known


def cpu():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (used.ru_utime + used.ru_stime) * 1000


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--entries", type=int, default=10_000)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--binary", type=Path, default=stack.BINARY)
    options = options.parse_args()
    stack.BINARY = options.binary
    with tempfile.TemporaryDirectory() as folder:
        entries = fill(Path(folder), options.entries)
        times, before = [], cpu()
        for _ in range(options.rounds):
            began = time.monotonic()
            told = subprocess.run([options.binary, "logs", "verify", "--json", "--data-dir", Path(folder) / "data"],
                                  stdout=subprocess.PIPE, text=True)
            times.append((time.monotonic() - began) * 1000)
            report = json.loads(told.stdout)
            if not report["intact"] or report["entries"] < options.entries:
                sys.exit(f"not intact: {told.stdout}")
        used = (cpu() - before) / options.rounds
    print(f"{entries} entries: verified in {statistics.median(times):.0f} ms "
          f"({min(times):.0f} to {max(times):.0f}, {options.rounds} rounds), {used:.0f} ms of CPU each")


main()
