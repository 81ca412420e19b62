"""Overview page of the operator area: secrets with their age, and operators."""
