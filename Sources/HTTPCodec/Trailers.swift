/// Reads a complete trailer block, as `ChunkedDecoder` hands it out: field lines and the empty line.
///
/// `fields` is emptied first and keeps its capacity; the ranges are offsets into `bytes`. A field that may
/// not be a trailer is read like any other and says so (`isForbiddenInTrailers`): the caller drops it. The
/// number of fields is bounded by the decoder.
/// - Returns: what is wrong with the block, or nil.
public func parseTrailers(
  _ bytes: RawSpan, into fields: inout ContiguousArray<Field>,
  underscoreNames: UnderscoreNames = .forward
) -> HTTPFault? {
  fields.removeAll(keepingCapacity: true)
  do throws(HTTPFault) {
    guard bytes.byteCount > 0, bytes[0] != .carriageReturn else {
      throw HTTPFault(.trailersIncomplete, at: 0)
    }
    var scanned = 0
    let end = try bytes.endOfBlock(
      from: 0, scanned: &scanned, limit: bytes.byteCount, acceptsBareLineFeed: false)
    guard let end, end == bytes.byteCount else { throw HTTPFault(.trailersIncomplete, at: scanned) }
    var at = 0
    while bytes[at] != .carriageReturn {
      let field = try FieldBlock.next(bytes, at: &at, end: end)
      if try underscoreNames.keeps(field, in: bytes) { fields.append(field) }
    }
    return nil
  } catch {
    return error
  }
}
