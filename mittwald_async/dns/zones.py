"""Which zone a host name is in. Each zone holds the records of one name; names below it have zones of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from ..api.groups import Groups
from ..models import dns
from ..runtime.concurrency import gather_bounded
from ..runtime.errors import BadRequestError, ConflictError, NotFoundError, PermissionDeniedError, RefusedError
from .names import canonical, covers, shown, suffixes

_AT_ONCE = 16
"""Projects whose zones are read at the same time."""
_REMEMBERED = 4096
"""Names whose zones are remembered."""


class Zones:
    """Finds zones by name, and remembers where it found them.

    Args:
        groups: the client's groups.
        project_id: look in this project only; needs no list of the whole account.
    """

    def __init__(self, groups: Groups, project_id: str | None = None) -> None:
        self._groups = groups
        self._project_id = project_id
        self._ids: dict[str, str] = {}
        """Zones by their names."""
        self._projects: dict[str, str] = {}
        """Projects by the domains in them."""
        self._search: asyncio.Lock = asyncio.Lock()
        """Many names of one domain are looked up at once; what is found for the first serves the others."""

    async def covering(self, name: str) -> dns.Zone:
        """The zone with the longest name that is the name's own or above it.

        Args:
            name: canonical.

        Raises:
            NotFoundError: there is none.
        """
        if self._project_id is not None:
            best = _longest(name, await self._zones_of(self._project_id))
        else:
            best = await self._by_domain(name) or await self._by_projects(name)
        if best is None:
            where = "this account" if self._project_id is None else f"project {self._project_id}"
            raise NotFoundError(f"{where} has no DNS zone for {shown(name)}", status=404)
        return best

    async def existing_id(self, name: str) -> str | None:
        """The id of the zone of just this name; `None` where there is none."""
        async with self._search:
            if name in self._ids:
                return self._ids[name]
            zone = await self.covering(name)
            return self._learn(zone) if _name(zone) == name else None

    async def own_id(self, name: str) -> str:
        """The id of the zone of just this name, made where there is none yet.

        Raises:
            NotFoundError: no zone is above it either.
        """
        async with self._search:
            if name in self._ids:
                return self._ids[name]
            zone = await self.covering(name)
            return self._learn(zone) if _name(zone) == name else await self._made(name, zone)

    async def _made(self, name: str, zone: dns.Zone) -> str:
        label = name.removesuffix(f".{_name(zone)}")
        try:
            made = await self._groups.domain.dns_create_dns_zone(name=label, parent_zone_id=zone.id)
        except (ConflictError, BadRequestError, RefusedError):
            # Another program may have been faster.
            again = await self.covering(name)
            if _name(again) != name:
                raise
            return self._learn(again)
        self._ids[name] = made.id
        return made.id

    def knows(self, name: str) -> bool:
        """Is a zone of just this name remembered?"""
        return name in self._ids

    def forget(self, name: str) -> None:
        """The zone of this name is not where it was."""
        self._ids.pop(name, None)
        self._projects = {domain: project for domain, project in self._projects.items() if not covers(domain, name)}

    def _learn(self, zone: dns.Zone) -> str:
        if len(self._ids) >= _REMEMBERED:
            self._ids.clear()
        self._ids[_name(zone)] = zone.id
        return zone.id

    async def _zones_of(self, project_id: str) -> list[dns.Zone]:
        return await self._groups.domain.dns_list_dns_zones(project_id).collect()

    async def _by_domain(self, name: str) -> dns.Zone | None:
        """In the project that has the domain."""
        try:
            project_id = await self._project_of(name)
        except PermissionDeniedError:
            return None
        return None if project_id is None else _longest(name, await self._zones_of(project_id))

    async def _project_of(self, name: str) -> str | None:
        known = max((domain for domain in self._projects if covers(domain, name)), key=len, default=None)
        if known is not None:
            return self._projects[known]
        domains = self._groups.domain
        searched = [form for suffix in suffixes(name) for form in dict.fromkeys((suffix, shown(suffix)))]
        for form in searched:
            found = [one async for one in domains.list_domains(domain_search_name=form)]
            held = [one for one in found if covers(canonical(one.domain, "domain"), name)]
            if held:
                best = max(held, key=lambda one: len(one.domain))
                self._projects[canonical(best.domain, "domain")] = best.project_id
                return best.project_id
        return None

    async def _by_projects(self, name: str) -> dns.Zone | None:
        """In any project: a zone may be of a domain that is registered elsewhere."""
        projects = [project.id async for project in self._groups.project.list_projects()]
        outcomes = await gather_bounded(projects, self._zones_of, limit=_AT_ONCE)
        return _longest(name, (zone for zones in outcomes for zone in zones))


def _name(zone: dns.Zone) -> str:
    return canonical(zone.domain, "domain")


def _longest(name: str, zones: Iterable[dns.Zone]) -> dns.Zone | None:
    # Of two with one name, every program takes the same.
    fitting = [zone for zone in zones if covers(_name(zone), name)]
    return max(fitting, key=lambda zone: (len(_name(zone)), zone.id), default=None)
