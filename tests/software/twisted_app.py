"""A Twisted web server: PORT."""
import sys

from twisted.internet import reactor
from twisted.web import resource, server

import leak


class Hello(resource.Resource):
    isLeaf = True

    def render_GET(self, request):
        return leak.visit(int(request.args[b"n"][0])).encode()


reactor.listenTCP(int(sys.argv[1]), server.Site(Hello()), interface="127.0.0.1")
reactor.run()
