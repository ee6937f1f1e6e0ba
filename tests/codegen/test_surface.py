"""The generated surface as users meet it: what it imports and what type checkers know of it.

The type checkers verify the assertions about types, since they read this file in strict mode.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Literal, assert_type

import pytest

from mittwald_async.codec import dump, strict_decoder
from mittwald_async.models import dns, domain, project
from mittwald_async.operations import GROUPS, OPERATIONS, REDIRECTS
from mittwald_async.runtime.files import Download
from mittwald_async.runtime.paging import Pages
from mittwald_async.runtime.structs import Unknown

if TYPE_CHECKING:
    from mittwald_async.api.domain import DomainGroup
    from mittwald_async.api.file import FileGroup
    from mittwald_async.api.project import ProjectGroup


def loaded(code: str) -> list[str]:
    """This package's modules that a fresh interpreter holds after running the code."""
    show = "import sys, json; print(json.dumps([m for m in sys.modules if m.startswith('mittwald_async')]))"
    done = subprocess.run([sys.executable, "-c", f"{code}\n{show}"], capture_output=True, text=True, check=True)
    names: list[str] = json.loads(done.stdout)
    return names


def of(kind: str, names: list[str]) -> list[str]:
    prefix = f"mittwald_async.{kind}."
    return sorted(name.removeprefix(prefix) for name in names if name.startswith(prefix))


def test_importing_a_group_loads_no_models() -> None:
    names = loaded("import mittwald_async.api.project")
    assert of("api", names) == ["project"]
    assert of("models", names) == []
    assert "mittwald_async.operations" not in names


def test_decoding_loads_only_the_needed_domains() -> None:
    names = loaded("from mittwald_async.codec import strict_decoder; strict_decoder('ssl.Certificate')")
    assert of("api", names) == []
    assert "ssl" in of("models", names)
    assert len(of("models", names)) < 6


def test_looking_up_an_operation_loads_its_group() -> None:
    names = loaded(
        "from mittwald_async.operations import OPERATIONS\n"
        "assert len(list(OPERATIONS)) == len(OPERATIONS)\n"
        "OPERATIONS['article-get-article']"
    )
    assert of("api", names) == ["article"]


def test_the_surface_is_complete() -> None:
    assert (len(OPERATIONS), len(GROUPS), len(REDIRECTS)) == (576, 24, 109)
    assert OPERATIONS["project-list-projects"].paged
    with pytest.raises(KeyError):
        _ = OPERATIONS["project-no-such-operation"]


async def types_of_project(group: ProjectGroup) -> None:
    """Never called; read by the type checkers."""
    assert_type(await group.get_project("p"), project.Project)
    assert_type(group.list_projects(limit=50), Pages[project.ProjectListItem])
    assert_type(await group.delete_project("p"), None)
    assert_type(await group.update_project("p", description="x"), None)
    found = await group.get_project("p")
    assert_type(found.short_id, str)
    assert_type(found.spec, project.VisitorSpec | project.HardwareSpec | Unknown | None)
    await group.get_project("p", nope=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await group.get_project()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    group.list_projects(limit="50")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def types_of_others(domains: DomainGroup, files: FileGroup) -> None:
    """Never called; read by the type checkers."""
    zone = await domains.dns_get_dns_zone("z")
    assert_type(zone, dns.Zone)
    assert_type(files.get_file("f"), Download)
    await domains.dns_update_record_set("z", "a", dns.RecordUnset())
    await domains.dns_update_record_set("z", "a", body=3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_enums_are_known_and_open() -> None:
    status: project.ProjectStatus = "pending"
    status = "something new"
    assert status
    known: Literal["ready"] = "ready"
    status = known


def whole_zone() -> dict[str, Any]:
    settings: dict[str, Any] = {"ttl": {"auto": True}}
    return {
        "id": "z",
        "domain": "example.org",
        "recordSet": {
            "combinedARecords": {"a": ["192.0.2.1"], "aaaa": ["2001:db8::1"], "settings": settings},
            "mx": {"records": [{"fqdn": "mail.example.org", "priority": 10}], "settings": {"ttl": {"seconds": 300}}},
            "txt": {"entries": ["v=spf1 -all"], "settings": settings},
            "cname": {"fqdn": "www.example.org", "settings": settings},
            "srv": {
                "records": [{"fqdn": "sip.example.org", "port": 5060, "priority": 1, "weight": 2}],
                "settings": settings,
            },
            "caa": {"records": [{"flags": 0, "tag": "issue", "value": "ca.example.org"}], "settings": settings},
        },
    }


def test_a_zone_keeps_every_record() -> None:
    value = whole_zone()
    zone = strict_decoder("dns.Zone")(json.dumps(value).encode())
    assert dump(zone) == value
    kinds = {
        name: type(getattr(zone.record_set, name)).__name__
        for name in ("combined_a_records", "mx", "txt", "cname", "srv", "caa")
    }
    assert kinds == {
        "combined_a_records": "CombinedACustom", "mx": "RecordMXCustom", "txt": "RecordTXTComponent",
        "cname": "RecordCNAMEComponent", "srv": "RecordSRVComponent", "caa": "RecordCAAComponent",
    }  # fmt: skip


def test_each_kind_of_record_set_is_recognised_in_a_request() -> None:
    variants = {name: value for name, value in whole_zone()["recordSet"].items() if name != "combinedARecords"}
    taken = {
        name: type(strict_decoder("domain.DnsUpdateRecordSetRequest")(json.dumps(value).encode())).__name__
        for name, value in variants.items()
    }
    assert taken == {
        "mx": "RecordMXCustom", "txt": "RecordTXTComponent", "cname": "RecordCNAMEComponent",
        "srv": "RecordSRVComponent", "caa": "RecordCAAComponent",
    }  # fmt: skip
    assert domain.DnsUpdateRecordSetRequest is not None
