/// A parsed document as a tree, so that this target needs no YAML library.
///
/// Scalars keep the text of the source: `0.7` must stay exactly that.
public struct PolicyNode: Hashable, Sendable {
  /// What a node is.
  public indirect enum Content: Hashable, Sendable {
    /// An empty value.
    case null
    /// A text, number or word, as written.
    case scalar(String)
    /// A list.
    case list([PolicyNode])
    /// A mapping in the order of the text. Duplicate keys stay, so that they can be reported.
    case map([Entry])
  }

  /// One key of a mapping with its value.
  public struct Entry: Hashable, Sendable {
    /// The key.
    public let key: String
    /// The value.
    public let value: PolicyNode

    /// A key with its value.
    public init(_ key: String, _ value: PolicyNode) {
      self.key = key
      self.value = value
    }
  }

  /// The line on which the node begins, from 1; 0 when unknown.
  public let line: Int
  /// What it is.
  public let content: Content

  /// A node.
  public init(_ content: Content, line: Int = 0) {
    self.content = content
    self.line = line
  }

  /// What the node is, for a fault's text.
  var kind: String {
    switch content {
    case .null: "nothing"
    case .scalar: "a single value"
    case .list: "a list"
    case .map: "a mapping"
    }
  }
}
