import Glibc

/// One call of `posix_spawn`, with its C strings.
struct SpawnRequest {
  /// Absolute path.
  let executable: String
  /// With the program's own name first.
  let arguments: [String]
  /// `NAME=value`.
  let environment: [String]
  /// Files made for the two outputs.
  let outputPath: String
  let errorPath: String

  /// Starts the process with no input, the two files, and no signal blocked.
  func spawn() throws(TestSupportError) -> pid_t {
    var actions = unsafe posix_spawn_file_actions_t()
    var attributes = posix_spawnattr_t()
    var signals = sigset_t()
    var pid: pid_t = 0
    let flags = O_WRONLY | O_CREAT | O_TRUNC
    // Safe: every struct is initialised before its use and destroyed after it; strings live for the call.
    unsafe posix_spawn_file_actions_init(&actions)
    unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    unsafe posix_spawn_file_actions_addopen(&actions, 1, outputPath, flags, 0o644)
    unsafe posix_spawn_file_actions_addopen(&actions, 2, errorPath, flags, 0o644)
    unsafe posix_spawnattr_init(&attributes)
    unsafe sigemptyset(&signals)
    unsafe posix_spawnattr_setsigmask(&attributes, &signals)
    unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    let status = unsafe withCStrings(arguments) { argv in
      unsafe withCStrings(environment) { envp in
        unsafe posix_spawn(&pid, executable, &actions, &attributes, argv, envp)
      }
    }
    unsafe posix_spawn_file_actions_destroy(&actions)
    unsafe posix_spawnattr_destroy(&attributes)
    guard status == 0 else {
      // Safe: strerror of any code returns a valid C string, copied at once.
      throw .process("cannot start \(executable): \(unsafe String(cString: strerror(status)))")
    }
    return pid
  }

  /// Lends a nil-terminated array of C strings.
  private func withCStrings<Result>(
    _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
  ) -> Result {
    // Safe: each copy is freed after the body, which is the last to use it.
    let copies = unsafe strings.map { unsafe strdup($0) }
    defer {
      for index in unsafe copies.indices { unsafe free(copies[index]) }
    }
    return unsafe body(copies + [nil])
  }
}
