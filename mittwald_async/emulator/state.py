"""The world of one emulator: a generated account and everything that was changed, created or deleted in it."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from .clock import EmulatorClock, midnight
from .identity import Identity, Login
from .lifecycle import RunningTransitions, Subject, Transition, TransitionStep
from .listing import EncodedList, Key, Keys
from .options import EmulatorOptions, Transitions
from .replies import Fail, ListReply
from .seeded import KIND_OF_PARAMETER, KINDS, SeededAccount
from .views import AFTER_STEP, BEFORE_DELETE, VIEWS, View
from .webhooks import Webhook

_CREATED = 1 << 12
"""Added to a kind's number in the ids of created objects."""
_WITHOUT_KIND = 250
"""Number, in ids, of what does not belong to a kind."""
_SHOWN_BYTES = 256 << 20
"""Encoded JSON kept for the next reader."""
_SELECTIONS = 64
"""Filtered lists kept for the next page."""


class World:
    """The state behind an emulator.

    Objects are plain JSON dicts. What a handler gets from `read` is not to be changed in place: `change` it.

    Args:
        options: seed and sizes are used here.
        clock: dates what happens and decides when things that take time are over.
    """

    def __init__(self, options: EmulatorOptions, clock: EmulatorClock) -> None:
        self.clock = clock
        self.options = options
        self.transition_options: Transitions = options.transitions
        """Replaced while it runs, see `Core.configure`."""
        self.transitions: RunningTransitions = RunningTransitions()
        self.counting = True
        """False while the emulator itself looks: such reads do not move anything on."""
        self.restart(epoch=midnight(options.on), mfa=options.mfa)

    def restart(self, *, epoch: float, mfa: bool) -> None:
        """Forget everything that happened.

        Args:
            epoch: Unix seconds of the midnight by which the account is dated.
            mfa: the main user has a second factor.
        """
        options = self.options
        account = SeededAccount(
            options.seed,
            options.customers,
            options.projects,
            options.foreign,
            mfa,
            epoch=epoch,
            email=options.email,
        )
        self.seeded = account
        self.main_user: str = account.id("user", 0)
        self.objects: dict[str, dict[Key, dict[str, Any]]] = {name: {} for name in KINDS}
        self.created: dict[str, list[Key]] = {name: [] for name in KINDS}
        self.created_below: dict[tuple[str, str], list[Key]] = {}
        self.parents: dict[Subject, str] = {}
        """Id of the object above, for created and moved ones."""
        self.deleted: dict[str, list[int]] = {name: [] for name in KINDS}
        self.moved: dict[str, list[int]] = {name: [] for name in KINDS}
        self.opened: set[int] = set()
        """Numbers of foreign customers that the caller has joined."""
        self.serial: int = 0
        self.topics: dict[str, dict[str, Any]] = {}
        self.blobs: dict[str, bytes] = {}
        self._outbox: list[Webhook] = []
        self.transitions = RunningTransitions()
        self._forget()

    def _forget(self) -> None:
        self._shown: dict[str, dict[Key, msgspec.Raw]] = {}
        self._shown_bytes = 0
        self._selections: dict[Any, list[Key]] = {}

    @property
    def outbox(self) -> list[Webhook]:
        """Webhooks that are still to be sent."""
        return self._outbox

    # ids and permissions

    def id(self, kind: str, key: Key) -> str:
        return key if isinstance(key, str) else self.seeded.id(kind, key)

    def key(self, kind: str, id: str) -> Key | None:
        """The key of an existing object, `None` if there is none. Short ids are taken where the kind has them."""
        if id in self.objects[kind]:
            return id
        facts = KINDS[kind]
        number = self.seeded.number(kind, id)
        if number is None:
            return self._key_of_short(kind, id) if facts.short else None
        return None if self.is_deleted(kind, number) else number

    def _key_of_short(self, kind: str, id: str) -> Key | None:
        facts = KINDS[kind]
        number = self.seeded.ids.unshort(id) if id.startswith(f"{facts.short}-") else None
        if number is not None and number < self.seeded.total(kind, foreign=True):
            return None if self.is_deleted(kind, number) else number
        return next((key for key in self.created[kind] if self.objects[kind][key].get("shortId") == id), None)

    def is_deleted(self, kind: str, number: int) -> bool:
        gone = self.deleted[kind]
        position = bisect_left(gone, number)
        return position < len(gone) and gone[position] == number

    def find(self, kind: str, id: str, identity: Identity | None = None) -> Key:
        """The key of an object this caller may see. Raises Fail: 404 if there is none, 403 if it is not theirs."""
        self.advance_transitions()
        key = self.key(kind, id)
        if key is None:
            raise Fail.not_found(kind.replace("_", " "), id)
        if identity is not None and not self.allowed(kind, key, identity):
            raise Fail.forbidden()
        return key

    def allowed(self, kind: str, key: Key, identity: Identity) -> bool:
        """Whether this caller may see an object."""
        customer = self.above(kind, key, "customer")
        if isinstance(customer, int) and customer >= self.seeded.customers and customer not in self.opened:
            return False
        if identity.kind != "extension":
            return True
        if identity.project_id is not None:
            project = self.above(kind, key, "project")
            return project is None or self.id("project", project) == identity.project_id
        return identity.customer_id is None or customer is None or self.id("customer", customer) == identity.customer_id

    def parent(self, kind: str, key: Key) -> Key | None:
        """Key of the object above; `None`: there is none, or no more."""
        name = KINDS[kind].parent
        if name is None:
            return None
        known = self.parents.get((kind, key))
        if known is not None:
            return self.key(name, known)
        return self.seeded.parent(kind, key) if isinstance(key, int) else None

    def above(self, kind: str, key: Key, ancestor: str) -> Key | None:
        """Key of the ancestor of that kind, the object itself if it is one; `None`: nothing of that kind above."""
        here: Key | None = key
        name: str | None = kind
        while name != ancestor:
            if name is None or here is None:
                return None
            here = self.parent(name, here)
            name = KINDS[name].parent
        return here

    # reading

    def changed_objects(self, kind: str) -> dict[Key, dict[str, Any]]:
        """The stored objects of a kind: those that are not as they were generated."""
        return self.objects[kind]

    def read(self, kind: str, key: Key) -> dict[str, Any]:
        """The object as stored: not to be changed in place."""
        stored = self.objects[kind].get(key)
        return stored if stored is not None else self.seeded.build(kind, int(key))

    def get(self, kind: str, id: str, identity: Identity | None = None) -> dict[str, Any]:
        return self.read(kind, self.find(kind, id, identity))

    def keys(self, kind: str, scope: tuple[str, Key] | None = None) -> Keys:
        """Keys of the account's own objects of a kind, or of those below an object (kind, key) of any level."""
        self.advance_transitions()
        if scope is None:
            return Keys(range(self.seeded.total(kind)), self.deleted[kind], self.created[kind])
        ancestor, above = scope
        if KINDS[kind].parent == ancestor:
            born = self.created_below.get((kind, self.id(ancestor, above)), [])
        else:
            born = [key for key in self.created[kind] if self.above(kind, key, ancestor) == above]
        if not isinstance(above, int):
            return Keys(range(0), (), born)
        gone = self.deleted[kind]
        if self.moved[kind]:
            gone = sorted({*gone, *self.moved[kind]})
        return Keys(self._range(kind, ancestor, above), gone, born)

    def _range(self, kind: str, ancestor: str, number: int) -> range:
        """Numbers below a generated object. Numbers run through the parents in order, so they are one piece."""
        chain = [kind]
        while (above := KINDS[chain[-1]].parent) != ancestor:
            if above is None:
                raise LookupError(f"{kind} is not below {ancestor}")
            chain.append(above)
        low, high = number, number + 1
        for name in reversed(chain):
            sums = self.seeded.sums(name)
            low, high = sums[low], sums[high]
        return range(low, high)

    def select(
        self,
        kind: str,
        scope: tuple[str, Key] | None,
        question: Any,
        test: Callable[[dict[str, Any]], bool] | None,
        sort: Callable[[dict[str, Any]], Any] | None = None,
        descending: bool = False,
    ) -> Keys | list[Key]:
        """Keys of the objects that pass a test, sorted. `question` is what was asked, hashable: the answer is kept for
        the next page until something is written."""
        keys = self.keys(kind, scope)
        if test is None and sort is None:
            return keys

        def choose() -> list[Key]:
            view = VIEWS.get(kind)
            chosen: list[tuple[Any, Key]] = []
            for key in keys:
                value = self._presented(view, kind, key)
                if test is None or test(value):
                    chosen.append((sort(value) if sort else None, key))
            if sort:
                chosen.sort(key=lambda entry: entry[0], reverse=descending)
            return [key for _, key in chosen]

        return self.remembered((kind, scope, question), choose)

    def remembered(self, question: Any, choose: Callable[[], list[Key]]) -> list[Key]:
        """Keys that took an effort to find, kept until something is written. `question` is hashable."""
        found = self._selections.get(question)
        if found is None:
            if len(self._selections) >= _SELECTIONS:
                self._selections.clear()
            found = self._selections[question] = choose()
        return found

    def _presented(self, view: View | None, kind: str, key: Key) -> dict[str, Any]:
        stored = self.read(kind, key)
        return stored if view is None else view.present(self, key, stored)

    def value(self, name: str, key: Key) -> dict[str, Any]:
        """An object as a view shows it; a view is named like its kind unless there are several."""
        view = VIEWS.get(name)
        kind = view.kind if view else name
        self._looked_at(kind, key)
        return self._presented(view, kind, key)

    def show(self, name: str, keys: Iterable[Key]) -> list[msgspec.Raw]:
        """JSON of objects as a view shows them. What was encoded before is not made again."""
        self.advance_transitions()
        view = VIEWS.get(name)
        kind = view.kind if view else name
        memory = self._shown.setdefault(name, {})
        found: list[msgspec.Raw] = []
        counting = bool(self.transitions.running)
        for key in keys:
            if counting:
                self._looked_at(kind, key)
            raw = memory.get(key)
            if raw is None:
                encoded = msgspec.json.encode(self._presented(view, kind, key))
                self._shown_bytes += len(encoded)
                raw = memory[key] = msgspec.Raw(encoded)
            found.append(raw)
        if self._shown_bytes > _SHOWN_BYTES:
            self._shown.clear()
            self._shown_bytes = 0
        return found

    def listing(self, name: str, keys: Keys | list[Key]) -> ListReply:
        """A reply that shows the objects behind the keys."""
        return ListReply(EncodedList(keys, lambda part: self.show(name, part)))

    # writing

    def now(self) -> str:
        return self.clock.iso()

    def new_id(self, kind: str) -> str:
        """An id for an object to be created, or for something that is not of any kind."""
        self.serial += 1
        number = KINDS[kind].number if kind in KINDS else _WITHOUT_KIND
        return self.seeded.ids.uuid(number + _CREATED, self.serial)

    def new_short(self, prefix: str) -> str:
        """A short id that no generated object has: numbers from the far end."""
        self.serial += 1
        return self.seeded.ids.short(prefix, (1 << 30) + self.serial)

    def create(self, kind: str, parent_id: str | None, value: dict[str, Any]) -> str:
        """Add an object; its id is the property the kind names."""
        id: str = value[KINDS[kind].id_name]
        self.objects[kind][id] = value
        self.created[kind].append(id)
        if parent_id is not None:
            self.parents[kind, id] = parent_id
            self.created_below.setdefault((kind, parent_id), []).append(id)
        self.touched(kind)
        return id

    def change(self, kind: str, key: Key, drop: Iterable[str] = (), /, **changes: Any) -> dict[str, Any]:
        """Replace properties of an object, by wire name."""
        value = self.read(kind, key) | changes
        for name in drop:
            value.pop(name, None)
        self.objects[kind][key] = value
        self.touched(kind, key)
        return value

    def move(self, kind: str, key: Key, parent_id: str) -> None:
        """Put an object below another parent of the same kind."""
        if isinstance(key, int) and (kind, key) not in self.parents:
            insort(self.moved[kind], key)
        else:
            self.created_below[kind, self.parents[kind, key]].remove(key)
        self.parents[kind, key] = parent_id
        self.created_below.setdefault((kind, parent_id), []).append(key)
        self.touched(kind)

    def remove(self, kind: str, key: Key) -> None:
        """Delete an object, everything below it, and what would dangle."""
        if kind in BEFORE_DELETE:
            BEFORE_DELETE[kind](self, key)
        for name, facts in KINDS.items():
            if facts.parent == kind:
                for child in list(self.keys(name, (kind, key))):
                    self.remove(name, child)
        self.transitions.stop((kind, key))
        self.objects[kind].pop(key, None)
        above = self.parents.pop((kind, key), None)
        if above is not None:
            self.created_below[kind, above].remove(key)
        if isinstance(key, int):
            insort(self.deleted[kind], key)
        if key in self.created[kind]:
            self.created[kind].remove(key)
        self.touched(kind, key)

    def open_customer(self, number: int) -> None:
        """The caller has joined a foreign customer: it shows among their own."""
        self.opened.add(number)
        self.created["customer"].append(number)
        self.touched("customer")

    def touched(self, kind: str, key: Key | None = None) -> None:
        """Forget the JSON that a change of a kind makes stale."""
        self._selections.clear()
        for name, memory in self._shown.items():
            view = VIEWS.get(name)
            if kind == (view.kind if view else name):
                if key is None:
                    continue
                memory.pop(key, None)
            elif view is not None and kind in view.needs:
                memory.clear()

    def extras(self, topic: str) -> dict[str, Any]:
        """A JSON object of its own per topic, for what hangs on objects but is not shown with them."""
        return self.topics.setdefault(topic, {})

    # things that take time

    def fails(self, kind: str, id: str) -> bool:
        """Whether a created thing is one of the share that ends badly: decided by its id."""
        dice = self.seeded.ids.dice_of(f"{kind} {id}")
        return dice.below(1_000_000) < self.transition_options.failing * 1_000_000

    def is_changing(self, kind: str, key: Key) -> bool:
        """Whether a transition of an object is in progress, even if not visible yet."""
        return (kind, key) in self.transitions.running

    def follow_up(self, kind: str, key: Key, *steps: TransitionStep) -> None:
        """As `begin`, but after the transition in progress for the same object."""
        running = self.transitions.running.get((kind, key))
        if running is None:
            self.begin(kind, key, *steps)
        else:
            running.steps.extend(steps)

    def begin(self, kind: str, key: Key, *steps: TransitionStep) -> None:
        """Let an object go through steps, one per phase of the transitions' length."""
        if self.transition_options.length <= 0:
            for step in steps:
                self._take(kind, key, step, self.clock.now())
            return
        self._schedule((kind, key), list(steps), self.clock.now())

    def _schedule(self, subject: Subject, steps: list[TransitionStep], now: float) -> None:
        length = self.transition_options.length
        if self.transition_options.unit == "seconds":
            self.transitions.start(subject, Transition(steps=steps, due=now + length))
        else:
            self.transitions.start(subject, Transition(steps=steps, reads=max(1, round(length))))

    def advance_transitions(self) -> None:
        """Let happen what is due."""
        if self.transitions.waiting:
            for subject, transition in self.transitions.due(self.clock.now()):
                self._advance(subject, transition, transition.due or self.clock.now())

    def _looked_at(self, kind: str, key: Key) -> None:
        transition = self.transitions.running.get((kind, key))
        if transition is None or transition.reads is None or not self.counting:
            return
        transition.reads -= 1
        if transition.reads < 0:
            self._advance((kind, key), transition, self.clock.now())

    def _advance(self, subject: Subject, transition: Transition, now: float) -> None:
        step, *rest = transition.steps
        if rest:
            self._schedule(subject, rest, now)
        else:
            self.transitions.stop(subject)
        self._take(*subject, step, now)

    def _take(self, kind: str, key: Key, step: TransitionStep, now: float) -> None:
        if step.remove:
            self.remove(kind, key)
            return
        if step.then:
            AFTER_STEP[step.then](self, key)
            return
        stamps = dict.fromkeys(step.stamp, self.clock.iso(now))
        self.change(kind, key, step.drop, **step.set, **stamps)

    # what the core asks

    def login_of(self, *, email: str | None = None, user_id: str | None = None) -> Login | None:
        """A user who can log in, by address or id."""
        key = self._user_of(email) if email is not None else self.key("user", user_id or "")
        if key is None:
            return None
        user = self.read("user", key)
        id: str = user["userId"]
        password: str = self.extras("passwords").get(id, self.options.password)
        mfa: bool = user["mfa"]["active"]
        return Login(
            user_id=id, email=user["email"], password=password, mfa_code=self.options.mfa_code if mfa else None
        )

    def _user_of(self, email: str) -> Key | None:
        candidates: Iterator[Key] = iter([0, *self.objects["user"]])
        return next((key for key in candidates if self.read("user", key).get("email") == email), None)

    def owns(self, id: str) -> bool:
        """Whether an id of any kind is this account's."""
        located = self.seeded.ids.locate(id)
        if located is not None:
            return True
        # Not every kind of every account is asked for words such as `self`.
        return "-" in id and any(
            facts.short is not None and self.key(name, id) is not None for name, facts in KINDS.items()
        )

    def extension_secret(self, extension_instance_id: str) -> tuple[str, Identity] | None:
        """Secret of an extension instance, and who its token is."""
        key = self.key("extension_instance", extension_instance_id)
        if key is None:
            return None
        reference = self.read("extension_instance", key)["aggregateReference"]
        secret: str = self.extras("extension_secrets").get(extension_instance_id, f"secret-of-{extension_instance_id}")
        project = reference["id"] if reference["aggregate"] == "project" else None
        customer = reference["id"] if reference["aggregate"] == "customer" else None
        identity = Identity(
            kind="extension", extension_instance_id=extension_instance_id, project_id=project, customer_id=customer
        )
        return secret, identity

    def check(self, name: str, value: str, identity: Identity) -> None:
        """Raise Fail if the path parameter is of a known kind and no id of it that the caller may see."""
        kind = KIND_OF_PARAMETER.get(name)
        if kind is not None and value != "self":
            self.find(kind, value, identity)

    def sample(self, name: str) -> str | None:
        """An existing id for a path parameter of this name."""
        kind = KIND_OF_PARAMETER.get(name)
        if kind is None:
            return None
        first = self.keys(kind)[:1]
        return str(self.read(kind, first[0])[KINDS[kind].id_name]) if first else None

    def counts(self) -> dict[str, int]:
        """Objects by kind."""
        return {name: len(self.keys(name)) for name in KINDS}
