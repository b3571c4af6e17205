import Accounting
import Foundation
import Store
import TestSupport
import Testing

@testable import Allocator

/// External series: loaded, fetched, and used at close.
@Suite struct SeriesTests {
  private static let policy = """
    version: 1
    name: by-storage
    currency: USD
    externals: [gb_months]
    pools:
      - name: all
        method:
          kind: proportional
          drivers:
            - {external: gb_months, weight: 1}
    """

  @Test func `a close waits for its series and then splits by it`() async throws {
    try await RunningAllocator.run { allocator in
      try await allocator.furnish()
      _ = try await allocator.call("PUT", "/v1/policy", text: Self.policy)
      let blocked = try await allocator.close(dryRun: true)

      let loaded = try await allocator.call(
        "POST", "/v1/series?name=gb_months&period=2026-10",
        text: """
          period,tenant,quantity,unit
          2026-10,acme,1.5,GB-months
          2026-10,bolt,0.5,gb-month
          2026-09,acme,9,GB-month
          """)
      let again = try await allocator.call(
        "POST", "/v1/series?name=gb_months&period=2026-10",
        text: "tenant,unit,quantity,period\nbolt,GB-month,0.50,2026-10\nacme,GB-month,1.5,2026-10\n"
      )
      let closed = try await allocator.close()

      #expect(blocked.text.contains("series-missing"), "\(blocked.text)")
      #expect(loaded.json?["status"] == .string("stored"), "\(loaded.text)")
      #expect(loaded.json?["outside"] == .number("1"))
      #expect(loaded.json?["unit"] == .string("GB-month"))
      #expect(again.json?["status"] == .string("unchanged"))
      #expect(closed.status == 200, "\(closed.text)")
      let list = try await allocator.call("GET", "/v1/periods/2026-10/statements", as: .reader)
      let totals = (list.json?["statements"]?.asArray ?? []).filter {
        $0["total"] != .string("0.000000")
      }
      let acme = try Amount(parsing: totals.first?["total"]?.asString ?? "")
      let bolt = try Amount(parsing: totals.last?["total"]?.asString ?? "")
      #expect(totals.count == 2, "\(list.text)")
      #expect(
        try acme.subtracting(Amount(units: bolt.units * 3)).units.magnitude <= 3 * 1_000_000_000_000
      )
    }
  }

  @Test func `every fault of a series file is named and nothing is stored`() async throws {
    try await RunningAllocator.run { allocator in
      let answer = try await allocator.call(
        "POST", "/v1/series?name=s&period=2026-10",
        text: """
          period,tenant,quantity,unit
          2026-10,acme,x,GB-month
          2026-10,acme,-1,GB-month
          2026-10,acme,1,CPU-hour
          2026-10,acme,1,parsec
          october,acme,1,GB-month
          2026-10,~nobody,1,GB-month
          """)

      #expect(answer.code == "document_invalid")
      #expect(answer.json?["error"]?["details"]?.asArray?.count == 6, "\(answer.text)")
      let list = try await allocator.call("GET", "/v1/series?period=2026-10", as: .reader)
      #expect(list.json?["series"] == .array([]))
    }
  }

  @Test func `hours that a file leaves out are shown`() async throws {
    try await RunningAllocator.run { allocator in
      var text = "hour,tenant,quantity,unit\n"
      for hour in 0..<744 where hour != 5 && hour != 6 && hour != 100 {
        let day = hour / 24 + 1
        let clock = String(hour % 24 + 100).dropFirst()
        text += "2026-10-\(String(day + 100).dropFirst())T\(clock):00:00Z,acme,0.25,CPU-hour\n"
      }
      let answer = try await allocator.call(
        "POST", "/v1/series?name=cpu&period=2026-10", text: text)

      #expect(answer.json?["expected_hours"] == .number("744"), "\(answer.text)")
      #expect(answer.json?["missing_hours"] == .number("3"))
      #expect(
        answer.json?["missing"]?.asArray?.map { $0["from"] } == [
          .string("2026-10-01T05:00:00Z"), .string("2026-10-05T04:00:00Z"),
        ])
      #expect(answer.json?["total"] == .string("185.25"))
    }
  }

  /// Two hours of two namespaces, one of them nobody's.
  private static let matrix = """
    {"status":"success","data":{"resultType":"matrix","result":[
      {"metric":{"namespace":"shop-acme"},"values":[[1790812800,"0.5"],[1790816400,"1.5e0"],
        [1790820000,"NaN"]]},
      {"metric":{"namespace":"kube-system"},"values":[[1790812800,"0.125"]]}]}}
    """

  @Test func `the allocator fetches a series with its token and shows what is missing`()
    async throws
  {
    let body = Self.matrix
    let upstream = try ScriptedUpstream([
      .readHead,
      .send(
        "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\nConnection: close\r\n\r\n\(body)"),
    ])
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("weir-series-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try Data("s3cret\n".utf8).write(to: folder.appendingPathComponent("token"))
    let sources = """
      version: 1
      series:
        - name: cpu
          url: http://127.0.0.1:\(upstream.port)
          query: sum by (namespace) (rate(x[1h]))
          label: namespace
          tenants: {shop-acme: acme}
          sample: cores
          unit: CPU-hour
          token_file: \(folder.path)/token
      """
    try Data(sources.utf8).write(to: folder.appendingPathComponent("sources.yaml"))
    var configuration = AllocatorConfiguration()
    configuration.seriesSources = folder.path + "/sources.yaml"
    try await RunningAllocator.run(configuration) { allocator in
      let answer = try await allocator.call("POST", "/v1/series/cpu/fetch?period=2026-10")
      let unknown = try await allocator.call("POST", "/v1/series/ram/fetch?period=2026-10")
      let values = try await allocator.call("GET", "/v1/series/cpu?period=2026-10", as: .reader)
      // The file is read anew: nobody listens at port 1.
      try Data(sources.replacing(":\(upstream.port)", with: ":1").utf8)
        .write(to: folder.appendingPathComponent("sources.yaml"))
      let down = try await allocator.call("POST", "/v1/series/cpu/fetch?period=2026-10")

      #expect(answer.status == 200, "\(answer.text)")
      #expect(answer.json?["missing_hours"] == .number("742"))
      #expect(
        answer.json?["unmapped"]?.asArray?.map { $0["label"] } == [.string("kube-system")])
      #expect(
        values.json?["values"]?.canonicalText
          == #"[{"quantity":"2","tenant":"acme"},{"quantity":"0.125","tenant":"~unattributed"}]"#
          || values.json?["values"]?.canonicalText
            == #"[{"tenant":"acme","quantity":"2"},{"tenant":"~unattributed","quantity":"0.125"}]"#,
        "\(values.text)")
      let request = upstream.receivedText()
      #expect(request.contains("Authorization: Bearer s3cret\r\n"))
      #expect(request.contains("start=1790812800&end=1793487600&step=3600 HTTP"))
      #expect(unknown.status == 404)
      #expect(down.code == "series_unavailable")
    }
  }

  @Test(arguments: [
    ("opencost", "measure=cpu&unit=CPU-hour&label=namespace", "9"),
    ("opencost", "measure=storage&unit=GB-month&label=name", "5.376344086021505376"),
    ("prometheus", "sample=cores&unit=CPU-hour&label=namespace", "2.125"),
  ])
  func `answers of other systems are read from files`(
    format: String, query: String, total: String
  ) async throws {
    try await RunningAllocator.run { allocator in
      let body =
        format == "opencost"
        ? try Repository.bytes("Tests/AccountingTests/Golden/bills/opencost.json")
        : Array(Self.matrix.utf8)
      let answer = try await allocator.call(
        "POST", "/v1/series?name=s&period=2026-10&format=\(format)&\(query)", body: body)
      let wrong = try await allocator.call(
        "POST",
        "/v1/series?name=s&period=2026-10&format=\(format)&sample=cores&measure=cpu&unit=GB-month&label=x",
        body: body)

      #expect(answer.json?["total"] == .string(total), "\(answer.text)")
      #expect(wrong.text.contains("cannot be told in GB-month"), "\(wrong.text)")
    }
  }

  @Test func `the example of sources is read, and every fault of another is named`() throws {
    let example = try SeriesSource.decode(
      try PolicyDocument.tree(try Repository.bytes("config/series-sources.example.yaml")))
    #expect(example.map(\.name) == ["cpu_hours", "storage_gb_months"])
    #expect(example[0].labels.tenant("shop-acme") == "acme")

    #expect {
      _ = try SeriesSource.decode(
        try PolicyDocument.tree(
          Array(
            """
            version: 1
            series:
              - {name: a, url: ftp://x, query: q, label: l, sample: cores, unit: GB-month}
              - {name: a, url: http://x, query: q, label: l, sample: joules, unit: parsec,
                 step_seconds: 7}
            """.utf8)))
    } throws: { error in
      (error as? DocumentFaults)?.faults.count == 5
    }
  }
}
