"""Binance behind the common venue port: spot and USD-M futures, through a client of our own (X1).

A request to place an order is sent once, by nobody twice: Binance takes an order id again once its first order is
filled. What the venue may have taken is ``Unknown``, and asked.
"""
