"""What is held of a shop: every kind of data in words, how much, since when, why, until when; and all of its facts as files."""
