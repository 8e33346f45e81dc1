"""Addition modulo p: three tokens, one answer. The example of a task that is no board (`docs/data.md`)."""
