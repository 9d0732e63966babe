"""The ground floor: settings, the embedded cluster, connections, tables and migrations of the Engage DB."""
