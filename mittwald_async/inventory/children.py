"""Views of what is nested in the items of a resource: a row for each DNS record, path, database link …"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

_OWNERS = ("account", "customer_id", "project_id", "project", "customer")


class Source(msgspec.Struct, frozen=True):
    """Where rows of a view come from: a list inside an item, or (`each` false) something that is there once or not."""

    path: str
    """JSON path below the item, such as `$.paths`."""
    values: tuple[str, ...]
    """SQL for each of the view's own columns; `e` is the element, `r` the item's row."""
    each: bool = True


class ChildView(msgspec.Struct, frozen=True, kw_only=True):
    """A view of nested things."""

    name: str
    resource: str
    """Whose items they are in."""
    means: str
    columns: tuple[tuple[str, str, str], ...]
    """Name, type and meaning of each column of its own."""
    sources: tuple[Source, ...]


def _of(path: str) -> str:
    return f"json_extract(e.value, '$.{path}')"


def _in(path: str) -> str:
    return f"json_extract(r.data, '$.{path}')"


def _record(kind: str, path: str, value: str, priority: str, settings: str) -> Source:
    return Source(
        f"$.recordSet.{path}",
        (_in("domain"), f"'{kind}'", value, priority, _in(f"recordSet.{settings}.settings.ttl.seconds"), "0"),
    )


def _managed(kind: str, path: str) -> Source:
    return Source(f"$.recordSet.{path}", (_in("domain"), f"'{kind}'", "NULL", "NULL", "NULL", "1"), each=False)


_A = "combinedARecords"
_ITEM = (
    "description",
    "isBaseItem",
    "aggregateReference.aggregate",
    "aggregateReference.id",
    "totalPrice.value",
    "nextPossibleTerminationDate",
)

CHILD_VIEWS: tuple[ChildView, ...] = (
    ChildView(
        name="dns_record",
        resource="dns_zone",
        means="a record of a DNS zone; one that the provider manages has no value here",
        columns=(
            ("name", "text", "the name that has the record"),
            ("type", "text", "A, AAAA, CAA, CNAME, MX, SRV or TXT"),
            ("value", "text", "what it says, as text"),
            ("priority", "int", "of MX and SRV"),
            ("ttl", "int", "seconds; NULL where the provider chooses"),
            ("managed", "bool", "1 where the provider fills it in"),
        ),
        sources=(
            _record("A", f"{_A}.a", "e.value", "NULL", _A),
            _record("AAAA", f"{_A}.aaaa", "e.value", "NULL", _A),
            _managed("A", f"{_A}.managedBy"),
            _record("MX", "mx.records", _of("fqdn"), _of("priority"), "mx"),
            Source("$.recordSet.mx.managed", (_in("domain"), "'MX'", "NULL", "NULL", "NULL", "1"), each=False),
            _record("TXT", "txt.entries", "e.value", "NULL", "txt"),
            _record("CNAME", "cname.fqdn", "e.value", "NULL", "cname"),
            _record(
                "SRV",
                "srv.records",
                f"coalesce({_of('weight')}, 0) || ' ' || {_of('port')} || ' ' || {_of('fqdn')}",
                _of("priority"),
                "srv",
            ),
            _record(
                "CAA", "caa.records", f"{_of('flags')} || ' ' || {_of('tag')} || ' ' || {_of('value')}", "NULL", "caa"
            ),
        ),
    ),
    ChildView(
        name="system_software",
        resource="app_installation",
        means="a language or tool that an app installation runs on, such as PHP",
        columns=(
            ("name", "text", "what it is, such as php"),
            ("version", "text", "the version people know, such as 8.2.27"),
            ("system_software_id", "text", "id of the software"),
            ("current_version_id", "text", "id of the version that runs"),
            ("desired_version_id", "text", "id of the version that was asked for"),
            ("update_available", "bool", "1 where there is a newer version"),
            ("update_policy", "text", "which updates happen by themselves"),
        ),
        sources=(
            Source(
                "$.systemSoftware",
                (
                    _of("name"),
                    _of("externalVersion"),
                    _of("systemSoftwareId"),
                    _of("systemSoftwareVersion.current"),
                    _of("systemSoftwareVersion.desired"),
                    _of("updateAvailable"),
                    _of("updatePolicy"),
                ),
            ),
        ),
    ),
    ChildView(
        name="linked_database",
        resource="app_installation",
        means="a database that an app installation uses",
        columns=(
            ("database_id", "text", "id of the database"),
            ("kind", "text", "mysql or redis"),
            ("purpose", "text", "what it is used for"),
        ),
        sources=(Source("$.linkedDatabases", (_of("databaseId"), _of("kind"), _of("purpose"))),),
    ),
    ChildView(
        name="ingress_path",
        resource="ingress",
        means="where a path of a host name leads",
        columns=(
            ("hostname", "text", "the host name"),
            ("path", "text", "the path"),
            ("installation_id", "text", "app installation it shows"),
            ("directory", "text", "directory it shows"),
            ("url", "text", "address it redirects to"),
            ("container_id", "text", "container it shows"),
            ("target", "json", "the target as JSON"),
        ),
        sources=(
            Source(
                "$.paths",
                (
                    _in("hostname"),
                    _of("path"),
                    _of("target.installationId"),
                    _of("target.directory"),
                    _of("target.url"),
                    _of("target.container.id"),
                    _of("target"),
                ),
            ),
        ),
    ),
    ChildView(
        name="certificate_name",
        resource="certificate",
        means="a host name that a certificate is for",
        columns=(("hostname", "text", "the host name"), ("valid_to", "time", "when the certificate ends")),
        sources=(Source("$.dnsNames", ("e.value", _in("validTo"))),),
    ),
    ChildView(
        name="forward_address",
        resource="mail_address",
        means="where mail to an address is sent on to",
        columns=(("address", "text", "the address"), ("forward_to", "text", "where its mail goes")),
        sources=(Source("$.forwardAddresses", (_in("address"), "e.value")),),
    ),
    ChildView(
        name="mailbox",
        resource="mail_address",
        means="the mailbox of an address, and how full it is",
        columns=(
            ("address", "text", "the address"),
            ("used_bytes", "int", "what is in it"),
            ("limit_bytes", "int", "what fits in"),
            ("measured_at", "time", "when that was measured"),
        ),
        sources=(
            Source(
                "$.mailbox",
                (
                    _in("address"),
                    _in("mailbox.storageInBytes.current.value"),
                    _in("mailbox.storageInBytes.limit"),
                    _in("mailbox.storageInBytes.current.updatedAt"),
                ),
                each=False,
            ),
        ),
    ),
    ChildView(
        name="ssh_public_key",
        resource="ssh_user",
        means="a key that an SSH user logs in with",
        columns=(
            ("user_name", "text", "the SSH user"),
            ("comment", "text", "what the key is called"),
            ("public_key", "text", "the key"),
        ),
        sources=(Source("$.publicKeys", (_in("userName"), _of("comment"), _of("key"))),),
    ),
    ChildView(
        name="contract_item",
        resource="contract",
        means="an item of a contract, its base item included",
        columns=(
            ("description", "text", "what it is for"),
            ("is_base_item", "bool", "1 for the item that the others hang on"),
            ("aggregate", "text", "kind of thing it pays for"),
            ("aggregate_id", "text", "id of that thing"),
            ("price", "int", "total, in cents"),
            ("next_possible_termination", "time", "when it can end"),
        ),
        sources=(
            Source("$.additionalItems", tuple(map(_of, _ITEM))),
            Source("$.baseItem", tuple(_in(f"baseItem.{path}") for path in _ITEM), each=False),
        ),
    ),
)
"""Every view of nested things. Columns that tell whose they are come before those of their own."""


def own_columns(view: ChildView) -> list[str]:
    """Columns of a view: its item's id, whose it is, and its own."""
    return [f"{view.resource}_id", *_OWNERS, *(name for name, _, _ in view.columns)]


def child_query(view: ChildView) -> str:
    """The query of a view, on the view of its resource."""
    owners = ", ".join(f"r.{column}" for column in _OWNERS)
    parts: list[str] = []
    for source in view.sources:
        values = ", ".join(
            f"{value} AS {name}" for value, (name, _, _) in zip(source.values, view.columns, strict=True)
        )
        rows = f"FROM v_{view.resource} r"
        if source.each:
            rows += f", json_each(r.data, '{source.path}') e WHERE e.value IS NOT NULL"
        else:
            rows += f" WHERE json_extract(r.data, '{source.path}') IS NOT NULL"
            if source.path.endswith(".managed"):
                rows += f" AND json_extract(r.data, '{source.path}')"
        parts.append(f"SELECT r.id AS {view.resource}_id, {owners}, {values} {rows}")
    return " UNION ALL ".join(parts)


def children_of(present: Sequence[str]) -> list[ChildView]:
    """Views whose resource has a table."""
    return [view for view in CHILD_VIEWS if view.resource in present]


def view_name(resource: str) -> str:
    """What the view of a resource is called. The names of nested things are wanted more than those of the offer."""
    return {"system_software": "v_software"}.get(resource, f"v_{resource}")
