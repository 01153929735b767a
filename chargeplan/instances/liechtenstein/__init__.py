"""Liechtenstein: a whole country from OpenStreetMap, and the program that builds its scenario."""
