"""OpenStreetMap extracts (`.osm.pbf`) to layers: roads, corridors, candidate sites, stations, demand."""
