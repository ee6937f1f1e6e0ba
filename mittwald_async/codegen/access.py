"""Where an API is and how one proves to it who calls: `servers`, `security` and `securitySchemes`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import urljoin, urlsplit

from . import ir
from .errors import DocumentError, Findings, pointer_of
from .json_access import Json, is_array, is_object
from .load import is_url

_VARIABLE = re.compile(r"\{([^{}]+)\}")


def read_servers(root: Json, source: str, findings: Findings) -> tuple[ir.Server, ...]:
    """The servers of a plain document; those with a path only are beside the document, if it came from a URL."""
    found: list[ir.Server] = []
    for number, node in enumerate(root["servers"]):
        url = str(node["url"]).strip()
        if is_url(source):
            url = urljoin(source, url)
        variables = {name: one for name, one in node["variables"].items() if f"{{{name}}}" in url}
        for name in dict.fromkeys(_VARIABLE.findall(url)):
            variables.setdefault(name, {"default": "", "enum": []})
        if not url.startswith(("http://", "https://", "{")):
            note = f"{url!r} is not a whole URL: callers have to pass base_url, or the configuration has to name one"
            findings.add("servers", pointer_of("servers", number), note)
            continue
        facts = ((name, one["default"], tuple(one["enum"])) for name, one in variables.items())
        found.append(ir.Server(url.rstrip("/"), tuple(facts)))
    return tuple(found)


def server_of(servers: object) -> str | None:
    """The address of the first of several servers, as it is written."""
    first = servers[0] if is_array(servers) and servers else None
    url = first.get("url") if is_object(first) else None
    return url.strip().rstrip("/") if isinstance(url, str) else None


def path_under(base: str, url: str) -> str | None:
    """What has to stand before a path so that a request to `base` reaches `url`; `None`: nothing does."""
    if url == base:
        return ""
    below = url.removeprefix(base) if url.startswith(f"{base}/") else url
    if below == url and not (url.startswith("/") and not urlsplit(base).path):
        return None
    return None if "{" in below else below


class Access:
    """Which scheme the client uses, and which operations want another one."""

    def __init__(self, root: Json, wanted: str, findings: Findings) -> None:
        """`wanted` is the name of the scheme to use; empty: the one that most operations require."""
        self.schemes: tuple[ir.SecurityScheme, ...] = read_schemes(root, findings)
        self._findings = findings
        self._root = root
        self._scheme = chosen(self.schemes, wanted)
        self._others: dict[tuple[str, bool], list[str]] = {}

    def secured(self, node: Json, pointer: str) -> bool:
        """Whether the client's token belongs to the requests of an operation."""
        demands: list[Json] = node["security"] if "security" in node else self._root["security"]
        if not demands or {} in demands:
            return False
        if self._scheme is None:
            return True
        others, sent = min((self._judged(demand) for demand in demands), key=lambda one: (len(one[0]), not one[1]))
        for name in others:
            self._others.setdefault((name, sent), []).append(pointer)
        return sent

    def _judged(self, demand: Json) -> tuple[list[str], bool]:
        """The schemes of one demand that the client does not use, and whether it uses one of the others."""
        known = {scheme.name: scheme for scheme in self.schemes}
        others = [name for name in demand if name in known and not _alike(known[name], self._scheme)]
        return others, len(others) < len(demand)

    def report(self) -> None:
        """Note the schemes that callers have to see to themselves, each once."""
        for (name, beside), pointers in self._others.items():
            scheme = next(one for one in self.schemes if one.name == name)
            place = f"{scheme.where} {scheme.wire}" if scheme.kind == "apiKey" else "header Authorization"
            how = "beside the client's own scheme" if beside else "instead of the client's own, which is not sent there"
            more = f" and {len(pointers) - 1} more operations" if len(pointers) > 1 else ""
            note = f"{pointers[0]}{more}: demanded {how}; callers give it themselves ({place})"
            self._findings.add("security", pointer_of("components", "securitySchemes", name), note)


def chosen(schemes: Sequence[ir.SecurityScheme], wanted: str) -> ir.SecurityScheme | None:
    """The scheme of the client.

    Raises:
        DocumentError: no operation requires the configured scheme.
    """
    scheme = next((one for one in schemes if not wanted or one.name == wanted), None)
    if scheme is None and wanted:
        raise DocumentError(f"no operation requires the security scheme {wanted!r} that the configuration names")
    return scheme


def _alike(one: ir.SecurityScheme, other: ir.SecurityScheme | None) -> bool:
    """Whether two schemes send the same."""
    return other is not None and _on_the_wire(one) == _on_the_wire(other)


def _on_the_wire(scheme: ir.SecurityScheme) -> tuple[str, str]:
    if scheme.kind == "apiKey":
        return str(scheme.where), str(scheme.wire).lower()
    return "header", "basic" if scheme.kind == "basic" else "bearer"


def read_schemes(root: Json, findings: Findings) -> tuple[ir.SecurityScheme, ...]:
    """The schemes that operations demand, the most demanded one first; one that comes first counts twice."""
    schemes: Json = root["components"]["securitySchemes"]
    demanded: Counter[str] = Counter()
    for requirements in _requirements(root):
        for place, requirement in enumerate(requirements):
            for name in requirement:
                if name in schemes:
                    demanded[name] += 1 if place else 2
                else:
                    findings.add("security", "#/security", f"{name!r} is demanded but described nowhere")
    names = sorted(demanded or schemes, key=lambda name: -demanded[name])
    return tuple(_scheme(name, schemes[name], findings) for name in names)


def _requirements(root: Json) -> Iterator[list[Json]]:
    for path in root["paths"].values():
        for operation in path.values():
            yield operation.get("security", root["security"])


def _scheme(name: str, node: Json, findings: Findings) -> ir.SecurityScheme:
    kind = str(node.get("type"))
    where, wire = node.get("in"), node.get("name")
    if kind == "apiKey" and where in ("header", "query", "cookie") and isinstance(wire, str):
        return ir.SecurityScheme(name, kind, where, wire)
    if kind == "http" and str(node.get("scheme")).lower() in ("bearer", "basic"):
        return ir.SecurityScheme(name, str(node["scheme"]).lower())
    if kind == "oauth2":
        return _oauth2(name, node)
    if kind == "openIdConnect":
        return ir.SecurityScheme(name, "bearer")
    pointer = pointer_of("components", "securitySchemes", name)
    findings.add("security", pointer, f"{node.get('scheme', kind)!r} is not known: a bearer token is sent")
    return ir.SecurityScheme(name, "bearer")


def _oauth2(name: str, node: Json) -> ir.SecurityScheme:
    """The flow that a program can go through alone; with the others another party gets the token."""
    flows = node.get("flows")
    flow = flows.get("clientCredentials") if is_object(flows) else None
    if is_object(flow) and isinstance(flow.get("tokenUrl"), str):
        scopes = flow.get("scopes")
        names = scopes if is_object(scopes) or is_array(scopes) else ()
        return ir.SecurityScheme(name, "clientCredentials", token_url=_below(flow["tokenUrl"]), scopes=_texts(names))
    return ir.SecurityScheme(name, "bearer")


def _below(address: str) -> str:
    """An address that is not whole is meant below the base URL, also without a slash in front."""
    return address if "://" in address or address.startswith("/") else f"/{address.removeprefix('./')}"


def _texts(values: Iterable[object]) -> tuple[str, ...]:
    return tuple(value for value in values if isinstance(value, str))
