"""The report: results as text, tables, plots and an HTML page."""
