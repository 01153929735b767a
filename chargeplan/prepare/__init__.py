"""Layers in, arrays out: datums, selections, demand, candidate sites, corridors and road graphs."""
