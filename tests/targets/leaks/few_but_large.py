"""Each request leaves something large behind, and something small."""
from steps import serve

IMAGES = []
NAMES = []


def handle(number):
    IMAGES.append(bytearray(128000))
    NAMES.append("image number %d" % number)


serve(handle)
