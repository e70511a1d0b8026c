"""From a site's tables to a draft of its site file: proposals with evidence and confidence, never a patient's value."""
