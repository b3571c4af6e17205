import Platform
import TestSupport
import Testing

@testable import Proxy

@Suite struct ProxyHeaderTests {
  typealias Made = ProxyHeaderBytes

  static func parse(_ bytes: [UInt8], bytesMax: Int = 2_048) -> ProxyHeader.Outcome {
    let buffer = Buffer(capacity: max(1, bytes.count))
    buffer.append(bytes)
    return ProxyHeader.parse(buffer.readable, bytesMax: bytesMax)
  }

  static let clientIPv4 = ProxyHeader.Source.client(ClientAddress([203, 0, 113, 9]))
  static let clientIPv6 = ProxyHeader.Source.client(
    ClientAddress([0x20, 0x01, 0x0D, 0xB8] + [UInt8](repeating: 0, count: 11) + [9]))

  static let good: [([UInt8], ProxyHeader.Source)] = [
    (Array("PROXY TCP4 203.0.113.9 198.51.100.1 56324 443\r\n".utf8), clientIPv4),
    (Array("PROXY TCP6 2001:db8::9 2001:db8::1 0 65535\r\n".utf8), clientIPv6),
    (Array("PROXY UNKNOWN\r\n".utf8), .unknown),
    (Array("PROXY UNKNOWN ffff::1 whatever 1 2 3 4 5\r\n".utf8), .unknown),
    (Array("PROXY TCP6 ::ffff:203.0.113.9 ::1 1 2\r\n".utf8), clientIPv4),
    (Made.binary(Made.pairIPv4), clientIPv4),
    (Made.binary(family: 0x21, Made.pairIPv6), clientIPv6),
    (Made.binary(command: 0x20, family: 0, []), .peer),
    (Made.binary(command: 0x20, Made.pairIPv4), .peer),
    (Made.binary(family: 0x00, []), .unknown),
    (Made.binary(family: 0x00, [1, 2, 3]), .unknown),
    (Made.binary(family: 0x31, [UInt8](repeating: 0x2F, count: 216)), .unknown),
    (Made.binary(family: 0x12, Made.pairIPv4), .unknown),
    (Made.binary(Made.pairIPv4 + Made.record(0x01, Array("h2".utf8))), clientIPv4),
    (Made.binary(Made.pairIPv4 + Made.record(0x04, [])), clientIPv4),
    (Made.checked(Made.pairIPv4), clientIPv4),
    (Made.checked(family: 0x21, Made.pairIPv6 + Made.record(0xEA, [1, 2, 3])), clientIPv6),
  ]

  @Test(arguments: 0..<good.count)
  func `a header says whose the connection is, and no byte behind it is read`(index: Int) {
    let (header, source) = Self.good[index]

    let outcome = Self.parse(header + Array("GET / HTTP/1.1\r\n\r\n".utf8))

    #expect(outcome == .complete(length: header.count, source))
  }

  @Test(arguments: 0..<good.count)
  func `every part of a header but the whole is waited on`(index: Int) {
    let header = Self.good[index].0

    for count in 0..<header.count {
      #expect(Self.parse(Array(header[..<count])) == .needMore, "\(count) bytes")
    }
  }

  static let badLines = [
    "GET / HTTP/1.1\r\n", "PROXZ", "proxy TCP4 1.1.1.1 2.2.2.2 1 2\r\n", "PROXY  TCP4 \r\n",
    "PROXY TCP4 1.1.1.1 2.2.2.2 1 2\n", "PROXY \r\n", "PROXY TCP4\r\n",
    "PROXY TCP4 1.1.1.1 2.2.2.2 1\r\n", "PROXY TCP4 1.1.1.1 2.2.2.2 1 2 3\r\n",
    "PROXY TCP4 1.1.1.1  2.2.2.2 1 2\r\n", "PROXY TCP4 1.1.1.1 2.2.2.2 1 2 \r\n",
    "PROXY TCP4 ::1 ::1 1 2\r\n", "PROXY TCP6 1.1.1.1 2.2.2.2 1 2\r\n",
    "PROXY TCP4 1.1.1.256 2.2.2.2 1 2\r\n", "PROXY TCP4 01.1.1.1 2.2.2.2 1 2\r\n",
    "PROXY TCP4 1.1.1 2.2.2.2 1 2\r\n", "PROXY TCP4 1.1.1.1 2.2.2 1 2\r\n",
    "PROXY TCP4 1.1.1.1 2.2.2.2 65536 2\r\n", "PROXY TCP4 1.1.1.1 2.2.2.2 1 02\r\n",
    "PROXY TCP4 1.1.1.1 2.2.2.2 -1 2\r\n", "PROXY TCP4 1.1.1.1 2.2.2.2 1 +2\r\n",
    "PROXY TCP4 1.1.1.1\0x 2.2.2.2 1 2\r\n", "PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n",
    "PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\r\n", "PROXY TCP5 1.1.1.1 2.2.2.2 1 2\r\n",
    "PROXY UNKNOWN" + String(repeating: " ", count: 93) + "\r\n",
    "PROXY UNKNOWN" + String(repeating: "x", count: 95),
  ]

  @Test(arguments: badLines)
  func `a line that the specification does not allow is malformed`(line: String) {
    #expect(Self.parse(Array(line.utf8)) == .malformed)
  }

  @Test func `a line of 107 bytes is the longest`() {
    let line = "PROXY UNKNOWN" + String(repeating: " ", count: 92) + "\r\n"

    #expect(line.utf8.count == 107)
    #expect(Self.parse(Array(line.utf8)) == .complete(length: 107, .unknown))
  }

  static let badBinaries: [[UInt8]] = [
    [0x0D, 0x0A, 0x0D, 0x0B], Made.binary(command: 0x11, Made.pairIPv4),
    Made.binary(command: 0x22, Made.pairIPv4), Made.binary(command: 0x31, Made.pairIPv4),
    Made.binary(family: 0x41, Made.pairIPv4), Made.binary(family: 0x13, Made.pairIPv4),
    Made.binary(Array(Made.pairIPv4.dropLast())), Made.binary(family: 0x21, Made.pairIPv4),
    Made.binary(family: 0x31, Made.pairIPv6), Made.binary(Made.pairIPv4 + [1]),
    Made.binary(Made.pairIPv4 + [1, 0]), Made.binary(Made.pairIPv4 + [1, 0, 2, 65]),
    Made.binary(Made.pairIPv4 + Made.record(0x03, [1, 2, 3])),
    Made.checked(Made.pairIPv4, error: 1), Made.checked(Made.pairIPv4, error: 0x8000_0000),
    Made.checked(Made.pairIPv4 + Made.record(0x03, [0, 0, 0, 0])),
  ]

  @Test(arguments: badBinaries)
  func `a binary header that the specification does not allow is malformed`(header: [UInt8]) {
    #expect(Self.parse(header) == .malformed)
  }

  @Test func `a binary header above the bound is refused before its bytes come`() {
    let announced = Made.binary(Made.pairIPv4, length: 2_033)
    let longest = Made.binary(
      Made.pairIPv4 + Made.record(0x04, [UInt8](repeating: 0, count: 2_032 - 15)))

    #expect(Self.parse(Array(announced.prefix(16))) == .malformed)
    #expect(longest.count == 2_048)
    #expect(Self.parse(longest) == .complete(length: 2_048, Self.clientIPv4))
  }

  @Test func `whatever bytes come, the outcome does not depend on how they were cut`() {
    let seed = TestSeed()
    for index in 0..<20_000 {
      var random = seed.generator(case: index)
      var bytes = Self.good[Int.random(in: 0..<Self.good.count, using: &random)].0
      for _ in 0..<Int.random(in: 0...3, using: &random) {
        let at = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes.insert(UInt8.random(in: 0...255, using: &random), at: at)
        default: if bytes.count > 1 { bytes.remove(at: at) }
        }
      }
      let whole = Self.parse(bytes)
      // What is decided for a part stays decided: only waiting may turn into something else.
      let part = Self.parse(Array(bytes[..<Int.random(in: 0...bytes.count, using: &random)]))

      #expect(part == .needMore || part == whole, "\(seed) case \(index)")
      if case .complete(let length, _) = whole {
        #expect(length <= bytes.count && length > 0, "\(seed) case \(index)")
      }
    }
  }
}
