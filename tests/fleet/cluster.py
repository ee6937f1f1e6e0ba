"""A real cluster on loopback: `dask scheduler` and `dask worker` as separate processes, ended by their ids."""

from __future__ import annotations

import gzip
import importlib
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

distributed: Any = importlib.import_module("distributed")

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def wait_until_open(port: int) -> None:
    """Wait until something listens on a local port, for at most two minutes since the machine may be busy."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(f"nothing listens on port {port}")


def _write_nothing() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


class Cluster:
    """A scheduler and workers; the processes' output goes to files in a folder.

    Args:
        folder: for output and the workers' files.
        workers: how many to start with.
        threads: accounts that a worker sweeps at once.
        environment: further variables for the workers only, such as tokens that the scheduler must not have.
        path: a folder from which workers import modules.
    """

    def __init__(
        self,
        folder: Path,
        workers: int = 2,
        *,
        threads: int = 2,
        environment: Mapping[str, str] | None = None,
        path: Path | None = None,
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.workers: list[subprocess.Popen[bytes]] = []
        self.scheduler: subprocess.Popen[bytes] | None = None
        self._count = workers
        self._begun = 0
        self._threads = threads
        self._environment = dict(environment or {})
        self._path = os.pathsep.join(map(str, (folder / "without", ROOT, *([path] if path is not None else []))))

    def __enter__(self) -> Self:
        # pyarrow imports pandas where it finds it: a second for each process, and nothing here needs it.
        (self.folder / "without").mkdir(parents=True, exist_ok=True)
        (self.folder / "without" / "pandas.py").write_text("raise ImportError\n")
        self.start_scheduler()
        for _ in range(self._count):
            self.start_worker()
        # Workers wait for their scheduler themselves: all start at once.
        wait_until_open(self.port)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in [*self.workers, *([self.scheduler] if self.scheduler else [])]:
            process.kill()
            process.wait(10)

    def start_scheduler(self) -> None:
        without = {name: value for name, value in os.environ.items() if not name.startswith("FLEET_TOKEN")}
        self.scheduler = self._start(
            "scheduler",
            "scheduler",
            "--host",
            "127.0.0.1",
            "--port",
            str(self.port),
            "--no-dashboard",
            environment=without,
        )

    def stop_scheduler(self) -> None:
        assert self.scheduler is not None
        self.scheduler.kill()
        self.scheduler.wait(10)

    def start_worker(self, *, disk: bool = True) -> subprocess.Popen[bytes]:
        """Start a worker. One without disk can create files but cannot write to them."""
        number = self._begun
        self._begun += 1
        worker = self._start(
            f"worker-{number}",
            *("worker", self.address, "--host", "127.0.0.1", "--nthreads", str(self._threads), "--no-nanny"),
            *("--no-dashboard", "--local-directory", str(self.folder / f"local-{number}"), "--death-timeout", "60"),
            environment={**os.environ, **self._environment},
            disk=disk,
        )
        self.workers.append(worker)
        return worker

    def _start(
        self, name: str, *arguments: str, environment: Mapping[str, str], disk: bool = True
    ) -> subprocess.Popen[bytes]:
        settings = {"PYTHONPATH": self._path, "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "5s"}
        with open(self.folder / f"{name}.log", "ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "dask", *arguments],
                env={**environment, **settings},
                stdout=log if disk else subprocess.DEVNULL,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                preexec_fn=None if disk else _write_nothing,
            )

    def logs(self) -> str:
        return "\n".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("*.log")))


async def state_dump(address: str, path: Path) -> str:
    """The complete state of the scheduler and its workers, as text."""
    async with distributed.Client(address, asynchronous=True, set_as_default=False) as client:
        await client.dump_cluster_state(str(path))
    return gzip.decompress(Path(f"{path}.msgpack.gz").read_bytes()).decode(errors="replace")
