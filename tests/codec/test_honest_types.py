"""An exported union is a union for checkers and at run time; and every module can be imported alone."""

from __future__ import annotations

import os
import pkgutil
import subprocess
import sys
from importlib import import_module
from typing import Any, get_args

import pytest

import mittwald_async
from mittwald_async import codec, models
from mittwald_async.runtime import _accel, schema
from mittwald_async.runtime import codec as codec_room
from mittwald_async.runtime.structs import UnionStandIn, Unknown

from ..support import sample_models as m

UNIONS = [
    (module.name, name[1:])
    for module in pkgutil.iter_modules(models.__path__)
    for name, found in vars(import_module(f"{models.__name__}.{module.name}")).items()
    if isinstance(found, type) and issubclass(found, UnionStandIn) and found is not UnionStandIn
]


def test_a_number_is_not_an_instance_of_a_record() -> None:
    assert not isinstance(5, models.dns.RecordCAA)
    assert isinstance(models.dns.RecordUnset(), models.dns.RecordCAA)
    assert isinstance(Unknown(5), models.dns.RecordCAA)
    assert set(get_args(models.dns.RecordCAA)) == {models.dns.RecordUnset, models.dns.RecordCAAComponent, Unknown}


@pytest.mark.parametrize(("domain", "name"), UNIONS, ids=lambda text: text)
def test_every_exported_union_is_a_union_at_run_time(domain: str, name: str) -> None:
    module = import_module(f"{models.__name__}.{domain}")
    union = getattr(module, name)
    assert Unknown in get_args(union)
    assert not any(isinstance(part, type) and issubclass(part, UnionStandIn) for part in get_args(union))
    assert not isinstance(5.5, union)
    assert not isinstance(object(), union)
    assert isinstance(Unknown({}), union)
    assert getattr(module, name) is union


def test_decoded_values_work_with_isinstance_and_match() -> None:
    def reported(value: Any) -> str:
        match value:
            case m.Unset():
                return "unset"
            case m.Mail(entries=entries):
                return f"mail {entries}"
            case Unknown(value=value):
                return f"unknown {value}"
            case _:
                return "else"

    values = codec.loads("list[made_up.Record]", b'[{},{"entries":["a"],"ttl":{"auto":true}},{"of":"tomorrow"}]')
    assert [reported(value) for value in values] == ["unset", "mail ['a']", "unknown {'of': 'tomorrow'}"]
    assert all(isinstance(value, m.Record) for value in values)


def test_a_union_of_lists_and_of_itself_supports_isinstance() -> None:
    mixed: Any = m.Mixed  # checkers see `list[Owner]` in it, which `isinstance` does not accept
    assert isinstance([], mixed)
    assert isinstance("text", mixed)
    assert not isinstance({}, mixed)
    assert not isinstance(m.Owner(id="o"), m.Tree)
    assert isinstance(m.Leaf(leaf=1), m.Tree)


def test_a_missing_name_is_an_attribute_error() -> None:
    for name in ("RecordXYZ", "_Nothing", "__wrapped__"):
        with pytest.raises(AttributeError, match=name):
            getattr(models.dns, name)
    with pytest.raises(ImportError):
        exec("from mittwald_async.models.dns import RecordXYZ")


def _modules(package: Any) -> list[str]:
    found = pkgutil.walk_packages(package.__path__, package.__name__ + ".")
    return [package.__name__, *(module.name for module in found)]


@pytest.mark.parametrize(
    "module", [*_modules(codec_room), *_modules(schema), *_modules(_accel), "mittwald_async.codec"]
)
def test_every_module_of_the_codec_and_models_can_be_imported_alone(module: str) -> None:
    done = subprocess.run([sys.executable, "-c", f"import {module}"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


_PURE = """
import builtins
ran = []
real = builtins.exec
def watched(source, *rest):
    if str(source).startswith("def made"):
        ran.append(source)
    return real(source, *rest)
builtins.exec = watched
from mittwald_async import codec
from mittwald_async.runtime import _accel
print(_accel.PURE, codec.loads("list[dns.RecordMX]", b'[{"managed":true},{}]'), len(ran))
"""


@pytest.mark.parametrize(("value", "pure"), [("", False), ("0", False), ("1", True)])
def test_one_variable_switches_all_of_accel_off(value: str, pure: bool) -> None:
    environment = {**os.environ, "MITTWALD_ASYNC_PURE": value}
    done = subprocess.run(
        [sys.executable, "-c", _PURE], capture_output=True, text=True, check=False, env=environment,
        cwd=os.path.dirname(os.path.dirname(mittwald_async.__file__)),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    text, made = done.stdout.split(" ", 1)
    assert text == str(pure)
    assert made.startswith("[RecordMXManaged(managed=True), RecordUnset()]")
    assert (made.split()[-1] == "0") is pure
