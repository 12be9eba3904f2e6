"""The plots of a report as data: each is a table of series with its axes and a sentence about what it shows."""
