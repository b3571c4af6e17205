import HTTPCodec

/// What becomes of a request field or trailer whose name holds `_`: a listener's choice.
public enum UnderscoreChoice: String, Sendable, CaseIterable {
  /// It is passed on.
  case forward
  /// It is left out, as if it had not been sent.
  case drop
  /// The request is answered with 400 `field_name_underscore`.
  case refuse

  /// The codec's name for it.
  var ofCodec: UnderscoreNames {
    switch self {
    case .forward: .forward
    case .drop: .drop
    case .refuse: .refuse
    }
  }
}
