"""Crystals as users have them: files of several formats, or objects of several packages.

In: paths or objects.  Out: Crystal, or Failure with the reason, one by one.
"""
