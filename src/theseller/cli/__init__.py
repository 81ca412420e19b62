"""The `theseller` command. One file in `commands/` for each sub-command."""
