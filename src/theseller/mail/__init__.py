"""Mail to known recipients only.

Those are members, operators, people who were invited or sign up, and authorities.
"""
