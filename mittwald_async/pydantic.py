"""Models as types of pydantic, and so of FastAPI: `AsJson[models.project.Project]`.

    @app.get("/projects/{id}")
    async def project(id: str) -> AsJson[Project]: ...

JSON has the names of the API. Works wherever pydantic takes a type: in fields, as `response_model`, in `list[…]`.
pydantic is imported by the code that uses it, not here.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, TypeVar

import msgspec

from .codec import convert, dump
from .runtime.errors import ApiClientError
from .runtime.structs import Model
from .tables import property_kinds

T = TypeVar("T", bound=Model)

_TYPES: dict[str, dict[str, Any]] = {
    "bool": {"type": "boolean"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "time": {"type": "string", "format": "date-time"},
    "date": {"type": "string", "format": "date"},
    "text": {"type": "string"},
    "json": {},
}


class _Schema:
    """What pydantic asks of a type: how to check it, how to write it, and what to say of it."""

    def __init__(self, model: type[Model]) -> None:
        self._model = model

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(
            self._validated,
            serialization=core_schema.plain_serializer_function_ser_schema(dump),
        )

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        return json_schema(self._model)

    def _validated(self, value: object) -> Model:
        if isinstance(value, self._model):
            return value
        if not isinstance(value, dict):
            raise ValueError(f"must be a {self._model.__name__} or an object")
        module = self._model.__module__.rpartition(".")[2]
        try:
            found: Model = convert(f"{module}.{self._model.__name__}", value, strict=True)
        except ApiClientError as problem:
            raise ValueError(str(problem)) from None
        return found


@cache
def json_schema(model: type[Model]) -> dict[str, Any]:
    """A JSON schema of a model. Parts that have parts of their own are left open."""
    kinds = property_kinds(model)
    fields = msgspec.structs.fields(model)
    return {
        "title": model.__name__,
        "type": "object",
        "properties": {field.encode_name: dict(_TYPES[kinds[field.name]]) for field in fields},
        "required": [field.encode_name for field in fields if field.required],
    }


if TYPE_CHECKING:
    AsJson: TypeAlias = Annotated[T, ...]
else:

    class AsJson:
        """`AsJson[Model]` is the model, with what pydantic needs to know of it."""

        def __class_getitem__(cls, model: type[Model]) -> Any:
            return Annotated[model, _Schema(model)]
