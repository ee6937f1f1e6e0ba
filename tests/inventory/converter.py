"""Opens an inventory, in a process of its own, for tests that kill it: `python -m tests.inventory.converter FILE`."""

from __future__ import annotations

import sys

from mittwald_async.inventory import Store

if __name__ == "__main__":
    print("begin", flush=True)
    Store(sys.argv[1]).close()
    print("end", flush=True)
