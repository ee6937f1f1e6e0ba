"""A web service with one shared client: visitors go first, and a background sweep uses the rest of the budget.

    python examples/service.py --port 8000
    curl localhost:8000/projects
    curl localhost:8000/projects/p-xxxxxx

With `--demo` it also simulates visitors, with a budget so small that both must share it, and exits.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from aiohttp import ClientSession, web
from demo import connected, options, port, run

from mittwald_async import Mittwald, inventory
from mittwald_async.errors import NotFoundError, RateLimitError, StatusError

CLIENT = web.AppKey("client", Mittwald)
SWEEP = web.AppKey("sweep", inventory.Sweep)


async def projects(request: web.Request) -> web.Response:
    page = await request.app[CLIENT].project.list_projects(limit=50)
    return web.json_response({"total": page.total, "projects": [one.description for one in page.items]})


async def project(request: web.Request) -> web.Response:
    # A visitor waits at most 10 s for the budget; other calls of the client are not affected.
    mw = request.app[CLIENT].with_options(max_wait=10)
    try:
        found = await mw.project.get_project(request.match_info["id"])
    except NotFoundError:
        raise web.HTTPNotFound from None
    except RateLimitError as error:
        raise web.HTTPServiceUnavailable(headers={"Retry-After": str(round(error.retry_after or 10))}) from error
    except StatusError as error:
        raise web.HTTPBadGateway(text=str(error)) from error
    return web.json_response({"id": found.id, "description": found.description, "status": found.status})


async def background(app: web.Application) -> AsyncIterator[None]:
    """Runs in the background while the service runs."""

    async def take_stock() -> None:
        async for _row in app[SWEEP]:
            pass  # into a database, a search index …

    task = asyncio.create_task(take_stock())
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def application(mw: Mittwald) -> web.Application:
    app = web.Application()
    app[CLIENT] = mw
    # The sweep spreads its calls over the budget's window and leaves a third of it to the visitors.
    modest = mw.with_options(pace="smooth", reserve=0.33)
    app[SWEEP] = inventory.sweep(modest, resources=["project", "mysql_database", "mysql_user", "cronjob"])
    app.router.add_get("/projects", projects)
    app.router.add_get("/projects/{id}", project)
    app.cleanup_ctx.append(background)
    return app


async def visitors(mw: Mittwald, sweep: inventory.Sweep, base: str) -> None:
    ids = [one.id async for one in mw.project.list_projects()]
    slowest = 0.0
    async with ClientSession(base) as session:
        for number in range(20):
            begin = time.perf_counter()
            async with session.get(f"/projects/{ids[number % len(ids)]}") as answer:
                answer.raise_for_status()
            slowest = max(slowest, time.perf_counter() - begin)
    budget = mw.rate_limit
    print(f"20 visitors, the slowest waited {slowest * 1000:.0f} ms; {budget.throttled} calls were refused")
    print(f"the sweep has {sum(sweep.rows.values())} rows and goes on; {budget.waiting} of its calls are waiting")


async def main(arguments: argparse.Namespace) -> None:
    async with connected(arguments.demo, rate_limit=(40, 1.0)) as mw:
        app = application(mw)
        runner = web.AppRunner(app)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0 if arguments.demo else arguments.port).start()
            host, port, *_ = runner.addresses[0]
            print(f"serving on http://{host}:{port}", flush=True)
            if arguments.demo:
                await visitors(mw, app[SWEEP], f"http://{host}:{port}")
            else:
                await asyncio.Event().wait()
        finally:
            await runner.cleanup()


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("--port", type=port, default=8000, help="(default: 8000)")
    run(main, parser)
