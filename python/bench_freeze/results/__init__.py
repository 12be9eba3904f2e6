"""The kept documents: the schemas of results.json and of the files beside it, and the identity of a row."""
