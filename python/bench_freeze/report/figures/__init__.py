"""The plots of a report as data: each is a table of series with what its axes mean, and a sentence on what it shows."""
