"""Lifecycle webhooks of extension instances: what is sent, and the sending."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Literal

import aiohttp
import msgspec

from .signing import ALGORITHM, SigningKey

WebhookKind = Literal["ExtensionAddedToContext", "InstanceUpdated", "SecretRotated", "InstanceRemovedFromContext"]
_TIMEOUT_SECONDS = 6.0
"""Documented."""
_PAUSES = (0.2, 1.0)
"""Seconds before a repetition: sooner than the real sender's, since tests wait for it."""

log: logging.Logger = logging.getLogger("mittwald_async.emulator")


class Webhook:
    """One webhook, from its event to its answer.

    Args:
        kind: what happened.
        body: as it is sent, without `request.target`.
        accepted: called when the receiver has answered 2xx.
        dry_run: sent to try the receiver out; its address then has `dry-run=true` in the query.
    """

    def __init__(
        self,
        kind: WebhookKind,
        body: dict[str, Any],
        *,
        accepted: Callable[[], None] | None = None,
        dry_run: bool = False,
    ) -> None:
        self.kind: WebhookKind = kind
        self.body: dict[str, Any] = body
        self.dry_run: bool = dry_run
        self.attempts: int = 0
        """How often it was sent."""
        self.status: int | None = None
        """Of the last answer; `None`: not sent yet, or nothing was answered."""
        self._accepted = accepted

    def __repr__(self) -> str:
        return f"Webhook({self.kind!r}, attempts={self.attempts}, status={self.status})"

    def accept(self) -> None:
        """The receiver has taken it."""
        if self._accepted is not None:
            self._accepted()
            self._accepted = None


class WebhookSender:
    """Sends webhooks to one address, each until it is accepted or was tried often enough, in order.

    Args:
        url: of the receiver.
        key: signs them.
    """

    def __init__(self, url: str, key: SigningKey) -> None:
        self._url = url
        self._key = key
        self._queue: deque[Webhook] = deque()
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def put(self, webhooks: Iterable[Webhook]) -> None:
        """Send these as well, after the others."""
        self._queue.extend(webhooks)
        if self._queue:
            self._news.set()
            if self._task is None:
                self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """What has not been sent is dropped."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as session:
            while True:
                await self._news.wait()
                self._news.clear()
                while self._queue:
                    await self._deliver(session, self._queue.popleft())

    async def _deliver(self, session: aiohttp.ClientSession, webhook: Webhook) -> None:
        url = f"{self._url}{'&' if '?' in self._url else '?'}dry-run=true" if webhook.dry_run else self._url
        request = {**webhook.body["request"], "target": {"method": "POST", "url": url}}
        body = msgspec.json.encode({**webhook.body, "request": request})
        for pause in (0.0, *_PAUSES):
            await asyncio.sleep(pause)
            webhook.attempts += 1
            webhook.status = None
            try:
                async with session.post(url, data=body, headers=self._headers(body), allow_redirects=False) as answer:
                    webhook.status = answer.status
            except (aiohttp.ClientError, TimeoutError) as error:
                log.warning("webhook %s was not delivered: %s", webhook.kind, error or type(error).__name__)
                continue
            if 200 <= webhook.status < 300:
                webhook.accept()
                return

    def _headers(self, body: bytes) -> dict[str, str]:
        return {
            "Content-Type": "application/json",
            "X-Marketplace-Signature": base64.b64encode(self._key.sign(body)).decode(),
            "X-Marketplace-Signature-Serial": self._key.serial,
            "X-Marketplace-Signature-Algorithm": ALGORITHM,
        }
