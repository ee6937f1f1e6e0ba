"""One check a module, each with a constant `CHECK`."""
