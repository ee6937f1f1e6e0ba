"""What an account has, and which lists tell of it.

A *resource* is a kind of thing (`domain`, `mysql_database`); a *route* is one operation that lists it, for the whole
account, for one customer, for one project, or below another thing. Routes, their parameters and page sizes are derived
from `OPERATIONS`; what the document does not tell — which lists are equivalent, what identifies a row, what an
inventory wants by default — is judged in `RESOURCE_SPECS`, each with its reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Literal

import msgspec

from ..operations import OPERATIONS
from ..runtime.errors import ConfigurationError, did_you_mean
from ..runtime.operation import Operation
from .computed import COMPUTED

Scope = Literal["account", "customer", "project", "parent"]

ASSUMED_PAGE = 1000
"""Items per page where a list states neither a larger default nor a maximum. A list is known to refuse more (seen)."""


class ListRoute(msgspec.Struct, frozen=True):
    """One operation that lists a resource."""

    operation_id: str
    """Of a list that the API does not have, its name in `COMPUTED`."""
    scope: Scope
    parameter: str | None = None
    """Wire name of the argument that says whose list; `None` for the account's."""
    by_filter: bool = False
    """The argument is a query filter, not part of the path."""
    page_size: int | None = ASSUMED_PAGE
    """Items one request brings; `None`: the list comes whole."""
    also: tuple[tuple[str, str], ...] = ()
    """Further query arguments that say what kind of thing the owner is."""
    single: bool = False
    """No list: reads one thing by the id of its owner, or by its own."""
    last_resort: bool = False
    """Only for credentials that are refused everything else, such as those of an extension instance."""

    def arguments(self, owner: str | None) -> tuple[dict[str, str], dict[str, str]]:
        """Path and query arguments for one owner's list."""
        if self.parameter is None or owner is None:
            return {}, {}
        return ({}, {self.parameter: owner, **dict(self.also)}) if self.by_filter else ({self.parameter: owner}, {})


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of thing an inventory can list."""

    name: str
    routes: tuple[ListRoute, ...]
    """All of them list the same things, each within its scope."""
    key: str | None
    """Wire name of the property that identifies an item; `None`: items have none and are numbered within their list."""
    parent: str | None = None
    """Resource whose items own the lists, for routes of scope `parent`."""
    requires: str | None = None
    """Where a project has nothing of this resource, it has nothing of ours either: its list need not be asked for."""
    default: bool = False
    moves: bool = False
    """Its things can go from one owner to another: that a list no longer has one does not prove that it is gone."""
    reason: str = ""

    @property
    def nested(self) -> bool:
        """Its keys are unique within one list only."""
        return self.key in REPEATED_KEYS or all(route.scope == "parent" for route in self.routes)

    def route(self, scope: Scope) -> ListRoute | None:
        """The first route of a scope, if there is one."""
        return next((route for route in self.routes if route.scope == scope), None)

    @property
    def item_type(self) -> str:
        """Type expression of an item."""
        return item_type(self.routes[0].operation_id)

    @property
    def models(self) -> str:
        """The package whose modules the type expression names."""
        return models_of(self.routes[0].operation_id)


REPEATED_KEYS = frozenset({"name", "domain", "metric"})
"""Keys that are unique within one list only."""

MOVING = frozenset(
    {
        *("project", "server", "domain", "ingress", "dns_zone", "certificate", "certificate_request"),
        *("contract", "customer_order", "extension_instance", "conversation"),
    }
)
"""Resources whose things can change hands: projects and servers are handed to other customers, with their contracts,
orders and extensions; domains, with their zones, ingresses and certificates, are moved between projects."""


class ResourceSpec(msgspec.Struct, frozen=True):
    """What the document does not tell of a resource."""

    name: str
    operations: tuple[str, ...]
    key: str | None = "id"
    parent: str | None = None
    requires: str | None = None
    last: str | None = None
    """Operation for credentials that are refused all others."""
    default: bool = False
    only: tuple[Scope, ...] = ("account", "customer", "project", "parent")
    """Scopes whose answer is complete. Others are not used."""
    reason: str = ""


def _judged(name: str, *operations: str, **facts: object) -> ResourceSpec:
    return msgspec.convert({"name": name, "operations": operations, **facts}, ResourceSpec)


RESOURCE_SPECS: tuple[ResourceSpec, ...] = (
    # Order is the order of a sweep where nothing else decides: what others hang below comes first.
    _judged("customer", "customer-list-customers", key="customerId", last="customer-get-customer", default=True),
    _judged("server", "project-list-servers", default=True),
    _judged(
        "project",
        "project-list-projects",
        "project-list-customer-projects",
        last="project-get-project",
        default=True,
    ),
    _judged("app", "app-list-apps", default=True, reason="one request names every app of the installations"),
    _judged("app_installation", "app-list-appinstallations-for-user", "app-list-appinstallations", default=True),
    _judged("domain", "domain-list-domains", key="domainId", last="deprecated-domain-list-domains", default=True),
    _judged("ingress", "ingress-list-ingresses", last="deprecated-ingress-list-ingresses", default=True),
    _judged("mail_address", "mail-list-mail-addresses-for-user", "mail-list-mail-addresses", default=True),
    _judged("stack", "container-list-self-stacks", "container-list-stacks", default=True),
    _judged("service", "container-list-accessible-services", "container-list-services", default=True),
    _judged(
        "volume",
        "container-list-volumes",
        "container-list-stack-volumes",
        parent="stack",
        requires="stack",
        default=True,
        reason="a volume belongs to a stack; per project is never more requests than per stack",
    ),
    _judged(
        "customer_order",
        "order-list-orders",
        "order-list-customer-orders",
        "order-list-project-orders",
        key="orderId",
        default=True,
        only=("account", "customer"),
        reason="a project's orders are among its customer's",
    ),
    _judged("extension_instance", "extension-list-extension-instances", default=True),
    _judged("contract", "contract-list-contracts", key="contractId", default=True),
    _judged("invoice", "invoice-list-customer-invoices", default=True),
    _judged(
        "customer_membership",
        "customer-list-memberships-for-customer",
        default=True,
        reason="the account-wide list holds the caller's own only",
    ),
    _judged(
        "customer_invite",
        "customer-list-invites-for-customer",
        reason="the account-wide list holds the caller's own only",
    ),
    _judged("dns_zone", "dns-list-dns-zones", default=True),
    _judged(
        "certificate",
        "ssl-list-certificates",
        default=True,
        only=("project",),
        reason="documented as the list of a project or an ingress; what it gives without a filter is not known",
    ),
    _judged(
        "certificate_request",
        "ssl-list-certificate-requests",
        only=("project",),
        reason="as certificate",
    ),
    _judged("mysql_database", "database-list-mysql-databases", default=True),
    _judged("mysql_user", "database-list-mysql-users", parent="mysql_database"),
    _judged("redis_database", "database-list-redis-databases", default=True),
    _judged("cronjob", "cronjob-list-cronjobs", default=True),
    _judged("cronjob_execution", "cronjob-list-executions", parent="cronjob"),
    _judged("delivery_box", "mail-list-delivery-boxes", default=True),
    _judged("mail_address_backup", "mail-list-backups-for-mail-address", key="name", parent="mail_address"),
    _judged("backup", "backup-list-project-backups", default=True),
    _judged("backup_schedule", "backup-list-project-backup-schedules", default=True),
    _judged("ssh_user", "ssh-user-list-ssh-users", default=True),
    _judged("sftp_user", "sftp-user-list-sftp-users", default=True),
    _judged(
        "project_membership",
        "project-list-memberships-for-project",
        default=True,
        reason="the account-wide list holds the caller's own only",
    ),
    _judged(
        "project_invite",
        "project-list-invites-for-project",
        reason="the account-wide list holds the caller's own only",
    ),
    _judged("registry", "container-list-registries"),
    # Not lists: what is only said of one thing at a time, which costs a request for each.
    _judged("project_storage", "storagespace-get-project-statistics", key=None, reason="one request per project"),
    _judged(
        "server_storage",
        "storagespace-get-server-statistics",
        key=None,
        parent="server",
        reason="one request per server",
    ),
    _judged("project_mail_settings", "mail-list-project-mail-settings", key=None, reason="one request per project"),
    _judged(
        "app_status", "app-retrieve-status", key=None, parent="app_installation", reason="one request per installation"
    ),
    _judged(
        "backup_path",
        "backup-get-project-backup-directories",
        key=None,
        parent="backup",
        reason="one request per backup; only the top of its directories",
    ),
    _judged(
        "metrics",
        "metrics.summary",
        key="metric",
        reason="one request per project; latest value and 30-day maximum of CPU, memory, storage and requests",
    ),
    _judged("customer_wallet", "customer-get-wallet", key=None, reason="one request per customer"),
    _judged("invoice_settings", "invoice-get-detail-of-invoice-settings", key=None, reason="one request per customer"),
    _judged("project_ai_usage", "ai-hosting-project-get-usage", key=None, reason="one request per project"),
    _judged("customer_ai_usage", "ai-hosting-customer-get-usage", key=None, reason="one request per customer"),
    _judged("license", "license-list-licenses-for-project"),
    _judged("domain_migration", "domain-migration-list-migrations-by-project-id"),
    _judged("activity", "project-list-project-activities", key=None, reason="a log: entries have no id"),
    _judged("page_insight", "pageinsights-list-performance-data-for-project", key="domain"),
    _judged(
        "project_extension_order",
        "extension-get-project-extension-instance-orders",
        key=None,
        reason="not stated whether the customer's list includes the projects'",
    ),
    _judged("customer_extension_order", "extension-get-customer-extension-instance-orders", key=None),
    _judged(
        "project_ai_hosting_key",
        "ai-hosting-project-get-keys",
        key="keyId",
        reason="not stated whether the customer's list includes the projects'",
    ),
    _judged("customer_ai_hosting_key", "ai-hosting-customer-get-keys", key="keyId"),
    _judged("project_ai_hosting_model", "ai-hosting-project-get-detailed-models", key="name"),
    _judged("customer_ai_hosting_model", "ai-hosting-customer-get-detailed-models", key="name"),
    _judged("leads_export", "leadfyndr-get-leads-export-history", key="exportId"),
    _judged("lead", "leadfyndr-list-leads", key=None, reason="the offer, not what the customer has"),
    _judged("unlocked_lead", "leadfyndr-list-unlocked-leads", key=None),
    _judged(
        "installed_system_software",
        "app-get-app-installation-system-software",
        "app-get-installed-systemsoftware-for-appinstallation",
        parent="app_installation",
        reason="two spellings of one list; an app installation already says which versions it has",
    ),
    _judged("conversation", "conversation-list-conversations", key="conversationId"),
    _judged("conversation_message", "conversation-list-messages-by-conversation", key=None, parent="conversation"),
    _judged("conversation_member", "conversation-get-conversation-members", key="userId", parent="conversation"),
    _judged("notification", "notifications-list-notifications"),
    _judged("contact_verification", "domain-list-contact-verifications"),
    _judged("own_customer_membership", "customer-list-customer-memberships", only=("account",)),
    _judged("own_customer_invite", "customer-list-customer-invites", only=("account",)),
    _judged("own_project_membership", "project-list-project-memberships", only=("account",)),
    _judged("own_project_invite", "project-list-project-invites", only=("account",)),
    _judged("api_token", "user-list-api-tokens", key="apiTokenId"),
    _judged("session", "user-list-sessions", key="tokenId"),
    _judged("ssh_key", "user-list-ssh-keys", key="sshKeyId"),
    _judged("system_software", "app-list-systemsoftwares", reason="names the software of the installations"),
    _judged("system_software_version", "app-list-systemsoftwareversions", parent="system_software"),
    _judged("app_version", "app-list-appversions", parent="app"),
    _judged("contributor", "extension-list-contributors", reason="everybody's; below it only the caller's own answer"),
    _judged("own_extension", "extension-list-own-extensions", parent="contributor"),
    _judged("contract_partner", "contributor-list-contract-partners-of-contributor", key=None, parent="contributor"),
    _judged("incoming_invoice", "contributor-list-incoming-invoices", parent="contributor"),
    _judged("outgoing_invoice", "contributor-list-onbehalf-invoices", key="invoiceId", parent="contributor"),
    _judged("webhook_execution", "extension-list-all-extension-instance-webhook-executions", parent="contributor"),
)

NOT_OF_AN_ACCOUNT: Mapping[str, str] = {
    "ai-hosting-get-models": "the offer",
    "app-list-update-candidates-for-appversion": "the offer, per version",
    "article-list-articles": "the price list",
    "container-list-templates": "the offer",
    "conversation-list-categories": "fixed",
    "database-list-mysql-charsets": "fixed",
    "database-list-mysql-versions": "the offer",
    "database-list-redis-versions": "the offer",
    "domain-list-tlds": "the offer",
    "extension-list-extensions": "the market",
    "extension-list-scopes": "fixed",
    "ingress-list-ingresses-compatible-with-certificate": "a question about a certificate",
    "leadfyndr-get-cities": "a gazetteer",
    "mail-list-mail-rate-limits": "fixed",
    "misc-get-llm-models-experimental": "removed upstream",
    "miscellaneous-list-time-zones": "fixed",
    "project-get-llm-licences-experimental": "removed upstream",
    "user-list-feedback": "what a user thinks of mStudio; the user must be named",
}
"""Live list operations that are no resource, and why. Objects that hold an array beside other things, such as the mail
settings of a project, are no lists."""

_OWNERS: Mapping[str, Scope] = {"customerId": "customer", "projectId": "project"}


def item_type(operation_id: str) -> str:
    """Type expression of one item of a list, `Any` for lists that come wrapped in an object."""
    computed = COMPUTED.get(operation_id)
    if computed is not None:
        return computed.item
    operation = OPERATIONS[operation_id]
    expression = operation.results[0].type
    if operation.paging is None:
        return expression
    return expression.removeprefix("list[").removesuffix("]") if operation.paging.items is None else "Any"


def models_of(operation_id: str) -> str:
    """The package whose modules `item_type` names."""
    computed = COMPUTED.get(operation_id)
    return OPERATIONS[operation_id].models if computed is None else computed.models


def page_size(operation: Operation) -> int | None:
    """Items that one request can return, if documented; `None` if the list is not paged."""
    paging = operation.paging
    if paging is None or not paging.paged:
        return None
    return paging.max_limit or max(paging.default_limit or 0, ASSUMED_PAGE)


def _routes(judged: ResourceSpec) -> Iterable[ListRoute]:
    for operation_id in judged.operations:
        computed, operation = COMPUTED.get(operation_id), OPERATIONS.get(operation_id)
        if computed is not None:
            yield ListRoute(operation_id, _OWNERS[computed.owner], computed.owner, page_size=None)
        if operation is None:
            continue
        size = page_size(operation)
        path = [p.wire for p in operation.parameters if p.where == "path"]
        filters = {p.wire for p in operation.parameters if p.where == "query"}
        if len(path) == 1:
            scope = _OWNERS.get(path[0], "parent")
            yield ListRoute(operation_id, scope, path[0], False, size, single=operation.paging is None)
        elif not path:
            yield ListRoute(operation_id, "account", None, False, size)
            for wire, scope in _OWNERS.items():
                if wire in filters:
                    yield ListRoute(operation_id, scope, wire, True, size)
            if {"context", "contextId"} <= filters:
                yield ListRoute(operation_id, "project", "contextId", True, size, also=(("context", "project"),))


def _last_resort(judged: ResourceSpec) -> Iterable[ListRoute]:
    operation = OPERATIONS.get(judged.last or "")
    if operation is not None:
        wire = next(p.wire for p in operation.parameters if p.where == "path")
        yield ListRoute(
            operation.operation_id,
            _OWNERS[wire],
            wire,
            page_size=page_size(operation),
            single=operation.paging is None,
            last_resort=True,
        )


def _resource(judged: ResourceSpec) -> Resource | None:
    chosen: dict[Scope, ListRoute] = {}
    for route in _routes(judged):
        # The first operation named for a scope wins; a path says whose list it is more plainly than a filter does.
        known = chosen.get(route.scope)
        if route.scope in judged.only and (known is None or (known.by_filter and not route.by_filter)):
            chosen[route.scope] = route
    if not chosen:
        return None
    return Resource(
        name=judged.name,
        routes=(*chosen.values(), *_last_resort(judged)),
        key=judged.key,
        parent=judged.parent if "parent" in chosen else None,
        requires=judged.requires,
        default=judged.default,
        moves=judged.name in MOVING,
        reason=judged.reason,
    )


def judged_operations() -> frozenset[str]:
    """Operation ids of every list that is a resource's, used or not."""
    return frozenset(operation for judged in RESOURCE_SPECS for operation in judged.operations)


@cache
def catalog() -> Mapping[str, Resource]:
    """Every resource by name, parents before children. A resource all of whose operations have vanished is left out."""
    return {found.name: found for judged in RESOURCE_SPECS if (found := _resource(judged)) is not None}


def default_resources() -> tuple[str, ...]:
    """What a sweep lists by default."""
    return tuple(name for name, resource in catalog().items() if resource.default)


def chosen(names: Iterable[str] | None) -> tuple[Resource, ...]:
    """Resources by name, in the order of the catalog.

    Args:
        names: resource names; `all` is every one, `default` the default set. `+name` adds one and `-name` leaves one
            out; where nothing else is named, of the default set. `None` is the default set.

    Raises:
        ConfigurationError: a name that there is not, with the nearest ones, or nothing is left.
    """
    known = catalog()
    if isinstance(names, str):
        raise ConfigurationError("resources is a list of names, not one string")
    given = ["default"] if names is None else [str(name) for name in names]
    plain = [name.removeprefix("+") for name in given if name[:1] != "-"]
    if given and all(name[:1] in ("+", "-") for name in given):
        plain.append("default")
    left_out = [name[1:] for name in given if name[:1] == "-"]
    wanted = _named(plain) - _named(left_out)
    if not wanted:
        raise ConfigurationError("no resources asked for")
    return tuple(resource for name, resource in known.items() if name in wanted)


def _named(names: Iterable[str]) -> set[str]:
    sets = {"all": set(catalog()), "default": set(default_resources())}
    found: set[str] = set()
    for name in sorted(names):
        if name not in sets and name not in catalog():
            way = did_you_mean(name, catalog()) or "; `mittwald-async plan --list` shows all there are"
            raise ConfigurationError(f"no resource {name!r}{way}")
        found |= sets.get(name, {name})
    return found


VOLATILE: Mapping[str, str] = {
    "webStorageUsageInBytes": "changes with every visitor and log line",
    "webStorageUsageInBytesSetAt": "says when the usage was measured",
    "backupStorageUsageInBytes": "changes with every backup",
    "backupStorageUsageInBytesSetAt": "says when the usage was measured",
    "storageUsageInBytes": "changes with every write",
    "storageUsageInBytesSetAt": "says when the usage was measured",
    "storageInBytes.current": "how full a mailbox is changes with every message; its limit is not usage",
    "statusSetAt": "says when the status was looked at; the status itself is compared",
    "lastAccess": "changes with every use of a session or token",
    "lastMessageAt": "the conversation's messages are rows of their own",
    "usedBytes": "changes with every write",
    "usageInBytes": "changes with every write",
    "usageInBytesSetAt": "says when the usage was measured",
    "totalUsageInBytes": "a sum of what changes with every write",
    "totalUsageInPercentage": "the same as a share of the limit, which is compared",
    "totalFreeInBytes": "what the usage leaves of the limit",
    "totalFreeInPercentage": "what the usage leaves of the limit",
    "totalExceedanceInBytes": "by how much the usage exceeds the limit; that it does is compared",
    "totalExceedanceInBytesSetAt": "says when the usage was measured",
    "lastTotalExceedanceInBytes": "by how much the usage exceeded the limit",
    "lastTotalExceedanceInBytesSetAt": "says when the usage was measured",
    **dict.fromkeys(
        (
            *("latestExecution.id", "latestExecution.start", "latestExecution.end", "latestExecution.logPath"),
            *("latestExecution.executionStart", "latestExecution.executionEnd", "latestExecution.triggeredBy"),
            "latestExecution.durationInMilliseconds",
        ),
        "another one each time a cronjob runs; how it went is compared",
    ),
    "nextExecutionTime": "moves on each time a cronjob runs; its interval is compared",
    "nextScheduledExecution": "moves on with each attempt",
    "nextScheduledWebhookExecution": "moves on with each attempt",
    "nextPossibleTerminationDate": "moves on with each period of a contract",
    "nextPossibleUpgradeDate": "moves on with each period of a contract",
    "nextPossibleDowngradeDate": "moves on with each period of a contract",
    "lastExpirationThresholdHit": "counts down to the end of a certificate, which is compared",
    "uptimeSeconds": "grows as time passes",
    "tokens.used": "changes with every use of a model; the plan's limit is compared",
    "tokens.available": "what the usage leaves of the limit",
    "tokenUsage.used": "changes with every use of a model; the plan's limit is compared",
    "topUsages": "changes with every use of a model",
    "nextTokenReset": "moves on with each period",
    "latestValue": "a measurement of the moment",
    "latestValueAt": "says when it was measured",
    "maximumOf30Days": "changes as its window of time moves on",
}
"""Properties that change by themselves, by name or dotted end of their path, and why. They are kept in the history and
are no change in a comparison unless that is asked for."""
