"""What a newcomer types in the first hour, and what the output must contain."""

from __future__ import annotations

from typing import NamedTuple


class Step(NamedTuple):
    """One line as typed."""

    line: str
    seen: tuple[str, ...] = ()
    """Texts that the output must contain, on either stream."""
    code: int = 0
    stdin: str = ""
    never: tuple[str, ...] = ()
    """Texts that the output must not contain."""


class Task(NamedTuple):
    """One thing that a newcomer wants to do."""

    wish: str
    steps: tuple[Step, ...]
    seconds: float = 30.0
    """Time limit on an idle machine."""


PROJECT = "p-xxxxxx"
"""Placeholder for a project of the account."""

TASKS = (
    Task(
        "see it work, without a token",
        (Step("mittwald-async sweep --demo", ("project_membership", " rows, ", "→ demo.sqlite")),),
    ),
    Task(
        "know what is wrong in the account",
        (
            Step("mittwald-async check demo.sqlite", ("findings", "why:", "do:"), code=5),
            Step("mittwald-async check demo.sqlite --only certificate-expired", (), code=5, never=("100 findings",)),
        ),
    ),
    Task("look at it in a browser", (Step("mittwald-async report demo.sqlite -o page.html", ("page.html",)),)),
    Task(
        "see what changed since the last time",
        (
            Step("mittwald-async sweep --demo --quiet", never=("rows",)),
            Step("mittwald-async diff demo.sqlite", ("0 added",)),
        ),
    ),
    Task("list everything there is", (Step("mittwald-async sweep --demo -r all", ("→ demo.sqlite",)),), 60.0),
    Task(
        "find an operation whose name is not known",
        (
            Step("mittwald-async operations databse", ("did you mean database",), code=2),
            Step("mittwald-async operations mysql create", ("database-create-mysql-database",)),
            Step(
                "mittwald-async call database-create-mysql-databas", ("did you mean database-create-mysql-database",), 2
            ),
        ),
    ),
    Task(
        "know what an operation takes",
        (
            Step(
                "mittwald-async operations mail-create-mail-address",
                ("mailbox.quotaInBytes", "int", "required", "https://developer.mittwald.de/", "lost answers"),
            ),
            Step(
                "mittwald-async operations mail-create-mail-address --skeleton yaml", ("address:", "forwardAddresses:")
            ),
        ),
    ),
    Task(
        "read a list at a glance",
        (
            Step(
                "mittwald-async call project-list-projects --all --fields shortId,description,status --output table",
                ("shortId", "description", "status", "p-"),
                never=("{",),
            ),
            Step("mittwald-async call project-list-projects --all --fields shortId --output csv", ("shortId\n", "p-")),
        ),
    ),
    Task(
        "change something, with a text from a file",
        (
            Step(f"mittwald-async call project-update-project projectId={PROJECT} description=@desc.txt"),
            Step(
                f"mittwald-async call project-get-project projectId={PROJECT} --fields description", ("Müller & Söhne",)
            ),
        ),
    ),
    Task(
        "create a database, without the password in the shell's history",
        (
            Step(
                f"mittwald-async call database-create-mysql-database projectId={PROJECT} database.description=Shop "
                "database.version=8.0 user.accessLevel=full user.password=Correct-Horse-9-Battery",
                ("user.password=? asks for it",),
                2,
                never=("Correct-Horse",),
            ),
            Step(
                f"mittwald-async call database-create-mysql-database projectId={PROJECT} database.description=Shop "
                "database.version=8.0 user.accessLevel=full user.password=- --wait",
                ('"status": "ready"',),
                stdin="Correct-Horse-9-Battery\n",
            ),
        ),
    ),
    Task(
        "change many things from a table",
        (
            Step("mittwald-async bulk project-update-project rows.csv --dry-run", ("PATCH",)),
            Step("mittwald-async bulk project-update-project rows.csv --journal rows.journal --yes", ("done",)),
            Step("mittwald-async bulk project-update-project rows.csv --journal rows.journal --yes", ("done",)),
        ),
    ),
    Task(
        "have an inventory every night",
        (
            Step("mittwald-async sweep --quiet --resume-or-new -r project -r domain", never=("rows",)),
            Step("mittwald-async sweep -r domain -o -", ('"resource":"domain"', "→ standard output")),
        ),
    ),
    Task(
        "know how much of the request budget is left, and what went wrong",
        (
            Step("mittwald-async limits", ("requests left",)),
            Step("mittwald-async limits --json", ('"limit":',)),
            Step("mittwald-async call project-get-project projectId=p-nothing", ("404",), 1),
            Step("mittwald-async sweep --help", ("Exit codes: 0 done", "--debug", "--quiet")),
        ),
    ),
    Task(
        "write a program, from an example",
        (
            Step("python first.py", ("p-",)),
            Step("python examples/create_site.py www.example.org --demo", ("https://www.example.org leads to",)),
            Step("python examples/create_site.py 'no name' --demo", ("is not a host name",), 2),
        ),
    ),
)
