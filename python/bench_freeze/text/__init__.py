"""Untrusted text on its way to any output: one function per output form, and no other way in.

Names come from data sets, models, studies and file names, so they may contain anything: terminal control codes,
workflow commands, markup. Results keep them unchanged; each output form escapes them.
"""
