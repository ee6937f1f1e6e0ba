"""The most demanding generated models: losses that users would notice first."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from mittwald_async import codec
from mittwald_async.models import activitylog, dns, project
from mittwald_async.runtime.structs import Unknown

from ..support.decoding import again, decode

AUTO: dict[str, Any] = {"ttl": {"auto": True}}
HOUR: dict[str, Any] = {"ttl": {"seconds": 3600}}
ZONE: dict[str, Any] = {
    "id": "0b0a3c9e-5e1f-4c3a-9d7b-000000000001",
    "domain": "beispiel.example",
    "recordSet": {
        "combinedARecords": {"a": ["203.0.113.7"], "aaaa": ["2001:db8::7"], "settings": AUTO},
        "mx": {"records": [{"fqdn": "mx.example", "priority": 10}], "settings": HOUR},
        "txt": {"entries": ["v=spf1 -all"], "settings": AUTO},
        "cname": {"fqdn": "ziel.example", "settings": HOUR},
        "srv": {"records": [{"fqdn": "sip.example", "port": 5060, "priority": 1, "weight": 2}], "settings": AUTO},
        "caa": {"records": [{"flags": 0, "tag": "issue", "value": "ca.example"}], "settings": AUTO},
    },
}


def test_a_zone_with_every_record_type_round_trips() -> None:
    zone = decode("dns.Zone", ZONE, strict=True)
    kinds: dict[str, type] = {
        "combined_a_records": dns.CombinedACustom,
        "mx": dns.RecordMXCustom,
        "txt": dns.RecordTXTComponent,
        "cname": dns.RecordCNAMEComponent,
        "srv": dns.RecordSRVComponent,
        "caa": dns.RecordCAAComponent,
    }
    for name, kind in kinds.items():
        assert type(getattr(zone.record_set, name)) is kind
    assert zone.record_set.mx.settings.ttl == dns.TtlSeconds(seconds=3600)
    assert again("dns.Zone", ZONE) == ZONE


def test_unset_records_stay_unset() -> None:
    zone = {**ZONE, "recordSet": {name: {} for name in ZONE["recordSet"]} | {"mx": {"managed": True}}}
    decoded = decode("list[dns.Zone]", [zone], strict=True)[0]
    assert decoded.record_set.txt == dns.RecordUnset()
    assert decoded.record_set.mx == dns.RecordMXManaged(managed=True)
    assert again("list[dns.Zone]", [zone]) == [zone]


def test_a_project_keeps_its_spec_variant() -> None:
    visitors = {"storage": "20Gi", "visitors": 5000}
    hardware = {"storage": "20Gi"}
    spec: Any = codec.resolve("project.ProjectSpec")
    assert type(codec.convert("project.ProjectSpec", visitors)) is project.VisitorSpec
    assert type(codec.convert("project.ProjectSpec", hardware)) is project.HardwareSpec
    assert [again("project.ProjectSpec", value) for value in (visitors, hardware)] == [visitors, hardware]
    assert codec.resolve("project.ProjectSpec") is spec


def test_an_undocumented_activity_is_the_documented_fallback_or_unknown() -> None:
    action = {"name": "dns.sshfp-record-set", "changes": {}, "parameters": {"domain": {"name": "beispiel.example"}}}
    assert type(decode("activitylog.LogEntryAction", action)) is activitylog.GenericAction
    assert decode("activitylog.LogEntryAction", {"name": "x"}) == Unknown({"name": "x"})
    known = {"name": "app.deleted", "changes": {}, "parameters": {"appInstallation": {"name": "shop"}}}
    assert type(decode("activitylog.LogEntryAction", known)) is activitylog.AppInstallationDeleted


def test_resolving_a_type_loads_only_the_models_it_needs() -> None:
    program = (
        "import sys; from mittwald_async import codec; "
        "before = [name for name in sys.modules if name.startswith('mittwald_async.models')]; "
        "codec.strict_decoder('list[dns.Zone]'); "
        "loaded = {name.rpartition('.')[2] for name in sys.modules if name.startswith('mittwald_async.models.')}; "
        "assert not before, before; assert 'dns' in loaded and 'mail' not in loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
