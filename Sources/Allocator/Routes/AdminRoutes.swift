internal import Accounting
internal import Hummingbird
internal import Logging
internal import Store

/// Health and metrics on a port of their own, without tokens and without anything of a tenant.
struct AdminRoutes: Sendable {
  /// What it works on.
  let world: AllocatorWorld

  /// The router of the web framework.
  func router() -> Router<BasicRequestContext> {
    let router = Router(context: BasicRequestContext.self)
    router.add(middleware: FailureMiddleware(world: world))
    router.get("/healthz") { _, _ in Self.text("ok\n", status: .ok) }
    router.get("/readyz") { _, _ in await self.ready() }
    router.get("/metrics") { _, _ in
      Self.text(try await MetricsText(world: self.world).text(), status: .ok)
    }
    return router
  }

  private func ready() async -> Response {
    do {
      _ = try await world.store.ledger.head()
      return Self.text("ready\n", status: .ok)
    } catch {
      world.logger.error("not ready", metadata: ["reason": "\(error)"])
      return Self.text("the store cannot be read\n", status: .serviceUnavailable)
    }
  }

  private static func text(_ text: String, status: HTTPResponse.Status) -> Response {
    APIReply.document(Array(text.utf8), contentType: "text/plain; charset=utf-8", status: status)
      .response
  }
}
