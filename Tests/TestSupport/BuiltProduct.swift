import Glibc

/// Where the programs lie that were built together with the tests.
public enum BuiltProduct {
  /// The absolute path of a program of this package.
  ///
  /// Programs stand beside the test runner in the build directory; `WEIR_PRODUCTS` names another directory.
  public static func path(_ name: String) throws(TestSupportError) -> String {
    let path = "\(directory)/\(name)"
    // Safe: the path is a C string for the length of the call.
    guard unsafe access(path, X_OK) == 0 else {
      throw .process("\(path) is not built; run: swift build --product \(name)")
    }
    return path
  }

  private static var directory: String {
    // Safe: getenv returns nil or a C string that is copied at once.
    if let named = unsafe getenv("WEIR_PRODUCTS") { return unsafe String(cString: named) }
    var buffer = [CChar](repeating: 0, count: 4096)
    // Safe: readlink writes at most the buffer's count, and returns how much.
    let count = unsafe readlink("/proc/self/exe", &buffer, buffer.count)
    let bytes = buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }
    let runner = String(decoding: bytes, as: UTF8.self)
    return runner.split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" }
  }
}
