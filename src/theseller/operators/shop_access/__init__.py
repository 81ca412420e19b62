"""Just-in-time access of operators to a tenant, and the reviews of it.

A session is read-only, limited to 60 minutes, justified by a ticket, visible to the owner, and
reviewed: by another operator, if there are two or more.
"""
