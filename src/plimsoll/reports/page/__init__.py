"""The page around the sections: markup, escaping, numbers in words."""
