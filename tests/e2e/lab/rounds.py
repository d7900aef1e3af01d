"""Rounds of pairs, in which each home has another partner than in the round before."""

from lab.pairs import Pair, Pairs

RESOLVERS = ("unbound", "bind")
IPV4, IPV6 = (4,), (6,)
KINDS = ("none", "cone-eif", "cone", "cone-adf", "firewall", "symmetric", "accepting", "double")
KINDS6 = ("none", "cone-eif", "cone-adf", "firewall")  # IPv6 is filtered as they say, and never translated
LANS = ("cone", "hairpin")  # of a box that two share

# Nine pairs, each of these with each of those; beside them one of IPv6, and two that share a box without hairpinning.
FEW = (("symmetric", "cone", "accepting"), ("symmetric", "double", "firewall"))


class Rounds:
    """Homes of all kinds, on two sides.

    \param kinds, kinds6 those of either side, for IPv4 and IPv6. \param lans kinds of boxes that two homes share."""

    def __init__(self, world, kinds, kinds6, lans):
        homes = [(kind, families) for families, sides in ((IPV4, kinds), (IPV6, kinds6)) for side in sides for kind in side]
        self.pairs = Pairs(world, [*homes, *([kind] for kind in lans)], RESOLVERS)
        names = iter(self.pairs.names)
        self.blocks = [[[next(names) for _ in side] for side in sides] for sides in (kinds, kinds6)]
        self.lans = list(zip(names, names))
        self.rounds = 0

    def next_round(self):
        """The pairs of another round; after as many rounds as a side has homes, each has met each."""
        found = [Pair(self.pairs, *ends) for ends in self.lans]
        for lefts, rights in self.blocks:
            turn = self.rounds % len(rights)
            found += [Pair(self.pairs, *ends) for ends in zip(lefts, rights[turn:] + rights[:turn])]
        self.rounds += 1
        for name in self.pairs.names:
            self.pairs.use_resolver(name, RESOLVERS[self.rounds % 2])
        return found


def few(kind_of_rounds, world):
    """Nine pairs of NATs and two others, for kind_of_rounds, a class of Rounds."""
    return kind_of_rounds(world, FEW, (KINDS6[-1:], KINDS6[-1:]), LANS[:1])


def whole(kind_of_rounds, world):
    return kind_of_rounds(world, (KINDS, KINDS), (KINDS6, KINDS6), LANS)
