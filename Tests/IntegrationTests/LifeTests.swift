import Foundation
import Glibc
import PlainHTTP
import TestSupport
import Testing

extension Integration {
  @Suite("A proxy and those who watch it") struct LifeTests {
    @Test(.timeLimit(.minutes(1)), arguments: [false, true])
    func `the service manager hears of start, reload and end`(_ isAbstract: Bool) throws {
      let rig = try LoneProxy()
      let manager = try DatagramReceiver(in: rig.directory, isAbstract: isAbstract)

      let proxy = try rig.start(environment: ["NOTIFY_SOCKET": manager.name])
      let ready = try manager.next()
      proxy.signal(SIGHUP)
      let reloading = try manager.next()
      let reloaded = try manager.next()
      proxy.terminate()
      let stopping = try manager.next()
      let status = try proxy.waitForExit()

      #expect(ready.contains("READY=1") && ready.contains("MAINPID=\(proxy.pid)"))
      #expect(reloading.contains("RELOADING=1") && reloading.contains("MONOTONIC_USEC="))
      #expect(reloaded.contains("READY=1"))
      #expect(stopping.contains("STOPPING=1"))
      #expect(status == .exited(0))
    }

    @Test(.timeLimit(.minutes(1)))
    func `a service manager with a watchdog hears that all workers turn`() throws {
      let rig = try LoneProxy()
      let manager = try DatagramReceiver(in: rig.directory, isAbstract: false)

      let proxy = try rig.start(
        environment: ["NOTIFY_SOCKET": manager.name, "WATCHDOG_USEC": "400000"])
      let messages = try (0..<4).map { _ in try manager.next() }
      proxy.terminate()
      try proxy.waitForExit()

      #expect(messages[0].contains("READY=1"))
      #expect(messages[1...] == ["WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1"])
    }

    @Test(.timeLimit(.minutes(1)))
    func `a second stop signal cuts off what is open, and the segments are sealed all the same`()
      throws
    {
      let gate = Gate()
      let upstream = try ScriptedUpstream([.readHead, .wait(gate)])
      let rig = try LoneProxy(upstreams: [upstream.port])
      let proxy = try rig.start()
      let client = try RawClient(port: rig.port)
      try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      try upstream.waitForConnections(1)
      try awaitCondition("the request") { !upstream.received().isEmpty }

      proxy.terminate()
      _ = try proxy.waitForLine(containing: "draining")
      proxy.terminate()
      let status = try proxy.waitForExit()
      gate.pass()
      client.close()

      #expect(status == .exited(0))
      #expect(proxy.errorOutput.contains("a second stop signal"))
      #expect(try rig.spooledRequests() == ["requests": 1, "ended_drained": 1])
    }

    @Test(.timeLimit(.minutes(1)))
    func `readiness turns first, and for the configured time everything is served`() throws {
      let upstream = try ScriptedUpstream([
        .readHead, .send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), .startOver,
      ])
      let rig = try LoneProxy(upstreams: [upstream.port], timeouts: "drain_delay_ms: 60000")
      let proxy = try rig.start()

      proxy.terminate()
      try awaitCondition("503") { try rig.ready() == 503 }
      let client = try RawClient(port: rig.port)
      try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      let response = try client.readResponse()
      client.close()
      proxy.terminate()
      let status = try proxy.waitForExit()

      #expect(response.status == 200 && response.head.value("connection") == nil)
      #expect(status == .exited(0))
    }

    @Test(.timeLimit(.minutes(1)))
    func `SIGUSR1 opens the access log's file again, and no line is lost on the way`() throws {
      let upstream = try ScriptedUpstream([
        .readHead, .send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), .startOver,
      ])
      let rig = try LoneProxy(upstreams: [upstream.port], further: "access_log: { file: log }")
      let log = rig.directory.file("log")
      let proxy = try rig.start(
        under: ["sh", "-c", "cd \"$0\" && exec \"$@\"", rig.directory.path])
      let client = try RawClient(port: rig.port)
      func ask(_ number: Int) throws {
        try client.send("GET /\(number) HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(try client.readResponse().status == 200)
      }
      func paths(_ file: String) -> [String] {
        String(decoding: TextFile.read(file) ?? [], as: UTF8.self).split(separator: "\n").compactMap
        {
          $0.split(separator: "\"path\":\"").last?.prefix { $0 != "\"" }
        }.map(String.init)
      }

      // Twice, and each time with lines that may still be on their way to the file.
      for round in 1...2 {
        for number in 0..<50 { try ask(round * 100 + number) }
        #expect(unsafe rename(log, "\(log).\(round)") == 0)
        proxy.signal(SIGUSR1)
        try awaitCondition("the new file") { FileManager.default.fileExists(atPath: log) }
        try ask(round * 100 + 50)
      }
      client.close()
      proxy.terminate()
      let status = try proxy.waitForExit()

      let all = paths("\(log).1") + paths("\(log).2") + paths(log)
      #expect(all == (1...2).flatMap { round in (0...50).map { "/\(round * 100 + $0)" } })
      #expect(!paths(log).isEmpty && !paths("\(log).2").isEmpty)
      #expect(status == .exited(0))
      #expect(try rig.spooledRequests()["requests"] == 102)
    }

    @Test(.timeLimit(.minutes(1)))
    func `as the first process of a container it notes ended orphans, drains and ends well`() throws
    {
      let rig = try LoneProxy()
      guard try rig.mayUnshare() else {
        // Said here, so that the run shows it: this machine lets nobody make a process namespace.
        print("not tested: unshare --pid is not permitted here")
        return
      }

      let proxy = try rig.start(
        under: [
          "unshare", "--pid", "--fork", "--mount-proc", "sh", "-c", "(sleep 1 &); exec \"$@\"",
          "sh",
        ])
      let inner = try awaitValue("the proxy") { try rig.children(of: proxy.pid).first }
      // An orphan whose end is not noted stays in this list.
      try awaitCondition("the orphan's end") { try rig.children(of: inner).isEmpty }
      #expect(kill(inner, SIGTERM) == 0)
      let status = try proxy.waitForExit()

      #expect(status == .exited(0), "\(proxy.errorOutput.suffix(500))")
      #expect(proxy.errorOutput.contains("stopped"))
    }
  }
}
