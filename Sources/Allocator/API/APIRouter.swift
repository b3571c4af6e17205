internal import Accounting
internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import Store

/// The way of a request: find the endpoint, authenticate, check the role, handle, answer or fail in
/// one shape, count.
struct APIRouter: Sendable {
  /// What the handlers work on.
  let world: AllocatorWorld

  /// Every endpoint of the API.
  static func endpoints(_ world: AllocatorWorld) -> [Endpoint] {
    BatchRoutes(world: world).endpoints + CostRoutes(world: world).endpoints
      + SKURoutes(world: world).endpoints + SeriesRoutes(world: world).endpoints
      + PolicyRoutes(world: world).endpoints + TenantRoutes(world: world).endpoints
      + RateRoutes(world: world).endpoints + HistoryRoutes(world: world).endpoints
      + WhyRoutes(world: world).endpoints + PeriodRoutes(world: world).endpoints
      + CorrectionRoutes(world: world).endpoints + OrderRoutes(world: world).endpoints
      + DisputeRoutes(world: world).endpoints + StatementRoutes(world: world).endpoints
      + ExportRoutes(world: world).endpoints
      + UsageRoutes(world: world).endpoints + LedgerRoutes(world: world).endpoints
      + StatusRoutes(world: world).endpoints + TokenRoutes(world: world).endpoints
  }

  /// The router of the web framework with all endpoints.
  func router() -> Router<BasicRequestContext> {
    let router = Router(context: BasicRequestContext.self)
    router.add(middleware: FailureMiddleware(world: world))
    for endpoint in Self.endpoints(world) {
      router.on(RouterPath(endpoint.path), method: endpoint.method) { request, context in
        try await self.answer(request, context, endpoint)
      }
    }
    return router
  }

  private func answer(
    _ request: Request, _ context: BasicRequestContext, _ endpoint: Endpoint
  ) async throws -> Response {
    let caller = try await authenticate(request)
    guard endpoint.roles.contains(caller.role) else {
      let needed = endpoint.roles.sorted { $0.rawValue < $1.rawValue }
      throw APIError.forbidden(role: caller.role, needed: needed)
    }
    let call = APICall(
      request: request, parameters: context.parameters, caller: caller, now: world.clock())
    let reply = try await endpoint.handle(call)
    world.counters.noteAnswer(status: reply.status.code)
    return reply.response
  }

  private func authenticate(_ request: Request) async throws -> Token {
    let prefix = "Bearer "
    guard let field = request.headers[.authorization], field.hasPrefix(prefix),
      field.utf8.count <= 512,
      let token = try await world.store.tokens.authenticate(
        secret: String(field.dropFirst(prefix.utf8.count)))
    else { throw APIError.unauthorized }
    return token
  }
}

/// Turns whatever was thrown into the one error shape.
struct FailureMiddleware: RouterMiddleware {
  /// Where failures are counted and logged.
  let world: AllocatorWorld

  /// Passes the request on and answers for what it throws.
  func handle(
    _ request: Request, context: BasicRequestContext,
    next: (Request, BasicRequestContext) async throws -> Response
  ) async throws -> Response {
    do {
      return try await next(request, context)
    } catch {
      let failure = APIError(wrapping: error)
      let answer = failure.answer
      world.counters.noteAnswer(status: answer.status.code)
      if answer.status.code >= 500 {
        world.logger.error(
          "request failed",
          metadata: [
            "path": "\(request.uri.path)", "code": "\(answer.code)", "reason": "\(failure)",
          ])
      }
      return APIReply.failure(failure).response
    }
  }
}
