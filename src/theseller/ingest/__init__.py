"""From what a seller authorised to facts: streams, the planner, minimisation, persistence, imported report files."""
