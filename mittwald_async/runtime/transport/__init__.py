"""The way of a call: what goes out, when, how often, and what the response means. `pipeline` is its whole length."""
