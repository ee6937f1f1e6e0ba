"""OpenAPI 3.0 in, a typed surface out: `python -m mittwald_async.codegen`.

The rooms, in the order a document passes through them: `load` (bytes to JSON), `corrections` (known mistakes of the
document, as data), `schemas` and `calls` (JSON to the intermediate form of `ir`), `names`, `unions` (how to tell
variants apart), `render_*` (intermediate form to text), `write` (text to disk, all or nothing), `outline` and
`changes` (what is different for users).
"""

from __future__ import annotations

GENERATOR_VERSION = "1.1"
"""Goes up when the same document yields different output."""
