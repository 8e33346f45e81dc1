"""One small file per command: parse, call, save, say what was written and what to run next."""
