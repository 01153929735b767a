"""Porto Alegre: real roads and people, and the program that builds its scenario."""
