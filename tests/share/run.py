#!/usr/bin/env python3
"""Pulls from one Hearth to another (`hearth pull --from`) over loopback, with a registry and machines that mean harm.

    tests/share/run.py HEARTH
"""

import contextlib
import hashlib
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HEARTH = Path(sys.argv[1]).resolve()
DOCKER = "application/vnd.docker"
WEIGHTS = os.urandom(6_000_000)
CONFIG = b'{"model_format":"gguf"}'


def digest_of(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


BLOBS = {digest_of(content): content for content in (WEIGHTS, CONFIG)}


def layer(media_type, content):
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}


MANIFEST = json.dumps({
    "schemaVersion": 2, "mediaType": f"{DOCKER}.distribution.manifest.v2+json",
    "config": layer(f"{DOCKER}.container.image.v1+json", CONFIG),
    "layers": [layer("application/vnd.ollama.image.model", WEIGHTS)]}).encode()


class Handler(BaseHTTPRequestHandler):
    """Blobs, whole or in one range, and the manifest; `spoil` of its server may answer in its place."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        server = self.server
        server.seen.append((self.path, self.headers.get("Authorization")))
        if self.path.endswith("/manifests/latest"):
            return self.answer(200, MANIFEST)
        content = server.blobs.get(self.path.rsplit("/", 1)[1])
        if content is None:
            return self.answer(404, b"")
        if server.spoil:
            self.close_connection = True
            return server.spoil(self, content)
        begin, end = self.range_of(content)
        self.answer(206, content[begin:end], f"bytes {begin}-{end - 1}/{len(content)}")

    def range_of(self, content):
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["Range"])
        return int(wanted[1]), min(int(wanted[2]) + 1, len(content))

    def answer(self, status, body, content_range=None):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if content_range:
            self.send_header("Content-Range", content_range)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def machine(blobs, spoil=None):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.blobs, server.spoil, server.seen = blobs, spoil, []
    server.handle_error = lambda *_: None  # clients that leave in the middle
    server.host = f"127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()


class Hearth:
    """A server with a folder of its own, and a key for it."""

    running = []

    def __init__(self, folder, scope, *options):
        self.home, self.models = folder / "home", folder / "models"
        for path in (self.home, self.models / "blobs", self.models / "manifests"):
            path.mkdir(parents=True)
        self.environment = {**os.environ, "HEARTH_HOME": str(self.home)}
        for name in ("HEARTH_HOST", "HEARTH_MODELS", "HEARTH_OFFLINE", "HEARTH_FROM_KEY"):
            self.environment.pop(name, None)
        made = subprocess.run([HEARTH, "key", "create", "test", "--scope", scope], env=self.environment, check=True,
                              capture_output=True, text=True)
        self.key = re.search(r"hk_[0-9a-f]+_[0-9a-f]+", made.stdout)[0]
        self.process = subprocess.Popen([HEARTH, "serve", "--port", "0", "--models", self.models, *options],
                                        env=self.environment, stderr=subprocess.PIPE, text=True)
        Hearth.running.append(self)
        self.host = re.search(r"127\.0\.0\.1:\d+", self.process.stderr.readline())[0]
        self.environment |= {"HEARTH_HOST": self.host, "HEARTH_API_KEY": self.key}

    def put_blobs(self):
        for digest, content in BLOBS.items():
            (self.models / "blobs" / digest.replace(":", "-")).write_bytes(content)

    def start_pull(self, registry, peer, key):
        return subprocess.Popen([HEARTH, "pull", "--json", "--insecure", "--from", peer, f"http://{registry}/a/model"],
                                env={**self.environment, "HEARTH_FROM_KEY": key}, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)

    def forget(self):
        for part in ("blobs", "manifests", "hearth"):
            shutil.rmtree(self.models / part, ignore_errors=True)
        for part in ("blobs", "manifests"):
            (self.models / part).mkdir()

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()


def expect(condition, what):
    if not condition:
        sys.exit(f"FAILED: {what}")


def pull(puller, registry, peer, key="", on_line=None):
    """What was said by the way; all blobs are there afterwards, as they should be, and nothing else."""
    puller.forget()
    process = puller.start_pull(registry.host, peer, key)
    lines = []
    for line in process.stdout:
        lines.append(json.loads(line))
        if on_line:
            on_line(lines[-1])
    errors = process.stderr.read()
    process.stdout.close()
    process.stderr.close()
    expect(process.wait() == 0, f"pull from {peer}: {errors}")
    for digest, content in BLOBS.items():
        path = puller.models / "blobs" / digest.replace(":", "-")
        expect(path.read_bytes() == content, f"{digest} differs")
    expect(all(key is None for _, key in registry.seen), "the registry was told a key")
    return [line["status"] for line in lines if "the registry is asked" in line["status"]]


def ask(host, path, method="GET", **headers):
    connection = http.client.HTTPConnection(host)
    connection.request(method, path, headers=headers)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response, body


def check_honest_machine(folder, puller):
    other = Hearth(folder / "other", "inference", "--share-models", "--offline")
    other.put_blobs()
    path = f"/api/shared/blobs/{digest_of(WEIGHTS)}"
    key = {"Authorization": f"Bearer {other.key}"}
    expect(ask(other.host, path)[0].status == 401, "a blob was given without a key")
    whole, body = ask(other.host, path, **key)
    expect(whole.status == 200 and body == WEIGHTS, "the whole blob differs")
    part, body = ask(other.host, path, **key, Range="bytes=1048570-2097200")
    expect(part.status == 206 and body == WEIGHTS[1048570:2097201], "the range differs")
    expect(part.headers["Content-Range"] == f"bytes 1048570-2097200/{len(WEIGHTS)}", part.headers["Content-Range"])
    expect(ask(other.host, path, **key, Range="bytes=5999999-")[1] == WEIGHTS[-1:], "the last byte differs")
    expect(ask(other.host, path, **key, Range="bytes=6000000-")[0].status == 416, "a range beyond the end")
    for bad in ("bytes=2-1", "bytes=-5", "bytes=0-1,3-4", "bytes=0-18446744073709551615", "bytes=x-", "lines=1-2"):
        expect(ask(other.host, path, **key, Range=bad)[0].status == 400, bad)
    expect(ask(other.host, path, "HEAD", **key)[1] == b"", "a HEAD with a body")
    for bad, status in ((digest_of(b"none"), 404), ("sha256:..", 400), ("..%2f..%2fhome", 400)):
        expect(ask(other.host, f"/api/shared/blobs/{bad}", **key)[0].status == status, bad)

    with machine({}) as registry:  # which has the manifest alone
        expect(pull(puller, registry, other.host, other.key) == [], "something was said")
        asked = [path for path, _ in registry.seen if "/blobs/" in path]
        expect(asked == [], f"the registry was asked for blobs: {asked}")
    with machine(BLOBS) as registry:
        said = pull(puller, registry, other.host, "hk_0123456789ab_" + 64 * "0")
        expect(len(said) == 1 and "401" in said[0], f"a wrong key: {said}")
        killed = lambda line: line.get("completed", 0) > len(CONFIG) and os.kill(other.process.pid, signal.SIGKILL)
        slow = Hearth(folder / "slow", "manage", "--limit-rate", "4M")
        said = pull(slow, registry, other.host, other.key, killed)
        expect(len(said) == 1, f"a machine that is killed in the middle: {said}")


def check_machine_that_shares_nothing(folder, puller):
    other = Hearth(folder / "unshared", "inference", "--offline")
    other.put_blobs()
    with machine(BLOBS) as registry:
        said = pull(puller, registry, other.host, other.key)
        expect(len(said) == len(BLOBS) and "404" in said[0], f"a machine that shares nothing: {said}")


def check_hostile_machines(puller):
    def wrong(handler, content):
        begin, end = handler.range_of(content)
        handler.answer(206, bytes(end - begin), f"bytes {begin}-{end - 1}/{len(content)}")

    def endless(handler, _):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            handler.wfile.write(bytes(65536))

    def longer(handler, content):
        begin, _ = handler.range_of(content)
        handler.answer(206, content[begin:] + b"more", f"bytes {begin}-{len(content) - 1}/{len(content)}")

    def cut_off(handler, content):
        begin, end = handler.range_of(content)
        handler.wfile.write(f"HTTP/1.1 206 X\r\nContent-Range: bytes {begin}-{end - 1}/{len(content)}\r\n"
                            f"Content-Length: {end - begin}\r\n\r\n".encode() + content[begin:(begin + end) // 2])

    def nonsense(handler, _):
        handler.wfile.write(b"\x00\x01 \xff\r\n\r\n")

    for spoil in (wrong, endless, longer, cut_off, nonsense):
        with machine(BLOBS, spoil) as hostile, machine(BLOBS) as registry:
            said = pull(puller, registry, hostile.host, "hk_secret")
            expect(len(said) == 1, f"{spoil.__name__}: {said}")
            expect(all(key == "Bearer hk_secret" for _, key in hostile.seen), "its key")


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            puller = Hearth(folder / "puller", "manage")
            check_honest_machine(folder, puller)
            check_machine_that_shares_nothing(folder, puller)
            check_hostile_machines(puller)
        finally:
            for server in Hearth.running:
                server.stop()
    print("pulls from another machine: the same bytes, and from the registry where it fails")


if __name__ == "__main__":
    main()
