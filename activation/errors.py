"""What a person asked for and cannot have; the message says what, where and how to mend it."""


class Refused(Exception):
    """A command that was not carried out; nothing was changed."""


class NotFound(Refused):
    """A name that nothing carries; the message lists what there is."""
