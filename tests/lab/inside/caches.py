"""The binary caches and Apple's captive-portal page: HTTPS on 443, HTTP on 80, for all names of the world.

/var/db/lab/caches/NAME on the Mac says how NAME answers, read at each request:
ok (or no file) | 401 | 503 | hang | close | portal (200 and HTML) | redirect (302 to such a page) | intercepted
| limited, bad-token (what api.github.com answers to too many requests, and to an expired token)
A file in /var/db/lab/narinfos/NAME/ is what NAME serves at that path. /run/lab/certificates/NAME.crt and .key are NAME's
certificate, if it is not one of those that the lab's own covers.
"""

import http.server
import os
import ssl
import threading
import time

INFO = b"StoreDir: /nix/store\nWantMassQuery: 1\nPriority: 40\n"
PORTAL = b"<!DOCTYPE html><html><head><title>Guest Wi-Fi</title></head><body>Please sign in.</body></html>\n"
LIMITED = (
    b'{"message":"API rate limit exceeded for 192.0.2.17. (But here\'s the good news: Authenticated requests get a higher rate'
    b' limit. Check out the documentation for more details.)",'
    b'"documentation_url":"https://docs.github.com/rest/overview/resources-in-the-rest-api#rate-limiting"}\n'
)
BAD_TOKEN = b'{"message":"Bad credentials","documentation_url":"https://docs.github.com/rest","status":"401"}\n'
APPLE = b"<HTML><HEAD><TITLE>Success</TITLE></HEAD><BODY>Success</BODY></HTML>\n"


def mode(name):
    try:
        with open(f"/host/var/db/lab/caches/{name}") as file:
            return file.read().strip()
    except OSError:
        return "ok"


def placed(name, path):
    try:
        with open(f"/host/var/db/lab/narinfos/{os.path.basename(name)}/{os.path.basename(path)}", "rb") as file:
            return file.read()
    except OSError:
        return None


def context(name):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(f"/keys/{name}.crt", f"/keys/{name}.key")
    return made


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body in one piece, as real servers send them: in two, TCP holds the second back for 40 ms.
    wbufsize = 1 << 16
    disable_nagle_algorithm = True

    def answer(self, code, body, kind, **headers):
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self):
        name = (self.headers.get("Host") or "").split(":")[0]
        how = mode(name)
        if how == "hang":
            time.sleep(3600)
        elif how == "close":
            self.close_connection = True
        elif how == "401":
            self.answer(401, b"Unauthorized\n", "text/plain", **{"WWW-Authenticate": 'Basic realm="cache"'})
        elif how == "limited":
            self.answer(403, LIMITED, "application/json")
        elif how == "bad-token":
            self.answer(401, BAD_TOKEN, "application/json")
        elif how == "503":
            self.answer(503, b"Service Unavailable\n", "text/plain")
        elif how == "redirect" and "sign-in" not in self.path:
            self.answer(302, b"", "text/html", Location=f"https://{name}/sign-in")
        elif how in ("portal", "redirect"):
            self.answer(200, PORTAL, "text/html")
        elif name == "captive.apple.com":
            self.answer(200, APPLE, "text/html")
        elif self.path == "/nix-cache-info":
            self.answer(200, INFO, "text/x-nix-cache-info")
        elif (body := placed(name, self.path)) is not None:
            self.answer(200, body, "text/x-nix-narinfo")
        else:
            self.answer(404, b"404", "text/plain")

    do_HEAD = do_GET

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    tls = None

    def finish_request(self, request, client_address):
        # The handshake is done in the connection's own thread, so that a slow one delays no other.
        if self.tls:
            request = self.tls.wrap_socket(request, server_side=True)
        try:
            super().finish_request(request, client_address)
        finally:
            if self.tls:
                try:
                    request.close()
                except OSError:
                    pass

    def handle_error(self, *_):
        pass


def main():
    own, intercepted = context("lab"), context("intercepted")

    def choose(connection, name, _):
        if mode(name or "") == "intercepted":
            connection.context = intercepted
        elif name and os.path.exists(f"/run/lab/certificates/{os.path.basename(name)}.crt"):
            made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            at = f"/run/lab/certificates/{os.path.basename(name)}"
            made.load_cert_chain(f"{at}.crt", f"{at}.key")
            connection.context = made

    own.sni_callback = choose
    secure = Server(("127.0.0.1", 443), Handler)
    secure.tls = own
    plain = Server(("127.0.0.1", 80), Handler)
    threading.Thread(target=plain.serve_forever, daemon=True).start()
    secure.serve_forever()


main()
