"""The shared vocabulary: types, policy, reasons, errors and ports. Pure values, no I/O, no clock; the lowest layer."""
