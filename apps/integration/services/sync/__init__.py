"""Keeping a site and its WordPress alike: what came from there, what both changed, what is gone.

`texts` reads a post, `compare` holds it against its article, `arrivals` brings in what was not ours, `changes` applies
what came, `passes` goes over a whole site, `conflicts` is what people decide, `agreement` is what publishing asks.
"""
