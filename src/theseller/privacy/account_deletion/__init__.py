"""The end of a person's account at their own wish, while their shops live on; and handing a shop over, so that they can go."""
