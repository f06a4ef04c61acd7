"""Developers' tools: proofs about the fork, and the generators of some pages. Nothing imports them."""
