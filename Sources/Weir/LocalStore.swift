internal import Store

/// Commands that work on a store without a server.
enum LocalStore {
  /// Opens the store at `path`, which must be there unless `create` is set, and closes it after
  /// `body`.
  static func use<Value>(
    _ path: String, create: Bool = false, _ body: (EmbeddedStore) async throws -> Value
  ) async throws -> Value {
    do {
      let store = try await EmbeddedStore.open(at: path, create: create)
      let value = try await body(store)
      try store.close()
      return value
    } catch let error as StoreError {
      throw CommandFailure.failed(error.description)
    }
  }
}
