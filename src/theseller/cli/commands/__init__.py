"""Each module here is one sub-command: `HELP`, `add_arguments(parser)`, `run(args) -> exit status`."""
