"""Results: their schema, the file they are kept in, and the table in which people read them."""
