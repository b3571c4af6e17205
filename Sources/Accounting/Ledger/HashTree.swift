public import Digest

/// One digest over a list of documents: a binary hash tree as in RFC 9162, section 2.1.1.
///
///     leaf  = SHA-256( 00 ‖ text(name) ‖ SHA-256(document) )      text: length as u32, then UTF-8
///     node  = SHA-256( 01 ‖ left ‖ right )
///     root  = the digest that is left when neighbours are joined level by level; one without a
///             neighbour moves up as it is. No leaf: 32 zero bytes.
public struct HashTree: Sendable {
  private var leaves: [Digest256] = []

  /// No leaf.
  public init() {}

  /// How many leaves there are.
  public var count: Int { leaves.count }

  /// Adds a document by its name and digest; the order is part of the root.
  public mutating func add(name: String, document: Digest256) {
    var writer = CanonicalWriter()
    writer.byte(0)
    writer.text(name)
    writer.raw(document.bytes)
    leaves.append(SHA256.hash(writer.bytes))
  }

  /// The root.
  public var root: Digest256 {
    var level = leaves
    while level.count > 1 {
      level = stride(from: 0, to: level.count, by: 2).map { index in
        guard index + 1 < level.count else { return level[index] }
        var writer = CanonicalWriter()
        writer.byte(1)
        writer.raw(level[index].bytes)
        writer.raw(level[index + 1].bytes)
        return SHA256.hash(writer.bytes)
      }
    }
    return level.first ?? .zero
  }
}
