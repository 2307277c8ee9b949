"""The command line: each module is one group; `root` lists them and `context` serves them."""
