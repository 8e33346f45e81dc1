from rrdyn.cli.app import program

raise SystemExit(program())
