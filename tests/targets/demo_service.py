"""A small web service with a leak, for scripts/demo and the tests.

    demo_service.py PORT_FILE

Serves pages on loopback and writes its port to PORT_FILE. Pages are cached under their whole URL,
query string included, and nothing is ever evicted: that is the leak. The sessions, which expire,
and the statistics of the background worker, which are bounded, are healthy.
"""
import collections
import hashlib
import http.server
import os
import sys
import threading
import time
import urllib.parse


class CachedPage:
    """A rendered page with what is needed to serve it again."""

    __slots__ = ("url", "body", "etag", "content_type", "status", "created", "hits", "size",
                 "encoding", "language", "max_age", "last_hit")

    def __init__(self, url, body):
        self.url = url
        self.body = body
        self.etag = hashlib.sha1(body).hexdigest()
        self.content_type = "text/html"
        self.status = 200
        self.created = time.time()
        self.hits = 0
        self.size = len(body)
        self.encoding = None
        self.language = "en"
        self.max_age = 3600
        self.last_hit = self.created


class PageCache:
    def __init__(self):
        self.pages = {}
        self.lock = threading.Lock()

    def get(self, url):
        with self.lock:
            page = self.pages.get(url)
            if page is None:
                page = self.pages[url] = CachedPage(url, render(url))
            page.hits += 1
            page.last_hit = time.time()
            return page


class Sessions:
    """Forgets a session that has not been seen for a while."""

    LIFETIME = 1.0

    def __init__(self):
        self.last_seen = {}
        self.lock = threading.Lock()

    def touch(self, name):
        now = time.time()
        with self.lock:
            self.last_seen[name] = now
            for old in [n for n, seen in self.last_seen.items() if now - seen > self.LIFETIME]:
                del self.last_seen[old]


CACHE = PageCache()
SESSIONS = Sessions()
STATISTICS = collections.deque(maxlen=100)


def render(url):
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)
    items = "".join(f"<li>{key}: {', '.join(values)}</li>" for key, values in query.items())
    return f"<html><body><h1>Search</h1><ul>{items}</ul></body></html>".encode()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        SESSIONS.touch(self.headers.get("X-Session", "nobody"))
        page = CACHE.get(self.path)
        self.send_response(page.status)
        self.send_header("Content-Type", page.content_type)
        self.send_header("Content-Length", str(page.size))
        self.send_header("ETag", page.etag)
        self.end_headers()
        self.wfile.write(page.body)

    def log_message(self, *args):
        pass


def keep_statistics():
    while True:
        STATISTICS.append((time.time(), len(CACHE.pages), len(SESSIONS.last_seen)))
        time.sleep(0.1)


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=keep_statistics, daemon=True).start()
    with open(sys.argv[1] + ".new", "w") as file:
        file.write(str(server.server_address[1]))
    os.rename(sys.argv[1] + ".new", sys.argv[1])
    server.serve_forever()


main()
