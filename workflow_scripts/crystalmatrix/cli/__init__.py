"""The command `crystalmatrix`: each module one command, thin over the rooms below.

In: the command line.  Out: text, files, an exit code. A module imports what is heavy only when its command runs, so
that help and lists appear at once.
"""
