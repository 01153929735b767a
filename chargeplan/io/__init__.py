"""Files to tables and back: vector layers, GeoJSON, plan folders. No decisions are made here."""
