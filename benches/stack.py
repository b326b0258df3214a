#!/usr/bin/env python3
"""Start, idle memory, upload and preview of the release binary: median of three. Standard library only.

    cargo build --release -p dallosh && python3 benches/stack.py [--megabytes 500] [--rounds 3]
"""
import argparse, http.client, json, os, re, secrets, shutil, signal, statistics, subprocess, sys, tempfile, threading, time
from pathlib import Path
from urllib.parse import urlsplit

BINARY = Path(os.environ.get("CARGO_TARGET_DIR", "target")) / "release/dallosh"
ROW = ('"{id}","2024-03-01 10:00:00 +01:00","La fibre est en panne depuis ce matin, personne ne répond 😡, numéro {id}, '
       'et le mobile ne passe plus non plus dans le quartier de la gare.","[]","user{user}",{n}\n')


class Process:
    def __init__(self, folder):
        began = time.monotonic()
        self.process = subprocess.Popen([BINARY, "up", "--listen", "127.0.0.1:0", "--data-dir", folder / "data", "--log", "error"],
                                        stdout=subprocess.PIPE, text=True, start_new_session=True)
        line = self.process.stdout.readline()
        self.ready = (time.monotonic() - began) * 1000
        door = urlsplit(re.match(r"ready (\S+)", line)[1])
        self.door = (door.hostname, door.port)

    def memory(self, name="VmRSS"):
        return int(re.search(rf"^{name}:\s+(\d+)", Path(f"/proc/{self.process.pid}/status").read_text(), re.M)[1]) / 1024

    def cpu(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def reset_peak(self):
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def call(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection(*self.door, timeout=600)
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        if answer.status >= 400:
            sys.exit(f"{method} {path}: {answer.status} {data[:300]}")
        return json.loads(data)

    def login(self):
        body = json.dumps({"email": "admin@free.com", "password": "123456"})
        token = self.call("POST", "/v1/auth/login", body, {"Content-Type": "application/json"})["access_token"]
        return {"Authorization": f"Bearer {token}"}

    def upload(self, path, auth):
        boundary = secrets.token_hex(8)
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{path.name}"\r\n\r\n'.encode()
        tail = f"\r\n--{boundary}--\r\n".encode()

        def parts():
            yield head
            with open(path, "rb") as file:
                while piece := file.read(1 << 18):
                    yield piece
            yield tail

        headers = {**auth, "Content-Type": f"multipart/form-data; boundary={boundary}",
                   "Content-Length": str(len(head) + path.stat().st_size + len(tail))}
        return self.call("POST", "/v1/files", parts(), headers)["uid"]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)


def make(path, megabytes):
    with open(path, "w", encoding="utf-8") as file:
        file.write("id,created_at,full_text,media,screen_name,favorite_count\n")
        n = 0
        while file.tell() < megabytes << 20:
            file.writelines(ROW.format(id=10**18 + n + k, user=k % 99, n=k) for k in range(2000))
            n += 2000
    return path


def median(values):
    return statistics.median(values)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--megabytes", type=int, default=500)
    options.add_argument("--rounds", type=int, default=3)
    asked = options.parse_args()
    work = Path(tempfile.mkdtemp(prefix="dallosh-bench-"))
    try:
        large, small = make(work / "large.csv", asked.megabytes), make(work / "small.csv", 5)
        ready, idle, one, three, speed, previews = [], [], [], [], [], {"small": [], "large": []}
        for round_ in range(asked.rounds):
            folder = work / str(round_)
            process = Process(folder)
            ready.append(process.ready)
            time.sleep(2)
            idle.append(process.memory())
            auth = process.login()
            process.reset_peak()
            before, began = process.cpu(), time.monotonic()
            files = {"large": process.upload(large, auth)}
            speed.append((asked.megabytes / (time.monotonic() - began), asked.megabytes / (process.cpu() - before)))
            one.append(process.memory("VmHWM"))
            files["small"] = process.upload(small, auth)
            for name in ["small", "large"] * 20:
                began = time.monotonic()
                process.call("GET", f"/v1/files/{files[name]}/preview?rows=100", headers=auth)
                previews[name].append((time.monotonic() - began) * 1000)
            process.reset_peak()
            threads = [threading.Thread(target=process.upload, args=(large, auth)) for _ in range(3)]
            [thread.start() for thread in threads]
            [thread.join() for thread in threads]
            three.append(process.memory("VmHWM"))
            process.stop()
            shutil.rmtree(folder)
        print(f"ready                      {median(ready):.0f} ms")
        print(f"idle memory                {median(idle):.0f} MiB")
        print(f"peak during one upload     {median(one):.0f} MiB ({asked.megabytes} MB file)")
        print(f"peak during three uploads  {median(three):.0f} MiB")
        print(f"upload                     {median([s[0] for s in speed]):.0f} MB/s, {median([s[1] for s in speed]):.0f} MB per CPU second")
        print(f"preview of 5 MB            {median(previews['small']):.2f} ms")
        print(f"preview of {asked.megabytes} MB          {median(previews['large']):.2f} ms "
              f"(ratio {median(previews['large']) / median(previews['small']):.2f})")
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
