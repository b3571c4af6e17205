import CLinux
import Glibc

/// A thread of the operating system that runs one closure and can be waited for.
///
/// The data plane and its background work use these instead of tasks: a thread that waits in a system call
/// blocks nobody else.
@safe
public final class OSThread: @unchecked Sendable {
  // @unchecked: the handle is written in `init` and only read after that.
  private let handle: pthread_t

  /// Starts a thread; its name (at most 15 bytes) is what `top -H` shows. Fails with `EAGAIN` when the
  /// system has no more threads.
  public init(name: String, _ body: @escaping @Sendable () -> Void) throws(SystemError) {
    let start = unsafe Unmanaged.passRetained(Start(name: name, body: body))
    var handle = pthread_t()
    // Safe: the new thread takes over the one reference to `start`.
    let code = unsafe pthread_create(&handle, nil, runThread, start.toOpaque())
    if code != 0 {
      unsafe start.release()
      throw SystemError(.thread, code)
    }
    self.handle = handle
  }

  /// Waits until the closure has returned. Call it once.
  public func join() {
    _ = pthread_join(handle, nil)
  }
}

/// What a new thread finds.
private final class Start {
  let name: String
  let body: @Sendable () -> Void

  init(name: String, body: @escaping @Sendable () -> Void) {
    self.name = name
    self.body = body
  }
}

/// A free function: a closure literal could be inferred to belong to the main actor.
private func runThread(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  // Safe: the argument is the retained `Start` that the creator passed.
  let start = unsafe Unmanaged<Start>.fromOpaque(argument!).takeRetainedValue()
  // Safe: the string lives for the call.
  unsafe weir_name_thread(String(start.name.prefix(15)))
  start.body()
  return nil
}
