"""Algorithms of convolution; `conv2d.py` beside this folder chooses among them."""
