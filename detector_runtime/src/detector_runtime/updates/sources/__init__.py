"""Where published models are: an address of the web, or a folder such as a network share.

A source answers with bytes and is believed nothing. How much it may send, and for how long, is
decided here; whether to use it, by who asked.

Read `base`, `folder`, `web`. `address` chooses one of them.
"""
