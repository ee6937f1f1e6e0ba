"""Values of this API's models to JSON and back: the runtime's codec, bound to `mittwald_async.models`."""

from __future__ import annotations

from functools import partial

from .runtime import codec as _codec
from .runtime.codec import decode, dump, encode, forget_reports

__all__ = ["convert", "decode", "dump", "encode", "forget_reports", "loads", "resolve", "strict_decoder"]

_MODELS = f"{__package__}.models"

convert = partial(_codec.convert, models=_MODELS)
loads = partial(_codec.loads, models=_MODELS)
resolve = partial(_codec.resolve, models=_MODELS)
strict_decoder = partial(_codec.strict_decoder, models=_MODELS)
