"""How the deployment does: workers, queue, streams, backups, controls, disk."""
