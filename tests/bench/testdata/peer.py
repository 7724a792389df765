"""Does the work of the benchmark with the real glance_store: one request a
line on stdin, one reply a line on stdout, both JSON.

    peer.py GLANCE_API_CONF

A request has streams: lists of files or locations, each worked on by a thread
of its own, as the API's workers are.
"""

import hashlib
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor

from glance_store import multi_backend as glance_store
from oslo_config import cfg

CONF = cfg.CONF


def configure(path):
    # Glance registers this option, not glance_store.
    CONF.register_opts([cfg.Opt("enabled_backends", type=cfg.types.Dict(cfg.types.String()))])
    CONF([], default_config_files=[path])
    glance_store.register_store_opts(CONF)
    glance_store.create_multi_stores(CONF)
    glance_store.verify_store()


def add(path, backend, algo):
    """Adds a file under its name. The size is told, which spares rbd resizing."""
    with open(path, "rb") as data:
        _, _, checksum, multihash, _ = glance_store.add_with_multihash(
            CONF, os.path.basename(path), data, os.path.getsize(path), backend, algo)
    return {"name": os.path.basename(path), "md5": checksum, "multihash": multihash}


def get(uri, backend):
    """Reads an image as Glance does, chunk by chunk."""
    chunks, _ = glance_store.get(uri, backend)
    return {"size": sum(len(chunk) for chunk in chunks)}


def digest(uri, backend):
    md5 = hashlib.md5()
    chunks, _ = glance_store.get(uri, backend)
    for chunk in chunks:
        md5.update(chunk)
    return {"md5": md5.hexdigest()}


OPERATIONS = {f.__name__: f for f in (add, get, digest)}


def answer(request):
    operation, streams = OPERATIONS[request.pop("op")], request.pop("streams")
    try:
        with ThreadPoolExecutor(len(streams)) as threads:
            replies = threads.map(lambda items: [operation(item, **request) for item in items], streams)
            return {"images": sum(replies, [])}
    except Exception as e:
        return {"error": "%s: %s" % (type(e).__name__, e)}


configure(sys.argv[1])
print("{}", flush=True)  # ready
for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
