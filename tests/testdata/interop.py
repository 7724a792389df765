"""Drives the real glance_store: one request a line on stdin, one reply a line
on stdout, both JSON. Bytes, and what may not be UTF-8, are base64.

    interop.py GLANCE_API_CONF
"""

import base64
import hashlib
import io
import json
import os
import sys

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


def text(field):
    """A name or URI as Python has it: bytes that are not UTF-8 as surrogates."""
    return os.fsdecode(base64.b64decode(field))


def encode(data):
    return base64.b64encode(data).decode()


def add(name, backend, data, algo, size=0):
    data = io.BytesIO(base64.b64decode(data))
    uri, size, checksum, multihash, metadata = glance_store.add_with_multihash(
        CONF, text(name), data, size, backend, algo)
    return {"uri": encode(os.fsencode(uri)), "size": size, "checksum": checksum,
            "multihash": multihash, "metadata": metadata}


def get(uri, backend, offset=0, length=None):
    # The size that comes with the chunks is what was asked for, not what
    # there is; it is left out.
    chunks, _ = glance_store.get(text(uri), backend, offset=offset, chunk_size=length)
    return {"data": encode(b"".join(chunks))}


def size(uri, backend):
    return {"size": glance_store.get_size_from_uri_and_backend(text(uri), backend)}


def delete(uri, backend):
    glance_store.delete(text(uri), backend)
    return {}


def schemes():
    return {"schemes": sorted(glance_store.get_known_schemes_for_multi_store())}


def algorithms():
    return {"algorithms": sorted(hashlib.algorithms_available)}


OPERATIONS = {f.__name__: f for f in (add, get, size, delete, schemes, algorithms)}


def answer(request):
    try:
        return OPERATIONS[request.pop("op")](**request)
    except Exception as e:  # also a TypeError is glance_store's answer
        return {"error": type(e).__name__, "reason": ascii(str(e))}


configure(sys.argv[1])
for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
