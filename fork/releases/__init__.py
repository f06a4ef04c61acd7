"""Other releases of upstream: moving the pin, the series over many of them, and edits that are carried along."""
