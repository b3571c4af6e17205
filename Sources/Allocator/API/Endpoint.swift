internal import Hummingbird
public import Store

/// One row of the API: method and path, who may call it, and what it does.
public struct Endpoint: Sendable {
  /// The method.
  let method: HTTPRequest.Method
  /// The path, with parts in braces.
  public let path: String
  /// Roles that may call it.
  public let roles: Set<Role>
  /// What it does.
  let handle: @Sendable (APICall) async throws -> APIReply

  /// The method's name.
  public var methodName: String { method.rawValue }

  /// Who may read: everybody but a proxy.
  static let readers: Set<Role> = [.reader, .operator]
  /// Who may read what is one tenant's; handlers look at which tenant it is.
  static let tenants: Set<Role> = [.reader, .operator, .tenant]
  /// Who may change.
  static let operators: Set<Role> = [.operator]
  /// Who may deliver batches. An operator may not: usage comes from proxies only.
  static let proxies: Set<Role> = [.ingest]

  /// An endpoint for readers.
  static func get(
    _ path: String, roles: Set<Role> = readers,
    _ handle: @escaping @Sendable (APICall) async throws -> APIReply
  ) -> Endpoint {
    Endpoint(method: .get, path: path, roles: roles, handle: handle)
  }

  /// An endpoint that changes something.
  static func post(
    _ path: String, roles: Set<Role> = operators,
    _ handle: @escaping @Sendable (APICall) async throws -> APIReply
  ) -> Endpoint {
    Endpoint(method: .post, path: path, roles: roles, handle: handle)
  }
}
