"""Files of a site as a header and rows of text: one module per format, none of which knows what a column means."""
