import Platform
import Testing
import Usage

@testable import Proxy

@Suite struct ProxyTablesTests {
  private static func configuration(
    listeners: [String] = ["a"], upstreams: [String] = ["u"], routes: [String]
  ) -> ProxyConfiguration {
    var configuration = ProxyConfiguration()
    let address = SocketAddress(bytes: [127, 0, 0, 1], port: 0)!
    configuration.listeners = listeners.map { ListenerConfiguration(name: $0, address: address) }
    configuration.upstreams = upstreams.map {
      UpstreamConfiguration(name: $0, addresses: [address])
    }
    configuration.routes = routes.map {
      RouteConfiguration(name: RouteName($0)!, upstream: upstreams[0])
    }
    return configuration
  }

  @Test func `names keep their place, new ones go behind, removed ones stay and may come back`() {
    let start = ProxyTables(Self.configuration(routes: ["x", "y"]))

    let (second, growth) = start.applying(
      Self.configuration(listeners: ["b", "a"], routes: ["z", "x"]))
    let (third, nothing) = second.applying(Self.configuration(listeners: ["b"], routes: ["y"]))

    #expect(growth == .init(listeners: ["b"], routes: [RouteName("z")!]))
    #expect(second.configuration.routes.map(\.name.text) == ["x", "y", "z"])
    #expect(second.usesRoute == [true, false, true])
    #expect(second.configuration.listeners.map(\.name) == ["a", "b"])
    #expect(second.usesListener == [true, true])
    #expect(nothing == .init())
    #expect(third.usesRoute == [false, true, false])
    #expect(third.usesListener == [false, true])
  }

  @Test func `the meter's place of a route leaves one free for ~none`() {
    let start = ProxyTables(Self.configuration(routes: ["x", "y"]))

    let (second, _) = start.applying(Self.configuration(routes: ["x", "y", "z", "w"]))

    #expect(second.noneRoute == 2)
    #expect((0..<4).map(second.meterRoute) == [0, 1, 3, 4])
  }

  @Test func `an upstream that changed has a new place, one that did not keeps its own`() {
    let start = ProxyTables(Self.configuration(upstreams: ["u", "v"], routes: ["x"]))
    var next = Self.configuration(upstreams: ["u", "v"], routes: ["x"])
    next.upstreams[0].connectionsMax = 7

    let (second, _) = start.applying(next)

    #expect(second.usesUpstream == [false, true, true])
    #expect(second.upstreamPosition("u") == 2 && second.upstreamPosition("v") == 1)
    #expect(second.configuration.upstreams[0].connectionsMax != 7)
    #expect(second.upstreamPosition("w") == nil)
  }
}
