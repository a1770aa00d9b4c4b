"""An object that is held a thousand times at the end of a linked list.

    long_chain.py NODES
"""
import sys


class Node:
    __slots__ = "next", "rest"


class Leaf:
    pass


HEAD = Node()
HEAD.next = None
HEAD.rest = [[leaf] for leaf in [Leaf()] for _ in range(1000)]
for _ in range(int(sys.argv[1])):
    node = Node()
    node.next, node.rest = HEAD, None
    HEAD = node
del node
print("ready", flush=True)
sys.stdin.readline()
