#!/usr/bin/env python3
"""Latency of the analysis of small and large datasets, through the door of the release binary. Standard library only.

    cargo build --release -p dallosh && python3 benches/analysis.py [--rows 10000 1000000] [--calls 300]

Makes the posts, has the built-in model label them, and asks one client's questions one after the other. `first` is the
question that loads the index; `same` asks one question again and again; `unfiltered` asks it in another time zone each time,
so that no answer is a kept one; the others are filtered, each time differently.
"""
import argparse, itertools, math, random, shutil, statistics, sys, tempfile, time
from pathlib import Path
from urllib.parse import urlencode

from stack import Process

ZONES = ("UTC Europe/Paris Asia/Kathmandu Australia/Lord_Howe America/New_York Africa/Dakar Asia/Tokyo America/Havana "
         "Pacific/Apia Asia/Kolkata America/St_Johns Africa/Cairo Europe/Lisbon Asia/Tehran Australia/Eucla").split()
WORDS = "panne fibre débit facture merci nul super box mobile depuis demain client réseau coupure lent génial".split()


def make(path, rows):
    """Posts of two years with authors and counters whose frequencies fall off as real ones do; most texts are repeated."""
    r = random.Random(7)
    texts = [" ".join(r.choice(WORDS) for _ in range(12)) for _ in range(5000)]
    with open(path, "w", encoding="utf-8") as out:
        out.write("id,created_at,full_text,screen_name,in_reply_to,favorite_count,retweet_count,quote_count,reply_count,views_count\n")
        for n in range(rows):
            at = time.strftime("%Y-%m-%d %H:%M:%S +00:00", time.gmtime(1672527600 + n * 63072000 // rows))
            user = int(80_000 ** r.random())
            likes = int(1 / (1 - r.random()))
            out.write(f'{1600000000000000000 + n},{at},"{r.choice(texts)}",user{user},null,{likes},{likes // 3},0,{likes // 5},{likes * 90}\n')


def percentile(times, share):
    return sorted(times)[min(len(times) - 1, math.ceil(len(times) * share) - 1)]


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--rows", type=int, nargs="+", default=[10_000, 1_000_000])
    options.add_argument("--calls", type=int, default=300)
    options = options.parse_args()
    folder = Path(tempfile.mkdtemp())
    process = Process(folder)
    try:
        auth = process.login()
        for rows in options.rows:
            path = folder / f"posts-{rows}.csv"
            make(path, rows)
            file = process.upload(path, auth)
            body = '{"file_id": "%s", "start": true}' % file
            task = process.call("POST", "/v1/tasks", body, auth | {"Content-Type": "application/json"})["uid"]
            began = time.monotonic()
            while (status := process.call("GET", f"/v1/tasks/{task}", headers=auth)["data"]["status"]) != "done":
                if status in ("on_error", "stopped"):
                    sys.exit(f"the task is {status}")
                time.sleep(0.5)
            labelling = time.monotonic() - began

            def ask(below="", **query):
                began = time.perf_counter()
                process.call("GET", f"/v1/analysis/{file}{below}?{urlencode(query)}", headers=auth)
                return (time.perf_counter() - began) * 1000

            size = sum(index.stat().st_size for index in folder.glob(f"data/storage/tables/{file}/analysed.index"))
            print(f"{rows:,} posts: task {labelling:.0f} s, index {size / 1024:.0f} KiB, first {ask(tz='UTC'):.1f} ms")
            days = itertools.count()
            begin = lambda: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(1672527600 + next(days) * 86413))
            users = itertools.count(1)
            for name, calls, query in (
                ("same", options.calls, lambda: {"tz": "UTC"}),
                ("unfiltered", len(ZONES) - 1, lambda zones=iter(ZONES[1:]): {"tz": next(zones)}),
                ("from", options.calls, lambda: {"tz": "UTC", "from": begin()}),
                ("sentiment and from", options.calls, lambda: {"tz": "UTC", "sentiment": "negative", "from": begin()}),
                ("user", options.calls, lambda: {"tz": "UTC", "user": f"user{next(users)}"}),
                ("q", min(options.calls, 15), lambda words=iter(WORDS): {"tz": "UTC", "q": next(words)}),
            ):
                times = [ask(**query()) for _ in range(calls)]
                print(f"  {name}: median {statistics.median(times):.1f} ms, p99 {percentile(times, 0.99):.1f} ms ({calls} calls)")
            times = [ask("/posts", tz="UTC", sort="-engagement", **{"from": begin()}) for _ in range(min(options.calls, 50))]
            print(f"  posts: median {statistics.median(times):.1f} ms, p99 {percentile(times, 0.99):.1f} ms")
            print(f"  memory {process.memory():.0f} MiB, at the peak {process.memory('VmHWM'):.0f} MiB", flush=True)
    finally:
        process.stop()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
