"""Shows the fork to people: a history, patches, explanations, and the pages made from the steps."""
