"""The report as one self-contained HTML file: it needs no network and no other file."""
