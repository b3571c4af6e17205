/// What a session calls in place of its delegate, so that no call counts a reference.
protocol HTTP2Events {
  func frameBegins(_ kind: HTTP2FrameKind, stream: Int32, length: Int)
  func frameEnded(_ kind: HTTP2FrameKind, stream: Int32, length: Int)
  func headBegins(_ stream: Int32)
  func field(_ name: RawSpan, _ value: RawSpan, stream: Int32, isFirst: Bool) -> Bool
  func headEnded(_ stream: Int32, isFirst: Bool, endsStream: Bool)
  func content(_ bytes: RawSpan, stream: Int32)
  func peerEnded(_ stream: Int32)
  func closed(_ stream: Int32, code: UInt32)
  func fill(_ room: UnsafeMutableRawBufferPointer, stream: Int32) -> HTTP2Content
}

/// A delegate that is neither kept alive nor counted: it owns the session, and is told only while a call that it makes is under
/// way.
@safe
struct UncountedDelegate<Delegate: HTTP2SessionDelegate>: HTTP2Events {
  // Safe, wherever it is used: the delegate is in the middle of a call that it makes.
  private let delegate: Unmanaged<Delegate>

  init(_ delegate: Delegate) { unsafe self.delegate = .passUnretained(delegate) }

  func frameBegins(_ kind: HTTP2FrameKind, stream: Int32, length: Int) {
    unsafe delegate._withUnsafeGuaranteedRef {
      $0.frameBegins(kind, stream: stream, length: length)
    }
  }

  func frameEnded(_ kind: HTTP2FrameKind, stream: Int32, length: Int) {
    unsafe delegate._withUnsafeGuaranteedRef {
      $0.frameEnded(kind, stream: stream, length: length)
    }
  }

  func headBegins(_ stream: Int32) {
    unsafe delegate._withUnsafeGuaranteedRef { $0.headBegins(stream) }
  }

  func field(_ name: RawSpan, _ value: RawSpan, stream: Int32, isFirst: Bool) -> Bool {
    unsafe delegate._withUnsafeGuaranteedRef {
      $0.field(name, value, stream: stream, isFirst: isFirst)
    }
  }

  func headEnded(_ stream: Int32, isFirst: Bool, endsStream: Bool) {
    unsafe delegate._withUnsafeGuaranteedRef {
      $0.headEnded(stream, isFirst: isFirst, endsStream: endsStream)
    }
  }

  func content(_ bytes: RawSpan, stream: Int32) {
    unsafe delegate._withUnsafeGuaranteedRef { $0.content(bytes, stream: stream) }
  }

  func peerEnded(_ stream: Int32) {
    unsafe delegate._withUnsafeGuaranteedRef { $0.peerEnded(stream) }
  }

  func closed(_ stream: Int32, code: UInt32) {
    unsafe delegate._withUnsafeGuaranteedRef { $0.closed(stream, code: code) }
  }

  func fill(_ room: UnsafeMutableRawBufferPointer, stream: Int32) -> HTTP2Content {
    unsafe delegate._withUnsafeGuaranteedRef { unsafe $0.fill(room, stream: stream) }
  }
}
