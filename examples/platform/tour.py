"""A tour of a generated client: log in, list page by page, fan out, write, upload, and read an error.

The package `platform_client` beside this file was made by the generator from `platform-v1.json`. The server that it
talks to here is made from the same document.

    python examples/platform/tour.py
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from document_server import DocumentServer, Request
from platform_client import Platform, errors
from platform_client.models import auth

from mittwald_async.runtime.concurrency import fan_out

DOCUMENT = Path(__file__).with_name("platform-v1.json")


class Login:
    """An access token that is renewed with the refresh token: called whenever the client needs another one.

    Args:
        client: an anonymous client, which the login itself is sent with.
        email, password: of the account.
    """

    def __init__(self, client: Platform, email: str, password: str) -> None:
        self._client, self._email, self._password = client, email, password
        self._refresh_token = ""

    async def __call__(self) -> tuple[str, datetime]:
        if self._refresh_token:
            renewed = await self._client.auth.refresh(refresh_token=self._refresh_token)
            print("renewed the access token")
            return self._kept(renewed)
        session = await self._client.auth.login(email=self._email, password=self._password)
        print(f"logged in as {session.user.email}")
        return self._kept(session)

    def _kept(self, session: auth.LoginResult | auth.RefreshResult) -> tuple[str, datetime]:
        self._refresh_token = session.refresh_token
        return session.access_token, datetime.now(UTC) + timedelta(seconds=session.expires_in)


async def look_around(client: Platform) -> None:
    """Lists come page by page, the next pages while one is used."""
    async for page in client.spaces.list(limit=20).pages():
        print(f"spaces {page.skip + 1} to {page.skip + len(page)} of {page.total}")
    users = await client.users.list().collect()
    resources = await client.resources.list().collect()
    print(f"{len(users)} users, {len(resources)} resources")

    active = 0
    async for done in fan_out(client.spaces.list(), lambda space: client.spaces.get(space.id), limit=16):
        active += done.value().status == "active"
    print(f"{active} spaces are active")

    whole = await client.response_of(client.spaces.get, (await client.spaces.list()).items[0].id)
    print(f"HTTP {whole.status}: {whole.data.name}, in an envelope of {type(whole.envelope).__name__}")


async def change(client: Platform) -> None:
    """Create, update, delete; what methods give is what the envelopes of the answers hold."""
    space = await client.spaces.create(name="Reading room", language="en")
    changed = await client.spaces.update(space.id, name="Reading room, first floor")
    print(f"made {space.name!r}, which is now {changed.name!r}")
    await client.spaces.delete(space.id)
    try:
        await client.spaces.get(space.id)
    except errors.NotFoundError as error:
        print(f"gone: {error.message}")
    uploaded = await client.files.upload(file=b"name;floor\nReading room;1\n")
    if uploaded is not None:
        print(f"uploaded a file, {uploaded.file_id}")


async def read_an_error(client: Platform) -> None:
    """An error says what the API said, field by field."""
    try:
        await client.spaces.create(name="x")
    except errors.UnprocessableError as error:
        print(f"{error.type}, request {error.trace_id}: {error.message}")
        for issue in error.issues:
            print(f"  {issue.path}: {issue.message}")


@asynccontextmanager
async def made_up_platform() -> AsyncGenerator[str]:
    """A platform with a few spaces, users and resources. Its first access token expires after 30 requests."""
    document = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    server = DocumentServer(document, stateful=True)
    for number in range(45):
        status = "active" if number % 3 else "maintenance"
        server.new("/api/v1/secure/spaces/", name=f"Space {number}", status=status)
    for number in range(7):
        server.new("/api/v1/secure/users/", email=f"person{number}@example.org")
        server.new("/api/v1/secure/resources/", name=f"Resource {number}")

    def session(came: Request) -> Any:
        first = not came.operation_id.endswith("refresh")
        server.expire_after = 30 if first else None
        return server.session(came.body.get("email") if first else None)

    server.overrides["post_public_auth_login"] = session
    server.overrides["post_public_auth_refresh"] = session
    async with server.running() as url:
        yield url


async def main() -> None:
    async with made_up_platform() as url, Platform.anonymous(base_url=url) as stranger:
        login = Login(stranger, "kim@example.org", "password-for-tests")
        async with Platform(credentials=login, base_url=url) as client:
            await look_around(client)
            await change(client)
            await read_an_error(client)
            print(f"{client.rate_limit.remaining} requests are left in this minute")


if __name__ == "__main__":
    asyncio.run(main())
