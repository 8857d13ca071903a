"""Commands: parse, call, print (O10)."""
