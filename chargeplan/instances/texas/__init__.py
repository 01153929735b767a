"""Texas: census block groups, existing stations, a scenario, and the program that builds the layers."""
