"""Members of shops: invitations by one-time link, roles, removal."""
