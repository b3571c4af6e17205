import Allocator
import Foundation
import Synchronization

/// Draws PDFs on a thread of its own, with a font map of its own.
final class DrawingThread: Sendable {
  private let documents: [[UInt8]]
  private let failure = Mutex<String?>(nil)
  private let done = DispatchSemaphore(value: 0)

  init(_ documents: [[UInt8]]) {
    self.documents = documents
  }

  func start() {
    Thread.detachNewThread { [self] in
      do {
        for document in documents { _ = try StatementPDF.bytes(canonicalJSON: document) }
      } catch {
        failure.withLock { $0 = "\(error)" }
      }
      done.signal()
    }
  }

  /// Waits for the end; throws what went wrong.
  func wait() throws {
    done.wait()
    if let words = failure.withLock({ $0 }) {
      throw CocoaError(.coderInvalidValue, userInfo: ["": words])
    }
  }
}
