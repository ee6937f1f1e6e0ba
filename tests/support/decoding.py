"""Helpers for the tests of the codec."""

from __future__ import annotations

import json
from typing import Any

from mittwald_async import codec
from mittwald_async.runtime.operation import Operation, Result


def operation(*results: Result | str, operation_id: str = "test-get", path: str = "/v2/tests") -> Operation[Any]:
    """An operation with these results; a string is the type of a JSON response with status 200."""
    return Operation(
        operation_id=operation_id,
        method="GET",
        path=path,
        group="test",
        name="get",
        tag="Test",
        models="mittwald_async.models",
        results=tuple(
            Result(status=200, type=result, content_type="application/json") if isinstance(result, str) else result
            for result in results
        ),
    )


def decode(expression: str, value: Any, *, strict: bool = False, operation_id: str = "test-get") -> Any:
    """Decode a value that arrives as JSON."""
    body = json.dumps(value).encode()
    return codec.decode(operation(expression, operation_id=operation_id), 200, "application/json", body, strict=strict)


def again(expression: str, value: Any, *, strict: bool = False) -> Any:
    """Round trip: JSON → value → JSON."""
    return json.loads(codec.encode(decode(expression, value, strict=strict)))
