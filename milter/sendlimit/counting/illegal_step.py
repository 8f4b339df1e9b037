"""The error of every state machine: of the mail, the waiter, the batch, the lease, the outage."""


class IllegalStepError(RuntimeError):
    """A step that the table of a state machine does not have: an error in this program."""
