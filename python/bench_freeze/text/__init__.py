"""Text that users' files and names hold, on its way out: one function for every form, and no other way into it.

Names come from data sets, models, studies and file names, so they may hold anything: what a terminal obeys, what a
workflow log runs, what a renderer takes for markup. Results keep them as they are; each form escapes what enters it.
"""
