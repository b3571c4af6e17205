#!/usr/bin/env python3
"""An HTTP/1.1 server for the tests: `page_app.py` prints its port. `/` is a page whose script loads `/data/1` to `/data/30` at one time,
posts 100,000 bytes to `/count`, and writes what came of it into the page.
"""

import http.server
import sys

PAGE = b"""<!doctype html><link rel="icon" href="data:,"><p id="result">pending</p><script>
(async () => {
  const sizes = await Promise.all([...Array(30).keys()].map(async n => (await (await fetch(`/data/${n + 1}`)).arrayBuffer()).byteLength));
  const posted = await (await fetch("/count", { method: "POST", body: new Uint8Array(100000) })).text();
  const protocol = performance.getEntriesByType("navigation")[0].nextHopProtocol;
  document.getElementById("result").textContent =
    `protocol=${protocol} total=${sizes.reduce((a, b) => a + b, 0)} posted=${posted}`;
})();
</script>"""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, content, kind="text/plain"):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self):
        if self.path == "/":
            self.answer(PAGE, "text/html")
        else:
            self.answer(b"x" * (1000 * int(self.path.rpartition("/")[2])))

    def do_POST(self):
        self.answer(b"%d" % len(self.rfile.read(int(self.headers["Content-Length"]))))

    def log_message(self, *arguments):
        pass


class Server(http.server.ThreadingHTTPServer):
    # The default of 5 drops connections that come together.
    request_queue_size = 512


if __name__ == "__main__":
    server = Server(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    sys.exit(server.serve_forever())
