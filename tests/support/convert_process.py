"""Opens an inventory as its own process, for tests that kill it: `python -m tests.support.convert_process FILE`."""

from __future__ import annotations

import sys

from mittwald_async.inventory import Store

if __name__ == "__main__":
    print("begin", flush=True)
    Store(sys.argv[1]).close()
    print("end", flush=True)
