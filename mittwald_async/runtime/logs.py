"""Names of loggers: they follow the package that this runtime is part of."""

from __future__ import annotations

import logging

_PACKAGE = __name__.partition(".")[0]


def logger(subject: str) -> logging.Logger:
    """The logger `<package>.<subject>`, such as `….calls`. Silent until the program switches it on."""
    return logging.getLogger(f"{_PACKAGE}.{subject}")


logging.getLogger(_PACKAGE).addHandler(logging.NullHandler())
