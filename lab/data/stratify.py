"""Divides groups of images among parts so that each class has its share in each.

Iterative stratification: Sechidis, Tsoumakas and Vlahavas, "On the Stratification of Multi-Label Data", ECML PKDD 2011,
Algorithm 1. The rarest class is divided first, each example to the part that wants most of that class. Deliberate
differences: what is divided is a group of images, which counts as many times as it has images; larger groups go first,
while there is room to even them out; being background is a label too; and ties are broken by a generator of the
seed's, in an order that does not depend on the platform.
"""

from __future__ import annotations

import random
from collections import Counter
from typing import Dict, Hashable, List, Sequence


def divide(
    groups: Sequence[Dict[Hashable, int]],
    sizes: Sequence[int],
    shares: Sequence[float],
    seed: int,
    by_class: bool = True,
) -> List[int]:
    """Return the part of each group.

    Args:
        groups: For each, label -> images with it.
        sizes: Images in each.
        shares: Fraction of the images that each part is to have; they sum to 1.
        seed: Breaks ties.
        by_class: Look at labels; otherwise at sizes alone.
    """
    chance = random.Random(seed)
    order = list(range(len(groups)))
    chance.shuffle(order)
    order.sort(key=lambda n: -sizes[n])  # stable: equal sizes stay shuffled
    total: Counter[Hashable] = Counter()
    for group in groups if by_class else ():
        total.update(group)
    wanted = [share * sum(sizes) for share in shares]
    wanted_of = {label: [share * count for share in shares] for label, count in total.items()}
    members: Dict[Hashable, List[int]] = {label: [] for label in total}
    for n in order:
        for label in groups[n] if by_class else ():
            members[label].append(n)
    part: List[int] = [-1] * len(groups)

    def assign(n: int, label: Hashable) -> None:
        want = wanted_of.get(label, wanted)
        best = max(range(len(shares)), key=lambda p: (round(want[p], 9), round(wanted[p], 9), chance.random()))
        part[n] = best
        wanted[best] -= sizes[n]
        for other in groups[n] if by_class else ():
            wanted_of[other][best] -= groups[n][other]
            total[other] -= groups[n][other]

    while any(total.values()):
        label = min((one for one in total if total[one] > 0), key=lambda one: (total[one], str(one)))
        for n in members[label]:
            if part[n] < 0:
                assign(n, label)
    for n in order:
        if part[n] < 0:
            assign(n, None)
    return part
