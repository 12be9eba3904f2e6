"""What a study keeps: the schemas of results.json and of the files beside it, and what a row is."""
