"""The comments of one pull request, or the notes of one merge request, behind HTTP on this machine."""

import contextlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

TOKEN = 'a token "with" $(touch pwned) marks'
PAGE = 100


class Comments:
    """`texts` by number, with the name or number of each author; `requests` are the methods and paths that came."""

    def __init__(self, author, *others, is_refusing=False):
        self.author, self.is_refusing = author, is_refusing
        self.entries = [{"id": 100 + n, "by": by, "body": body} for n, (by, body) in enumerate(others)]
        self.requests = []

    def own(self):
        return [entry["body"] for entry in self.entries if entry["by"] == self.author]


class Server(ThreadingHTTPServer):
    comments: Comments


class GitHub(BaseHTTPRequestHandler):
    """As docs.github.com/rest/issues/comments says."""

    server: Server

    LIST, ONE = r"/repos/o/r/issues/7/comments", r"/repos/o/r/issues/comments/(\d+)"
    UPDATE = "PATCH"

    def is_allowed(self):
        return self.headers["Authorization"] == f"Bearer {TOKEN}" and "github" in self.headers["Accept"]

    def shown(self, entry):
        return {"id": entry["id"], "body": entry["body"], "user": {"login": entry["by"]}}

    def answer(self, status, value, **headers):
        content = json.dumps(value).encode()
        self.send_response(status)
        for name, text in headers.items():
            self.send_header(name.replace("_", "-"), text)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def handle_request(self):
        comments, url = self.server.comments, urlsplit(self.path)
        length = int(self.headers["Content-Length"] or 0)
        sent = json.loads(self.rfile.read(length)) if length else None
        comments.requests.append((self.command, url.path))
        if not self.is_allowed() or comments.is_refusing:
            return self.answer(403, {"message": "Resource not accessible by integration"})
        if (other := self.other(url.path)) is not None:
            return self.answer(200, other)
        one = re.fullmatch(self.ONE, url.path)
        if self.command == "GET" and re.fullmatch(self.LIST, url.path):
            number = int(parse_qs(url.query)["page"][0])
            entries = comments.entries[(number - 1) * PAGE : number * PAGE]
            following = str(number + 1) if len(comments.entries) > number * PAGE else ""
            return self.answer(200, list(map(self.shown, entries)), X_Next_Page=following)
        if self.command == "POST" and re.fullmatch(self.LIST, url.path):
            entry = {"id": 1 + max((e["id"] for e in comments.entries), default=0), "by": comments.author, **sent}
            comments.entries.append(entry)
            return self.answer(201, self.shown(entry))
        if self.command == self.UPDATE and one:
            (entry,) = (e for e in comments.entries if e["id"] == int(one[1]))
            entry.update(sent)
            return self.answer(200, self.shown(entry))
        return self.answer(404, {"message": "Not Found"})

    do_GET = do_POST = do_PATCH = do_PUT = handle_request

    def other(self, path):
        return None

    def log_message(self, *arguments):
        pass


class GitLab(GitHub):
    """As docs.gitlab.com/api/notes says."""

    LIST, ONE = r"/projects/5/merge_requests/7/notes", r"/projects/5/merge_requests/7/notes/(\d+)"
    UPDATE = "PUT"

    def is_allowed(self):
        return self.headers["PRIVATE-TOKEN"] == TOKEN

    def shown(self, entry):
        return {"id": entry["id"], "body": entry["body"], "author": {"id": entry["by"]}}

    def other(self, path):
        return {"id": self.server.comments.author} if path == "/user" else None


@contextlib.contextmanager
def serving(kind, comments):
    """The address of a server that keeps these comments."""
    server = Server(("127.0.0.1", 0), kind)
    server.comments = comments
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
