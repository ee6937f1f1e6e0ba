"""How fast, and compared to what. `python -m benchmarks [name …] [--quick] [--json out.json]`."""
