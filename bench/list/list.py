#!/usr/bin/env python3
"""How long it takes to list a store of many models, and to find one of them.

    bench/list/list.py HEARTH [--models 1000] [--runs 20]

Prints medians: of `GET /api/tags` and `GET /v1/models` over one connection, of `hearth list` from its start to its end,
and of a request for one model (`GET /v1/models/NAME`).
"""

import argparse
import hashlib
import http.client
import json
import os
import re
import socket
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

DOCKER = "application/vnd.docker"


def put_blob(store, content):
    digest = hashlib.sha256(content).hexdigest()
    (store / "blobs" / f"sha256-{digest}").write_bytes(content)
    return {"digest": f"sha256:{digest}", "size": len(content)}


def make_store(store, n_models):
    (store / "blobs").mkdir(parents=True)
    for i in range(n_models):
        config = put_blob(store, json.dumps({"model_format": "gguf", "model_family": "llama", "model_type": "8B",
                                             "file_type": "Q4_K_M", "i": i}).encode())
        weights = put_blob(store, f"weights {i}".encode())
        manifest = {"schemaVersion": 2, "mediaType": f"{DOCKER}.distribution.manifest.v2+json",
                    "config": {"mediaType": f"{DOCKER}.container.image.v1+json", **config},
                    "layers": [{"mediaType": "application/vnd.ollama.image.model", **weights}]}
        path = store / f"manifests/registry.ollama.ai/library/model-{i}/latest"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(manifest))


def start_server(hearth, store, folder):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{probe.getsockname()[1]}"
    environment = {**os.environ, "HEARTH_HOME": str(folder / "home"), "HEARTH_HOST": host}
    (folder / "home").mkdir()
    key = subprocess.run([hearth, "key", "create", "bench", "--scope", "inference,manage"], env=environment, check=True,
                         capture_output=True, text=True)
    environment["HEARTH_API_KEY"] = re.search(r"hk_[0-9a-f]+_[0-9a-f]+", key.stdout)[0]
    server = subprocess.Popen([hearth, "serve", "--models", store], env=environment, stderr=subprocess.PIPE, text=True)
    server.stderr.readline()  # it listens
    return server, environment, host


def median_ms(work, n_runs):
    times = []
    for _ in range(n_runs):
        begin = time.monotonic()
        work()
        times.append(1000 * (time.monotonic() - begin))
    return statistics.median(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("hearth", type=Path)
    parser.add_argument("--models", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=20)
    options = parser.parse_args()
    hearth = options.hearth.resolve()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_store(folder / "store", options.models)
        server, environment, host = start_server(hearth, folder / "store", folder)
        try:
            time.sleep(2.5)  # what was written a moment ago is read each time
            connection = http.client.HTTPConnection(host)
            headers = {"Authorization": f"Bearer {environment['HEARTH_API_KEY']}"}

            def get(path):
                connection.request("GET", path, headers=headers)
                response = connection.getresponse()
                body = response.read()
                assert response.status == 200, body
                return body

            begin = time.monotonic()
            assert len(json.loads(get("/api/tags"))["models"]) == options.models
            print(f"{options.models} models; the first /api/tags: {1000 * (time.monotonic() - begin):.1f} ms")
            for path in ("/api/tags", "/v1/models", "/v1/models/model-7"):
                print(f"GET {path}: {median_ms(lambda: get(path), options.runs):.1f} ms")
            listing = lambda: subprocess.run([hearth, "list"], env=environment, check=True, capture_output=True)
            print(f"hearth list: {median_ms(listing, options.runs):.1f} ms")
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
