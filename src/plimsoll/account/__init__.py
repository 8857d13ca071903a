"""The signed, governed account: caps, keys, record, size and promise."""
