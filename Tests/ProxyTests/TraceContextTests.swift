import HTTPCodec
import Platform
import Testing

@testable import Proxy

@Suite struct TraceContextTests {
  static let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
  static let valid = "00-\(trace)-00f067aa0ba902b7-01"

  /// What becomes of the fields of a request, and the context.
  static func context(
    _ fields: String, _ mode: HeaderConfiguration.Trace = .create
  ) throws -> TraceContext {
    let parsed = try #require(ParsedRequest("GET / HTTP/1.1\r\nHost: h\r\n\(fields)\r\n"))
    var random = RandomSource(state: (1, 2, 3, 4))
    return TraceContext(parsed.head, in: parsed.buffer.readable, mode, &random)
  }

  @Test(arguments: [
    valid, "00-\(trace)-00f067aa0ba902b7-00", "00-\(trace)-00f067aa0ba902b7-ff",
    "01-\(trace)-00f067aa0ba902b7-03", "cc-\(trace)-00f067aa0ba902b7-01",
    "cc-\(trace)-00f067aa0ba902b7-01-what-the-future-will-be-like",
    "fe-\(trace)-00f067aa0ba902b7-01-",
    "00-00000000000000000000000000000001-0000000000000001-00",
  ])
  func `a valid traceparent is passed on`(value: String) throws {
    for mode in [HeaderConfiguration.Trace.create, .pass] {
      let context = try Self.context("traceparent: \(value)\r\n", mode)

      #expect(context.disposition == .passed)
      #expect(context.keepsFields)
    }
  }

  @Test func `the trace's id is read`() throws {
    let context = try Self.context("TraceParent: \(Self.valid)\r\n")

    #expect(context.high == 0x4bf9_2f35_77b3_4da6)
    #expect(context.low == 0xa3ce_929d_0e0e_4736)
  }

  @Test(arguments: [
    "", "00", "ff-\(trace)-00f067aa0ba902b7-01", "FF-\(trace)-00f067aa0ba902b7-01",
    "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
    "00-\(trace)-0000000000000000-01", "00-\(trace.uppercased())-00f067aa0ba902b7-01",
    "00-\(trace)-00F067AA0BA902B7-01", "0A-\(trace)-00f067aa0ba902b7-01",
    "00-\(trace)-00f067aa0ba902b7-0A", "00-\(trace)-00f067aa0ba902b7-0x",
    "00-\(trace)-00f067aa0ba902b7-01-more", "00-\(trace)-00f067aa0ba902b7-01-",
    "cc-\(trace)-00f067aa0ba902b7-01.more", "cc-\(trace)-00f067aa0ba902b7-011",
    "00-\(trace)-00f067aa0ba902b7", "00_\(trace)-00f067aa0ba902b7-01",
    "00-\(trace)+00f067aa0ba902b7-01", "00-\(trace)-00f067aa0ba902b7:01",
    "00-\(trace.dropLast())-00f067aa0ba902b7-01", "0-\(trace)-00f067aa0ba902b7-01-1",
    "\(valid), \(valid)", "00-\(trace.dropLast())g-00f067aa0ba902b7-01",
  ])
  func `one that is not valid is replaced, or removed, with its tracestate`(value: String) throws {
    let fields = "traceparent: \(value)\r\ntracestate: a=1\r\n"

    #expect(try Self.context(fields).disposition == .created)
    #expect(try Self.context(fields, .pass).disposition == .removed)
    #expect(try !Self.context(fields, .pass).keepsFields)
    #expect(try Self.context(fields, .off).disposition == .untouched)
    #expect(try Self.context(fields, .off).keepsFields)
  }

  @Test func `two are as good as none`() throws {
    let field = "traceparent: \(Self.valid)\r\n"

    #expect(try Self.context(field + field).disposition == .created)
  }

  @Test func `a trace that begins here is valid itself and never the same`() throws {
    var random = RandomSource(state: (0, 0, 0, 0))
    let parsed = try #require(ParsedRequest("GET / HTTP/1.1\r\nHost: h\r\n\r\n"))
    var seen: Set<String> = []
    for _ in 0..<1_000 {
      let made = TraceContext(parsed.head, in: parsed.buffer.readable, .create, &random)
      let output = Buffer(capacity: 256)
      let fits = made.write(to: output)
      #expect(fits)
      let line = output.text
      #expect(line.hasPrefix("\r\ntraceparent: 00-") && line.hasSuffix("-01"))

      let value = Buffer(String(line.dropFirst("\r\ntraceparent: ".count)))
      var read = TraceContext()
      let isValid = read.read(ByteRange(start: 0, count: value.count), value.readable)
      #expect(isValid, "\(line)")
      #expect(read.high == made.high && read.low == made.low)
      #expect(seen.insert(line).inserted)
    }
  }
}
