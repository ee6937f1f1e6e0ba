"""Downloads and uploads a large file over loopback in one process: prints time, and memory above idle.

python -m tests.support.large_transfer 5000000000 /some/folder
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from pathlib import Path

from mittwald_async import Mittwald

from .file_server import Web, checksum

_SMALL = 1_000_000


def _peak() -> float:
    """Peak memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def carry(size: int, folder: Path) -> dict[str, float]:
    async with Web(size).running() as server, Mittwald("token-for-tests", base_url=server.url, timeout=None) as mw:
        server.size = _SMALL
        warm = await mw.file.get_file("warm").save(folder / "warm", sha256=checksum(_SMALL))
        await mw.file.create_file(token="t", file=warm)
        server.size = size
        idle, begun = _peak(), time.monotonic()
        large = await mw.file.get_file("large").save(folder / "large", sha256=checksum(size))
        down, begun = time.monotonic() - begun, time.monotonic()
        await mw.file.create_file(token="t", file=large)
        up = time.monotonic() - begun
        if server.uploads[-1][2] != size:
            raise SystemExit("the upload is not whole")
        return {"above_idle_mb": _peak() - idle, "idle_mb": idle, "down_s": down, "up_s": up}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(carry(int(sys.argv[1]), Path(sys.argv[2])))))
