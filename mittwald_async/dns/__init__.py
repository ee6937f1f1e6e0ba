"""DNS entries by host name: `mw.dns.add("_acme-challenge.example.org", "TXT", token)`.

The API replaces record sets whole. This room changes single entries, safely beside others who do the same.
"""

from .entries import Dns
from .record_sets import Entry
from .zonefile import SetChange, ZoneImport

__all__ = ["Dns", "Entry", "SetChange", "ZoneImport"]
