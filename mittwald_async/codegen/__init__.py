"""OpenAPI 3 in, a client package out: `python -m mittwald_async.codegen`.

The rooms, in the order a document passes through them: `load` and `yaml_text` (bytes to JSON), `corrections` (known
mistakes of the document, as data), `normalize` with `references`, `schema_dialect`, `inheritance` and `cycles` (any
OpenAPI 3 document to a plain one), `schemas`, `calls` and `access` (plain JSON to the intermediate form of `ir`),
`names` and `method_names`, `directions` (what is sent and what received), `unions` (how to tell variants apart),
`render_*` (intermediate form to text), `write` (text to disk, all or nothing), `public_surface` and `changes` (what is
different for users).
"""

from __future__ import annotations

GENERATOR_VERSION = "2.0"
"""Goes up when the same document yields different output."""
