"""Lists as one value: `Pages` is awaited for its first page or iterated for every item.

A list that comes in pages is read ahead: once the server has reported how many items there are, the next pages are
fetched while the current one is used, and handed out in order. Leaving the loop, an error and a cancellation all end
what is under way. Lists that come whole are one page.

    async for project in mw.project.list_projects(): ...
    page = await mw.project.list_projects(limit=50)
    everything = await mw.project.list_projects().collect()

Items may be added or removed while a list is read. Offsets then shift: an item can be seen twice (`unique=True` drops
it) or be missed, as with any reading by offset.
"""

from ..lists import PageSizes
from .pages import Pages
from .stream import ItemStream, PageStream

__all__ = ["ItemStream", "PageSizes", "PageStream", "Pages"]
