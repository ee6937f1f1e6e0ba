"""What the handlers of all families share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..handlers import EmulatedCall
from ..listing import Key, Keys
from ..replies import EmptyReply, Fail, ListReply, ValueReply
from ..state import World

Test = Callable[[dict[str, Any]], bool]
Sort = Callable[[dict[str, Any]], Any]
Scope = tuple[str, Key] | None


def world_of(call: EmulatedCall) -> World:
    """The state, with its reads counted unless the emulator itself looks."""
    call.world.counting = not call.quiet
    return call.world


def located(call: EmulatedCall, kind: str, parameter: str) -> Key:
    """Key of the object a path parameter names. Raises Fail (404, 403)."""
    return world_of(call).find(kind, call.path[parameter], call.identity)


def scope_of(call: EmulatedCall, kind: str, parameter: str) -> tuple[str, Key]:
    """A path parameter as the scope of a list."""
    return kind, located(call, kind, parameter)


def asked_scope(call: EmulatedCall, *candidates: tuple[str, str]) -> Scope:
    """The scope that the query names, by (kind, query parameter), narrowest first. `None`: the whole account.
    An extension instance's token sees the project or customer it belongs to and is refused anything wider."""
    world = world_of(call)
    for kind, parameter in candidates:
        if parameter in call.query:
            return kind, world.find(kind, call.query[parameter], call.identity)
    if call.identity.kind == "extension":
        raise Fail.forbidden("this token cannot list the whole account; name a project")
    return None


def shown(call: EmulatedCall, view: str, key: Key, status: int | None = None) -> ValueReply:
    """One object as an answer."""
    world = world_of(call)
    return ValueReply(world.show(view, (key,))[0], status=status)


def whole(call: EmulatedCall, view: str, scope: Scope, kind: str | None = None) -> ListReply:
    """All objects of a scope."""
    world = world_of(call)
    return world.listing(view, world.keys(kind or view, scope))


def filtered(
    call: EmulatedCall,
    view: str,
    scope: Scope,
    tests: Iterable[Test | None] = (),
    sort: Sort | None = None,
    *,
    kind: str | None = None,
    descending: bool = False,
) -> ListReply:
    """The objects of a scope that pass all tests, sorted."""
    world = world_of(call)
    given = [test for test in tests if test is not None]
    test: Test | None = (lambda value: all(one(value) for one in given)) if given else None
    question = (view, *sorted((name, str(value)) for name, value in call.query.items() if name not in _PAGING))
    return world.listing(view, world.select(kind or view, scope, question, test, sort, descending))


_PAGING = ("limit", "skip", "page")


def search(call: EmulatedCall, parameter: str, *properties: str) -> Test | None:
    """A test for a text anywhere in some properties, ignoring case; `None` if nothing is searched for."""
    text = call.query.get(parameter)
    if not text:
        return None
    wanted = str(text).lower()
    return lambda value: any(wanted in str(value.get(name, "")).lower() for name in properties)


def equal(call: EmulatedCall, parameter: str, property: str | None = None) -> Test | None:
    """A test for a property that equals (or, for a list, is one of) what the query says."""
    if parameter not in call.query:
        return None
    wanted: Any = call.query[parameter]
    name = property or parameter
    if isinstance(wanted, list):
        return lambda value: value.get(name) in wanted
    return lambda value: value.get(name) == wanted


def descending(call: EmulatedCall) -> bool:
    """Whether `order` (a word or a list of them) says so."""
    order = call.query.get("order")
    return order == "desc" or order == ["desc"]


def given(body: dict[str, Any], *names: str) -> dict[str, Any]:
    """The properties of a body that were sent."""
    return {name: body[name] for name in names if name in body}


def patch(call: EmulatedCall, kind: str, parameter: str, *names: str, **more: Any) -> EmptyReply:
    """Take over properties of the body by name, the whole of a PATCH."""
    world = world_of(call)
    key = located(call, kind, parameter)
    world.change(kind, key, **given(call.body, *names), **more)
    return EmptyReply()


def remove(call: EmulatedCall, kind: str, parameter: str) -> EmptyReply:
    """Delete what a path parameter names."""
    world = world_of(call)
    world.remove(kind, located(call, kind, parameter))
    return EmptyReply()


def known(call: EmulatedCall, kind: str, id: str) -> Key:
    """Key of an object that a body names. Raises Fail (404, 403)."""
    return world_of(call).find(kind, id, call.identity)


def needed(body: Any, *names: str, path: str = "body") -> None:
    """Raise Fail 400 for properties that the document calls optional although nothing can be done without them."""
    for name in names:
        if name not in body:
            raise Fail.invalid(f"{path}.{name}", "is required", "required")


def unfit(path: str, problem: str) -> Fail:
    """The refusal of a request that is in order by its form, but not by what it says."""
    return Fail.refused(f"{path.removeprefix('body.')} {problem}")


__all__ = [
    "Key",
    "Keys",
    "Sort",
    "Test",
    "asked_scope",
    "descending",
    "equal",
    "filtered",
    "given",
    "known",
    "located",
    "needed",
    "patch",
    "remove",
    "scope_of",
    "search",
    "shown",
    "unfit",
    "whole",
    "world_of",
]
