"""What a query gives: series of values over time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib import import_module
from typing import Any, cast, overload

import msgspec

from .._install import install_hint
from ..runtime.errors import ApiClientError, ConfigurationError, ResponseDecodeError


class Sample(msgspec.Struct, frozen=True):
    """One value."""

    time: datetime
    value: float | None
    """`None` where nothing was measured."""


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """The values of one set of labels, oldest first."""

    ref_id: str
    """Of the query it answers."""
    name: str
    labels: dict[str, str]
    times: list[datetime]
    values: list[float | None]

    @property
    def samples(self) -> list[Sample]:
        return [Sample(time, value) for time, value in zip(self.times, self.values, strict=True)]

    @property
    def latest(self) -> float | None:
        """The last value that was measured."""
        return next((value for value in reversed(self.values) if _measured(value)), None)

    @property
    def maximum(self) -> float | None:
        """The greatest value."""
        return max((value for value in self.values if value is not None and _measured(value)), default=None)


def _measured(value: float | None) -> bool:
    return value is not None and not math.isnan(value)


class SeriesList(Sequence[Series]):
    """All series of a query, or of several."""

    def __init__(self, series: Sequence[Series]) -> None:
        self._series = list(series)

    def __len__(self) -> int:
        return len(self._series)

    def __iter__(self) -> Iterator[Series]:
        return iter(self._series)

    @overload
    def __getitem__(self, index: int) -> Series: ...
    @overload
    def __getitem__(self, index: slice) -> SeriesList: ...
    def __getitem__(self, index: int | slice) -> Series | SeriesList:
        return SeriesList(self._series[index]) if isinstance(index, slice) else self._series[index]

    def __repr__(self) -> str:
        return f"<{len(self)} series, {sum(len(one.times) for one in self)} values>"

    def to_arrow(self) -> Any:
        """A table with a row for each value: `ref_id`, `name`, `labels`, `time`, `value`. Needs pyarrow.

        Raises:
            ConfigurationError: pyarrow is missing.
        """
        try:
            pa = import_module("pyarrow")
        except ModuleNotFoundError:
            raise ConfigurationError(f"Arrow tables need pyarrow: {install_hint('parquet')}") from None
        rows = [(one, time, value) for one in self for time, value in zip(one.times, one.values, strict=True)]
        return pa.table(
            {
                "ref_id": pa.array([one.ref_id for one, _, _ in rows], pa.string()),
                "name": pa.array([one.name for one, _, _ in rows], pa.string()),
                "labels": pa.array([list(one.labels.items()) for one, _, _ in rows], pa.map_(pa.string(), pa.string())),
                "time": pa.array([time for _, time, _ in rows], pa.timestamp("ms", tz="UTC")),
                "value": pa.array([value for _, _, value in rows], pa.float64()),
            }
        )


class MetricsError(ApiClientError):
    """A query was refused; others that were asked with it may have worked.

    Attributes:
        errors: what the server says, by the queries' ids.
        series: what the other queries gave.
    """

    def __init__(self, errors: Mapping[str, str], series: SeriesList) -> None:
        super().__init__("; ".join(f"query {ref_id}: {text}" for ref_id, text in errors.items()))
        self.errors: dict[str, str] = dict(errors)
        self.series: SeriesList = series


def series_of(body: bytes, asked: Sequence[str]) -> SeriesList:
    """The series in an answer of Grafana's.

    Raises:
        MetricsError: it reports an error for a query, or has no result for it.
        ResponseDecodeError: it has another form.
    """
    try:
        answer = msgspec.json.decode(body)
        results = cast("dict[str, Any]", answer["results"])
        found = {ref_id: results.get(ref_id) for ref_id in asked}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError, TypeError, AttributeError) as problem:
        raise _odd("$", body, problem) from None
    errors: dict[str, str] = {}
    series: list[Series] = []
    for ref_id, result in found.items():
        if result is None:
            errors[ref_id] = "the answer has no result for it"
            continue
        try:
            status = result.get("status", 200)
            if result.get("error") or (isinstance(status, int) and status >= 400):
                errors[ref_id] = str(result.get("error") or f"status {status}")
                continue
            for frame in result.get("frames") or ():
                series += _series(ref_id, frame)
        except (KeyError, TypeError, AttributeError, ValueError, IndexError, OverflowError) as problem:
            raise _odd(f"$.results.{ref_id}", body, problem) from None
    if errors:
        raise MetricsError(errors, SeriesList(series))
    return SeriesList(series)


def _odd(path: str, body: bytes, problem: Exception) -> ResponseDecodeError:
    text = f"not a result of a query ({type(problem).__name__})"
    return ResponseDecodeError(text, operation_id=None, json_path=path, body=body)


def _series(ref_id: str, frame: dict[str, Any]) -> list[Series]:
    """A frame has a column of times, and one of numbers for each series in it."""
    fields: list[dict[str, Any]] = frame["schema"]["fields"]
    data: dict[str, Any] = frame.get("data") or {}
    columns: list[list[Any]] = data.get("values") or [[] for _ in fields]
    entities: list[Any] = data.get("entities") or [None] * len(fields)
    when = next((place for place, one in enumerate(fields) if one.get("type") == "time"), None)
    if when is None:
        return []
    times = [datetime.fromtimestamp(time / 1000, UTC) for time in columns[when]]
    found: list[Series] = []
    for place, one in enumerate(fields):
        if one.get("type") != "number":
            continue
        given: dict[str, Any] = one.get("labels") or {}
        config: dict[str, Any] = one.get("config") or {}
        labels = {str(name): str(value) for name, value in given.items()}
        shown: Any = config.get("displayNameFromDS") or frame["schema"].get("name") or one.get("name")
        values = _numbers(columns[place], entities[place])
        if len(values) != len(times):
            raise ValueError("columns of different length")
        found.append(Series(ref_id=ref_id, name=str(shown or ""), labels=labels, times=times, values=values))
    return found


_ENTITIES = {"NaN": math.nan, "Inf": math.inf, "NegInf": -math.inf}


def _numbers(column: list[Any], entities: dict[str, list[int]] | None) -> list[float | None]:
    """The values; those that JSON cannot express are given separately, by their positions."""
    values = [None if value is None else float(value) for value in column]
    for name, places in (entities or {}).items():
        for place in places:
            values[place] = _ENTITIES[name]
    return values
