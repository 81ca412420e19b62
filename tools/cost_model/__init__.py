"""Processors, memory, disk, backups and cost of a deployment, from stated inputs."""
