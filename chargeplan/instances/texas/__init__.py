"""Texas: census block groups and existing stations, their scenario file, and the program that builds the layers."""
