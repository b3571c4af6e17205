import HTTPCodec
import Platform
import Testing
import Usage

@testable import Proxy

@Suite struct RouterTests {
  static func router() -> Router {
    var configuration = ProxyConfiguration()
    configuration.upstreams = [
      UpstreamConfiguration(name: "one", addresses: [SocketAddress("127.0.0.1:1")!]),
      UpstreamConfiguration(name: "two", addresses: [SocketAddress("127.0.0.1:2")!]),
    ]
    configuration.routes = [
      route("root", nil, "/"), route("api", nil, "/api"), route("v2", nil, "/api/v2/"),
      route("host", "App.example.com", "/"), route("host-api", "app.example.com", "/api"),
      route("wild", "*.example.com", "/w"), route("two", "two.test", "/", upstream: "two"),
    ]
    return Router(ProxyTables(configuration))
  }

  static func route(_ name: String, _ host: String?, _ path: String, upstream: String = "one")
    -> RouteConfiguration
  {
    var route = RouteConfiguration(name: RouteName(name)!, upstream: upstream)
    route.host = host
    route.path = path
    return route
  }

  @Test(arguments: [
    ("h", "/", 0), ("h", "/x", 0), ("h", "/api", 1), ("h", "/api/", 1), ("h", "/api/x", 1),
    ("h", "/api?q=1", 1), ("h", "/apix", 0), ("h", "/ap", 0), ("h", "/API", 0),
    ("h", "/api/v2", 1), ("h", "/api/v2/", 2), ("h", "/api/v2/x", 2), ("h", "/api%2fv2/", 0),
    ("app.example.com", "/", 3), ("APP.EXAMPLE.COM", "/api", 4), ("app.example.com", "/w", 3),
    ("b.example.com", "/w", 5), ("b.example.com", "/w/x", 5), ("b.example.com", "/", 0),
    ("a.b.example.com", "/w", 0), ("example.com", "/w", 0), (".example.com", "/w", 0),
    ("xexample.com", "/w", 0), ("two.test", "/api", 6), ("h", "", 0), ("h", "*", 0),
    ("h", "?q", 0),
  ])
  func `the longest prefix of the most exact host wins`(host: String, path: String, index: Int) {
    let buffer = Buffer(host + path)
    let route = Self.router().route(
      host: ByteRange(start: 0, count: host.utf8.count),
      path: ByteRange(start: host.utf8.count, count: path.utf8.count), in: buffer.readable)

    #expect(route?.index == index)
    #expect(route?.upstream == (index == 6 ? 1 : 0))
  }

  @Test func `only the route for everything lets odd paths through by itself`() throws {
    let buffer = Buffer("h/api/x")
    let host = ByteRange(start: 0, count: 1)
    let router = Self.router()

    let root = router.route(host: host, path: ByteRange(start: 1, count: 1), in: buffer.readable)
    let api = router.route(host: host, path: ByteRange(start: 1, count: 4), in: buffer.readable)

    #expect(root?.allowsOddPaths == true)
    #expect(api?.allowsOddPaths == false)
  }

  @Test func `without a route for every host there may be none`() {
    var configuration = ProxyConfiguration()
    configuration.routes = [Self.route("only", "a.b", "/p")]
    let router = Router(ProxyTables(configuration))
    let buffer = Buffer("a.b/p/q")

    let other = router.route(
      host: ByteRange(start: 0, count: 1), path: ByteRange(start: 3, count: 4), in: buffer.readable)
    let short = router.route(
      host: ByteRange(start: 0, count: 3), path: ByteRange(start: 3, count: 1), in: buffer.readable)
    let right = router.route(
      host: ByteRange(start: 0, count: 3), path: ByteRange(start: 3, count: 4), in: buffer.readable)

    #expect(other == nil)
    #expect(short == nil)
    #expect(right?.index == 0)
  }

  @Test(arguments: [
    ("h", "h"), ("h:80", "h"), ("h:", "h"), ("[::1]", "[::1]"), ("[::1]:80", "[::1]"),
    ("1.2.3.4", "1.2.3.4"),
    ("1.2.3.4:5", "1.2.3.4"), ("", ""), ("123", "123"),
  ])
  func `the host of an authority stands before its port`(authority: String, host: String) {
    let buffer = Buffer(authority)
    let range = hostRange(
      of: ByteRange(start: 0, count: authority.utf8.count), in: buffer.readable)

    #expect(String(authority.prefix(range.count)) == host)
    #expect(range.start == 0)
  }
}
