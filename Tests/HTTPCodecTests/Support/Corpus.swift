/// Accepted request heads of many shapes, for splitting and mutating.
let requestCorpus: [String] = [
  "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
  "\r\nGET /a?b HTTP/1.1\r\nHost: example.com:8080\r\nAccept: */*\r\n\r\n",
  "POST /a/../b%2f HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\nContent-Type: text/plain\r\n\r\n",
  "PUT http://b:81/x?y HTTP/1.1\r\nhost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n",
  "HEAD /h HTTP/1.0\r\nHost: [::1]:80\r\nConnection: keep-alive, x-hop\r\nX-Hop: 1\r\n\r\n",
  "OPTIONS * HTTP/1.1\r\nHost: a\r\nTE: trailers, gzip;q=0.5\r\nConnection: TE\r\n\r\n",
  "CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\nProxy-Connection: keep-alive\r\n\r\n",
  "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX:\r\n\r\n",
  "PATCH /p HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\nX_y: \t z \r\n\r\n",
  "BREW /\\x;y/..;z HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Forwarded-Port: 1\r\nCookie: a=\"b, c\"\r\n\r\n",
]

/// Accepted response heads.
let responseCorpus: [String] = [
  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
  "HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\nServer-Timing: cpu;dur=1.5\r\n\r\n",
  "HTTP/1.0 404 Not Found\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
  "HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
  "HTTP/1.1 204 \r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\n",
  "HTTP/1.1 500 a\tb\r\nConnection: close\r\nX: \"a, b\\\"\"\r\nSet-Cookie: a=b\r\n\r\n",
]

/// Complete chunked bodies, each with its content.
let chunkCorpus: [(text: String, content: String)] = [
  ("0\r\n\r\n", ""),
  ("5\r\nhello\r\n0\r\n\r\n", "hello"),
  ("1\r\na\r\n0000000000000002\r\nbc\r\n00\r\n\r\n", "abc"),
  ("A\r\n0123456789\r\na\r\n9876543210\r\n0\r\n\r\n", "01234567899876543210"),
  ("2;a;b=c;d=\"e;\\\"\"\r\n\r\n\r\n0\r\n\r\n", "\r\n"),
  ("3; a ; b = c;d=\"e \\\"f\"\t;g\r\nabc\r\n0;z\r\n\r\n", "abc"),
  ("1\r\n\r\r\n0\r\nX: a\r\nServer-Timing: cpu;dur=2\r\n\r\n", "\r"),
  ("0\r\nX:\r\n\r\n", ""),
]
