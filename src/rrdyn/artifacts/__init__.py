"""Files between the stages: what each holds, how it is written, where it came from."""
