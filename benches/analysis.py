#!/usr/bin/env python3
"""Latency of the analysis of small and large datasets, through the door of the release binary, beside pandas.

    cargo build --release -p dallosh && python3 benches/analysis.py [--rows 10000 1000000] [--calls 300]

Needs `wrk`; pandas and pyarrow are put into an environment of their own.

Makes the posts, has the built-in model label them, and asks one client's questions one after the other. `first` is the
question that loads the index; `same` asks one question again and again; `unfiltered` asks it in another time zone each time,
so that no answer is a kept one; the others are filtered, each time differently. The lines of 16 connections ask without a
pause. pandas computes five of the figures from the same Parquet file for each request, as an API in Python would: negative
share, sentiment a day, posts a topic, users with the most complaints, engagement a sentiment; `loaded` has the columns in
memory already.
"""
import argparse, itertools, math, os, random, re, shutil, statistics, subprocess, sys, tempfile, time
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


PANDAS = '''
import statistics, sys, time
import pandas

COLUMNS = ["created_at", "sentiment", "main_topic", "screen_name", "favorite_count", "retweet_count", "quote_count", "reply_count"]

def load():
    posts = pandas.read_parquet(sys.argv[1], columns=COLUMNS)
    posts["created_at"] = pandas.to_datetime(posts["created_at"], utc=True)
    posts["engagement"] = sum(pandas.to_numeric(posts[name]) for name in COLUMNS[4:])
    return posts

def answer(posts):
    negative = posts[posts["sentiment"] == "negative"]
    return (len(negative) / len(posts), posts.groupby([posts["created_at"].dt.floor("D"), "sentiment"]).size().to_dict(),
            posts["main_topic"].value_counts().to_dict(), negative["screen_name"].value_counts().head(10).to_dict(),
            posts.groupby("sentiment")["engagement"].mean().to_dict())

fresh, loaded = [], []
for _ in range(5):
    began = time.perf_counter()
    posts = load()
    middle = time.perf_counter()
    answer(posts)
    ended = time.perf_counter()
    fresh.append(ended - began)
    loaded.append(ended - middle)
print(statistics.median(fresh) * 1000, statistics.median(loaded) * 1000)
'''
# Another question each time.
LUA = '''
local n = 0
request = function()
    n = n + 1
    return wrk.format("GET", string.format("%s&from=%s", wrk.path, os.date("!%Y-%m-%dT%H:%M:%SZ", 1672527600 + n * 3607)))
end
'''


def sixteen(process, auth, path, script=None):
    """Requests a second, median and 99th percentile in milliseconds."""
    command = ["wrk", "-t1", "-c16", "-d8s", "--latency", "-H", f"Authorization: {auth['Authorization']}", *(["-s", script] if script else [])]
    told = subprocess.run([*command, "http://%s:%d%s" % (*process.door, path)], capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in told or "Socket errors" in told:
        sys.exit(told)
    unit = {"us": 0.001, "ms": 1, "s": 1000}
    median, p99 = (float(number) * unit[name] for number, name in re.findall(r"^\s+(?:50|99)%\s+([\d.]+)(us|ms|s)\s*$", told, re.M))
    return float(re.search(r"Requests/sec:\s+([\d.]+)", told)[1]), median, p99


def percentile(times, share):
    return sorted(times)[min(len(times) - 1, math.ceil(len(times) * share) - 1)]


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--rows", type=int, nargs="+", default=[10_000, 1_000_000])
    options.add_argument("--calls", type=int, default=300)
    options = options.parse_args()
    folder = Path(tempfile.mkdtemp())
    python = folder / "python/bin/python"
    subprocess.run([sys.executable, "-m", "venv", folder / "python"], check=True)
    subprocess.run([python, "-m", "pip", "install", "-q", "pandas", "pyarrow"], check=True)
    os.environ["DALLOSH__GATEWAY__REQUESTS_PER_SECOND"] = "1000000"
    os.environ["DALLOSH__FILES__MAX_BYTES"] = "4 GiB"
    (folder / "another.lua").write_text(LUA)
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
            for name, script in (("same", None), ("from", folder / "another.lua")):
                rate, median, p99 = sixteen(process, auth, f"/v1/analysis/{file}?tz=UTC", script)
                print(f"  {name}, 16 connections: {rate:.0f} a second, median {median:.1f} ms, p99 {p99:.1f} ms")
            parquet = folder / f"data/storage/tables/{file}/analysed.parquet"
            (folder / "peer.py").write_text(PANDAS)
            fresh, loaded = map(float, subprocess.run([python, folder / "peer.py", parquet], capture_output=True, text=True, check=True).stdout.split())
            alone = statistics.median(ask(tz="UTC", **{"from": begin()}) for _ in range(50))
            print(f"  pandas: {fresh:.0f} ms, loaded {loaded:.0f} ms: {fresh / alone:.0f} and {loaded / alone:.0f} times a filtered answer's {alone:.1f} ms")
            print(f"  memory {process.memory():.0f} MiB, at the peak {process.memory('VmHWM'):.0f} MiB", flush=True)
    finally:
        process.stop()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
