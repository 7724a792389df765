"""Makes RBD images as glance_store does, 16 at a time. Image 00042 has 42
bytes, which are zeros.

    rbdimages.py CEPH_CONF POOL NUMBER
"""

import sys
from concurrent.futures import ThreadPoolExecutor

import rados
import rbd

conf, pool, number = sys.argv[1], sys.argv[2], int(sys.argv[3])


def make(ioctx, size):
    name = "%05d" % size
    rbd.RBD().create(ioctx, name, size, old_format=False)
    with rbd.Image(ioctx, name) as image:
        image.create_snap("snap")
        image.protect_snap("snap")


with rados.Rados(conffile=conf) as cluster, cluster.open_ioctx(pool) as ioctx:
    with ThreadPoolExecutor(16) as threads:
        for done in [threads.submit(make, ioctx, size + 1) for size in range(number)]:
            done.result()
