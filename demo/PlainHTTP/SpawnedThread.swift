import Glibc

/// An operating system thread that runs one closure; whoever started it joins it once.
public struct SpawnedThread: Sendable {
  private let handle: pthread_t

  /// Starts a thread with a small stack.
  public init(
    stackBytes: Int = 512 * 1024, _ body: @escaping @Sendable () -> Void
  ) throws(SocketError) {
    var attributes = pthread_attr_t()
    var thread = pthread_t()
    let box = unsafe Unmanaged.passRetained(ThreadBody(body))
    // Safe: the attributes live until they are destroyed, and the box is released by the thread, or here if none starts.
    unsafe pthread_attr_init(&attributes)
    unsafe pthread_attr_setstacksize(&attributes, stackBytes)
    let status = unsafe pthread_create(&thread, &attributes, runThreadBody, box.toOpaque())
    unsafe pthread_attr_destroy(&attributes)
    guard status == 0 else {
      unsafe box.release()
      throw .failed(call: "pthread_create", code: status)
    }
    handle = thread
  }

  /// Waits until the closure has returned.
  public func join() {
    pthread_join(handle, nil)
  }
}

/// Carries a closure through the C thread entry.
private final class ThreadBody: Sendable {
  let run: @Sendable () -> Void
  init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

private func runThreadBody(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  guard let argument = unsafe argument else { return nil }
  // Safe: the pointer is the retained box that `SpawnedThread.init` passed, taken exactly once.
  let body = unsafe Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue()
  body.run()
  return nil
}
