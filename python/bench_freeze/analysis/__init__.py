"""One arm's model looked into: the ladder of grafts, drift, features, recovery; the arithmetic is in numbers/."""
