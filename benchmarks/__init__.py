"""Races against other libraries, and the files that they are kept in."""
