"""Log in with email and password; the code of the second factor is requested only if the account has one.

The session is renewed while the program runs. For unattended programs, an API token is the better choice.

    python examples/login.py kim@example.org
"""

from __future__ import annotations

import argparse
import getpass
import sys

from demo import email, options, run

from mittwald_async import Mittwald, PasswordLogin
from mittwald_async.emulator import Emulator
from mittwald_async.errors import ConfigurationError


async def who_am_i(mw: Mittwald) -> None:
    user = await mw.user.get_user("self")
    print(f"logged in as {user.person.first_name} {user.person.last_name}")
    async for session in mw.user.list_sessions():
        print(f"session since {session.created:%Y-%m-%d %H:%M}")


def code() -> str:
    """Runs in its own thread, so that typing does not block the loop."""
    print("code of the second factor: ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()


async def demonstrated() -> None:
    """An account with a second factor, and a simulated owner."""
    async with Emulator(seed=7, mfa=True) as api:
        async with Mittwald(api.token, base_url=api.url) as mw:
            email = (await mw.user.get_user("self")).email or ""

        def answer() -> str:
            print("asked for the second factor")
            return "123456"

        login = PasswordLogin(email, "password-for-tests", second_factor=answer)
        async with Mittwald(credentials=login, base_url=api.url) as mw:
            await who_am_i(mw)


async def main(arguments: argparse.Namespace) -> None:
    if arguments.demo:
        await demonstrated()
        return
    if arguments.email is None:
        raise ConfigurationError("whose account? name the e-mail address (or try --demo)")
    login = PasswordLogin(arguments.email, getpass.getpass("password: "), second_factor=code)
    async with Mittwald(credentials=login) as mw:
        await who_am_i(mw)


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("email", type=email, nargs="?", help="of the account")
    run(main, parser)
