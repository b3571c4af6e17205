/// What a look at the bytes of a head came to.
public enum ParseOutcome: Sendable, Equatable {
  /// The head is not complete and nothing in it is wrong so far.
  case needMore
  /// The head is complete; the body, or the next message, begins at `headLength`.
  case complete(headLength: Int)
  /// The message is refused; the contents of the head value are unspecified.
  case fault(HTTPFault)
}
