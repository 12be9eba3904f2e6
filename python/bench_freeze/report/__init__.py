"""The report: results as text, tables, plots and a page."""
