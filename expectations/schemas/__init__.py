"""One module per table: its Arrow schema, where each column carries unit, description and source."""
