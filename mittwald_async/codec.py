"""Values of this API's models to JSON and back: the runtime's codec, bound to `mittwald_async.models`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from .runtime import codec as _codec
from .runtime.codec import decode, dump, encode, forget_reports

__all__ = ["convert", "decode", "dump", "encode", "forget_reports", "loads", "resolve", "strict_decoder"]

_MODELS = f"{__package__}.models"

convert: partial[Any] = partial(_codec.convert, models=_MODELS)
loads: partial[Any] = partial(_codec.loads, models=_MODELS)
resolve: partial[Any] = partial(_codec.resolve, models=_MODELS)
strict_decoder: partial[Callable[[bytes], Any]] = partial(_codec.strict_decoder, models=_MODELS)
