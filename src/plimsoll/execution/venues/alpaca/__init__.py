"""Alpaca behind the common venue port, through a client of our own (X1).

A request to place an order is sent once, and by no layer twice. What the venue may have taken is ``Unknown``, and
asked.
"""
