#!/usr/bin/env python3
"""How fast `hearth pull` is beside `curl -o` of the same bytes, from a registry on loopback, and what memory it takes.

    bench/pull/pull.py HEARTH [HEARTH...] [--size-mb 2000] [--runs 5] [--folder FOLDER]

Prints a line per run: seconds of curl, of curl and then sync of its file, of these and then sha256sum, of the whole pull
(which verifies the SHA-256 and waits for the disk), and the largest resident set of the fetcher process; then the medians.
Several programs are measured in turn, run by run. The first run warms up and is not counted.

Before each is timed, the disk is done with what came before: the pull waits for the disk, and curl alone does not.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

DOCKER = "application/vnd.docker"
CHUNK = 1 << 20


class Registry(BaseHTTPRequestHandler):
    """GET of blobs, whole or in a range, by sendfile; GET of the one manifest."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # as registries do: else a small answer on a used connection waits 40 ms for an ACK
    blobs = {}
    manifest = b""

    def do_GET(self):
        if "/referrers/" in self.path or "/manifests/sha256-" in self.path:  # signatures, of which there are none
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if "/manifests/" in self.path:
            self.send_response(200)
            self.send_header("Content-Length", str(len(self.manifest)))
            self.end_headers()
            self.wfile.write(self.manifest)
            return
        path = self.blobs[self.path.rsplit("/", 1)[1]]
        size = path.stat().st_size
        begin, end = 0, size
        if match := re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", "")):
            begin, end = int(match[1]), int(match[2]) + 1
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {begin}-{end - 1}/{size}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(end - begin))
        self.end_headers()
        self.wfile.flush()
        with open(path, "rb") as file:
            while begin < end:
                begin += os.sendfile(self.connection.fileno(), file.fileno(), begin, end - begin)

    def log_message(self, *_):
        pass


def make_model(folder, size):
    """Random weights and a config; the registry's blobs and manifest."""
    weights = folder / "weights"
    with open(weights, "wb") as file:
        for _ in range(size // CHUNK):
            file.write(os.urandom(CHUNK))
    config = folder / "config"
    config.write_bytes(b'{"model_format":"gguf"}')
    layers = []
    for path, media_type in ((config, f"{DOCKER}.container.image.v1+json"), (weights, "application/vnd.ollama.image.model")):
        with open(path, "rb") as file:
            digest = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
        Registry.blobs[digest] = path
        layers.append({"mediaType": media_type, "digest": digest, "size": path.stat().st_size})
    manifest = {"schemaVersion": 2, "mediaType": f"{DOCKER}.distribution.manifest.v2+json"}
    Registry.manifest = json.dumps({**manifest, "config": layers[0], "layers": layers[1:]}).encode()
    return layers[1]["digest"]


def fetcher_of(server):
    """The process that a server has started for a pull, or nothing."""
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    return next((pid for pid in children if b"fetcher-process" in Path(f"/proc/{pid}/cmdline").read_bytes()), None)


def largest_fetcher_kib(server, stop, found):
    """The VmHWM of the server's fetcher process, until told to stop; looking takes it little time that it needs itself."""
    pid = None
    while not stop.is_set():
        try:
            pid = pid or fetcher_of(server)
            if pid and (match := re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())):
                found.append(int(match[1]))
        except OSError:
            pass
        time.sleep(0.05)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_server(hearth, store, folder):
    home = tempfile.mkdtemp(dir=folder)
    environment = {**os.environ, "HEARTH_HOME": home, "HEARTH_HOST": f"127.0.0.1:{free_port()}"}
    key = subprocess.run([hearth, "key", "create", "bench", "--scope", "manage"], env=environment, check=True,
                         capture_output=True, text=True)
    environment["HEARTH_API_KEY"] = re.search(r"hk_[0-9a-f]+_[0-9a-f]+", key.stdout)[0]
    server = subprocess.Popen([hearth, "serve", "--models", store], env=environment, stderr=subprocess.PIPE, text=True)
    server.stderr.readline()  # it listens
    return server, environment


def settle():
    subprocess.run(["sync"], check=True)
    time.sleep(0.3)


def run_once(hearth, server, environment, store, url, name, folder):
    for part in ("blobs", "hearth", "manifests"):
        shutil.rmtree(store / part, ignore_errors=True)
    (store / "blobs").mkdir()
    (store / "manifests").mkdir()
    settle()
    begin = time.monotonic()
    subprocess.run(["curl", "--silent", "--fail", "-o", folder / "copy", url], check=True)
    curl_s = time.monotonic() - begin
    subprocess.run(["sync", folder / "copy"], check=True)
    synced_s = time.monotonic() - begin
    subprocess.run(["sha256sum", folder / "copy"], check=True, stdout=subprocess.DEVNULL)
    same_job_s = time.monotonic() - begin
    (folder / "copy").unlink()
    settle()
    stop, found = threading.Event(), []
    watcher = threading.Thread(target=largest_fetcher_kib, args=(server, stop, found))
    watcher.start()
    begin = time.monotonic()
    subprocess.run([hearth, "pull", "--insecure", "--quiet", name], env=environment, check=True)
    pull_s = time.monotonic() - begin
    stop.set()
    watcher.join()
    return curl_s, synced_s, same_job_s, pull_s, max(found, default=0) / 1024


def print_result(what, result):
    curl_s, synced_s, same_job_s, pull_s, peak_mib = result
    shares = ", ".join(f"{100 * other_s / pull_s:.0f} %" for other_s in (curl_s, synced_s, same_job_s))
    print(f"{what}: curl {curl_s:.2f} s, with sync {synced_s:.2f} s, and with sha256sum {same_job_s:.2f} s; pull {pull_s:.2f} s "
          f"({shares} of their speed), fetcher at most {peak_mib:.0f} MiB", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("hearth", type=Path, nargs="+")
    parser.add_argument("--size-mb", type=int, default=2000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where to put the files: the disk that is measured")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        digest = make_model(folder, options.size_mb * 1_000_000)
        registry = ThreadingHTTPServer(("127.0.0.1", 0), Registry)
        registry.daemon_threads = True
        threading.Thread(target=registry.serve_forever, daemon=True).start()
        host = f"127.0.0.1:{registry.server_address[1]}"
        store = folder / "store"
        for part in ("blobs", "manifests"):
            (store / part).mkdir(parents=True)
        results = {hearth: [] for hearth in options.hearth}
        for run in range(options.runs + 1):
            for hearth in options.hearth:
                server, environment = start_server(hearth.resolve(), store, folder)
                try:
                    result = run_once(hearth.resolve(), server, environment, store, f"http://{host}/v2/a/b/blobs/{digest}",
                                      f"http://{host}/bench/model", folder)
                finally:
                    server.terminate()
                    server.wait()
                print_result(f"{hearth}: {'warm-up' if run == 0 else f'run {run}'}", result)
                if run > 0:
                    results[hearth].append(result)
        for hearth, of_runs in results.items():
            if of_runs:
                print_result(f"{hearth}: medians", [statistics.median(values) for values in zip(*of_runs)])


if __name__ == "__main__":
    main()
