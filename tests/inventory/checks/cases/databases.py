"""Cases of the checks of the family `databases`."""

from __future__ import annotations

from .case import Case

CASES: dict[str, Case] = {
    "database-external-access": Case(
        {
            "mysql_database": [
                {"id": "1", "name": "mysql_a", "mainUser": {"name": "dbu_a", "externalAccess": True}},
                {"id": "2", "name": "mysql_b", "mainUser": {"name": "dbu_b", "externalAccess": False}},
            ]
        },
        ["mysql_a"],
        "from anywhere",
    ),
    "database-not-ready": Case(
        {"mysql_database": [{"id": "1", "name": "a", "status": "error"}, {"id": "2", "name": "b", "status": "ready"}]},
        ["a"],
    ),
    "mysql-end-of-life": Case(
        {"mysql_database": [{"id": "1", "name": "a", "version": "5.7"}, {"id": "2", "name": "b", "version": "8.4"}]},
        ["a"],
        "2023-10-31",
    ),
    "redis-end-of-life": Case(
        {"redis_database": [{"id": "1", "name": "a", "version": "6.0"}, {"id": "2", "name": "b", "version": "7.2"}]},
        ["a"],
    ),
}
