"""How the deployment does: workers, queue, streams, backups, disk."""
