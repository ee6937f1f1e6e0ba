"""Public names of the package."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path
from types import ModuleType

import pytest

import mittwald_async
from mittwald_async import models
from mittwald_async.operations import GROUPS, OPERATIONS, REDIRECTS

from ..support.fresh_process import fresh

PUBLIC = (
    "codec",
    "emulator",
    "inventory",
    "runtime.codec",
    "runtime.concurrency",
    "runtime.credentials",
    "runtime.files",
    "runtime.paging",
    "runtime.ratelimit",
    "waiting",
)

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(mittwald_async.__path__, "mittwald_async.")
    if not module.name.endswith("__main__")
)


def test_every_name_of_the_root_exists_and_is_listed() -> None:
    for name in mittwald_async.__all__:
        assert getattr(mittwald_async, name) is not None
    assert sorted(mittwald_async.__all__) == sorted(set(mittwald_async.__all__))
    assert set(mittwald_async.__all__) <= set(dir(mittwald_async))


def test_the_names_promised_by_the_design() -> None:
    promised = {"Mittwald", "fan_out", "fan_out_items", "gather_bounded", "errors", "models", "inventory", "operations"}
    assert promised <= set(mittwald_async.__all__)


def test_a_missing_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"mittwald_async.*no attribute 'nothing'"):
        _ = mittwald_async.nothing


@pytest.mark.parametrize("name", PUBLIC)
def test_all_of_a_public_room_is_complete(name: str) -> None:
    """`__all__` names everything the room defines, and nothing that does not exist."""
    room = importlib.import_module(f"mittwald_async.{name}")
    public = {
        attribute
        for attribute, value in vars(room).items()
        if not attribute.startswith("_")
        and not isinstance(value, ModuleType)
        and getattr(value, "__module__", "") == room.__name__
    }
    listed: set[str] = set(room.__all__)
    assert public - listed == set()
    assert len(listed) == len(room.__all__)
    assert [one for one in listed if not hasattr(room, one)] == []


def test_every_module_can_be_imported_alone() -> None:
    """A forgotten import hides behind whatever imported the module before, so each module is imported first in its own
    process. Third-party modules are loaded beforehand, for speed."""
    code = """
import importlib, json, os, sys
import aiohttp.web, anyio, msgspec, pytest, rich.console, sqlite3, typer
failed = {}
for name in NAMES:
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            importlib.import_module(name)
        except BaseException as error:
            os.write(writing, f"{type(error).__name__}: {error}".encode()[:4000])
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    if said:
        failed[name] = said.decode()
print(json.dumps(failed))
""".replace("NAMES", repr(MODULES), 1)
    assert fresh(code) == {}


def test_the_surface_is_complete() -> None:
    assert len(OPERATIONS) == 576
    assert len(REDIRECTS) == 109
    assert len(GROUPS) == 24


def test_every_group_is_an_attribute_of_the_client() -> None:
    client = mittwald_async.Mittwald("token-for-tests")
    for group, class_name in GROUPS.items():
        assert type(getattr(client, group)).__name__ == class_name


def test_every_operation_is_a_method_whose_docstring_names_its_route() -> None:
    client = mittwald_async.Mittwald("token-for-tests")
    for operation in OPERATIONS.values():
        method = getattr(getattr(client, operation.group), operation.name)
        assert f"{operation.method} {operation.path}" in (method.__doc__ or "")


def test_a_missing_domain_of_models_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nothing"):
        _ = models.nothing


def test_the_version_is_in_one_place_and_in_the_changelog() -> None:
    from mittwald_async._version import __version__
    from mittwald_async.profile import PROFILE

    assert mittwald_async.__version__ == __version__
    assert PROFILE.product == f"mittwald-async/{__version__}"
    changelog = Path(__file__).parents[2] / "CHANGELOG.md"
    released = re.findall(r"^## \[(\d\S*)\] - \d{4}-\d\d-\d\d$", changelog.read_text(encoding="utf-8"), re.MULTILINE)
    assert released[0] == __version__
