"""Runs without write permission: `python -m tests.support.unprivileged_process FOLDER` prints each sink's error."""

from __future__ import annotations

import os
import sys

from mittwald_async.errors import MittwaldError
from mittwald_async.inventory import Store, sink_for


def main(folder: str) -> None:
    os.chdir(folder)
    if os.geteuid() == 0:  # Root may write everywhere.
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    for name in ("rows.sqlite", "rows.jsonl", "rows.csv"):
        try:
            sink_for(name, None, ["project"])
        except MittwaldError as error:
            print(error)
    try:
        Store("old.sqlite")
    except MittwaldError as error:
        print(error)


if __name__ == "__main__":
    main(sys.argv[1])
