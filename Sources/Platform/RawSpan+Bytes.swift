extension RawSpan {
  /// The byte at `offset`, which must be inside the span.
  @inlinable
  public subscript(offset: Int) -> UInt8 {
    precondition(offset >= 0 && offset < byteCount, "no such byte")
    // Safe: the offset was checked.
    return unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self)
  }
}
