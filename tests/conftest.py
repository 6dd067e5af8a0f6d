"""Settings of the whole suite."""

from hypothesis import settings

# No deadline: on a busy machine one slow example is not a failure. The same examples each time.
settings.register_profile("project", deadline=None, derandomize=True)
settings.load_profile("project")
