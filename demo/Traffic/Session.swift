/// How a session says whose it is.
enum Identity: Sendable, Equatable {
  /// The tenant header with this value, which is a valid id.
  case header(String)
  /// The first label of the host name.
  case hostLabel(String)
  /// Nothing says it.
  case none
  /// The tenant header with a value that is no valid id.
  case invalid(String)

  /// The name under which a correct meter must count the session.
  var ledgerName: String {
    switch self {
    case .header(let id), .hostLabel(let id): id
    case .none: "~unattributed"
    case .invalid: "~invalid"
    }
  }

  /// The kind in one word, for the ledger.
  var kind: String {
    switch self {
    case .header: "header"
    case .hostLabel: "host"
    case .none: "none"
    case .invalid: "invalid"
    }
  }
}

/// One thing that a session does on its connection.
enum Step: Sendable, Equatable {
  /// GET or HEAD of the small JSON, `count` of them sent before the first answer is read.
  case items(method: String, pipelined: Int)
  /// A download of so many bytes.
  case download(bytes: Int)
  /// An upload with Content-Length, after asking with `Expect: 100-continue` or not.
  case upload(bytes: Int, expects: Bool)
  /// An upload in chunks of at most so many bytes.
  case chunkedUpload(bytes: Int, chunkMax: Int)
  /// A request that burns so much CPU.
  case work(milliseconds: Int)
  /// A slow chunked response, with a trailer asked for or not.
  case stream(chunks: Int, bytes: Int, pauseMilliseconds: Int, trailers: Bool)
  /// An upgraded connection: `rounds` messages there and back.
  case tunnel(rounds: Int, bytes: Int, pauseMilliseconds: Int)

  /// How many requests the step makes.
  var requests: Int {
    if case .items(_, let pipelined) = self { return pipelined }
    return 1
  }
}

/// What one tenant does on one connection, in order.
struct Session: Sendable, Equatable {
  /// Whose it is.
  let identity: Identity
  /// The tenant's shape in one word, for the ledger.
  let shape: String
  /// What it does.
  let steps: [Step]
}
