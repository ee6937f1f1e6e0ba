"""Bounded concurrent work over any source: many calls as one value.

    async for done in fan_out(mw.project.list_projects(), inspect, limit=64):
        done.item, done.result, done.error
    async for project, database in fan_out_items(projects, lambda p: mw.database.list_mysql_databases(p.id)): ...
    details = await gather_bounded(ids, mw.project.get_project)

The source is read only as fast as the results are used, so its length does not matter. Nothing is left running after
the loop, however it ends; `contextlib.aclosing` makes that happen at once instead of one turn of the event loop later.
"""

from .fan_out import FanOut, FanOutItems, fan_out, fan_out_items, gather_bounded
from .outcome import Outcome, Progress

__all__ = ["FanOut", "FanOutItems", "Outcome", "Progress", "fan_out", "fan_out_items", "gather_bounded"]
