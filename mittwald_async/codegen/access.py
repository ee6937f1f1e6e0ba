"""Where an API is and how one proves to it who calls: `servers`, `security` and `securitySchemes`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from urllib.parse import urljoin

from . import ir
from .errors import Findings, pointer_of
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
    """The flow that a program can go through alone; with the others somebody else gets the token."""
    flows = node.get("flows")
    flow = flows.get("clientCredentials") if is_object(flows) else None
    if is_object(flow) and isinstance(flow.get("tokenUrl"), str):
        scopes = flow.get("scopes")
        names = scopes if is_object(scopes) or is_array(scopes) else ()
        return ir.SecurityScheme(name, "clientCredentials", token_url=flow["tokenUrl"], scopes=_texts(names))
    return ir.SecurityScheme(name, "bearer")


def _texts(values: Iterable[object]) -> tuple[str, ...]:
    return tuple(value for value in values if isinstance(value, str))
