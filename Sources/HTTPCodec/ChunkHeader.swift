/// Bytes that a chunk header takes at most: 16 digits and CRLF.
public let chunkHeaderBytesMax = 18

/// Appends the header of a chunk of `count` bytes: its size in hexadecimal, and CRLF.
///
/// A `count` of 0 makes the last chunk, which trailers or an empty line must follow. Traps when `count` is
/// negative, or when `output` has not room for the header (`chunkHeaderBytesMax` is always enough).
public func writeChunkHeader(count: Int, into output: inout OutputRawSpan) {
  precondition(count >= 0)
  var shift = max(0, (Int.bitWidth - count.leadingZeroBitCount + 3) / 4 - 1) * 4
  while shift >= 0 {
    output.append(hexDigit(count >> shift & 15))
    shift -= 4
  }
  output.append(.carriageReturn)
  output.append(.lineFeed)
}

/// Writes the same header to the start of `output`.
/// - Returns: the number of bytes that it took, at most `chunkHeaderBytesMax`.
public func writeChunkHeader(count: Int, into output: inout InlineArray<20, UInt8>) -> Int {
  precondition(count >= 0)
  let digits = max(1, (Int.bitWidth - count.leadingZeroBitCount + 3) / 4)
  for index in 0..<digits {
    output[index] = hexDigit(count >> ((digits - 1 - index) * 4) & 15)
  }
  output[digits] = .carriageReturn
  output[digits + 1] = .lineFeed
  return digits + 2
}

private func hexDigit(_ value: Int) -> UInt8 {
  UInt8(truncatingIfNeeded: value < 10 ? value + 0x30 : value + 0x57)
}
