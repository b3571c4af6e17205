extension Bridge {
  /// The bridge as JSON: `currency`, `lines` of `cause` and `amount`, `difference`, `ties_out`,
  /// `reasons`.
  public var json: JSONValue {
    .object([
      .init("currency", .string(currency.code)),
      .init(
        "lines",
        .array(
          lines.map {
            .object([
              .init("cause", .string($0.cause)), .init("amount", .string($0.amount.description)),
            ])
          })),
      .init("difference", .string(difference.description)),
      .init("ties_out", .bool(tiesOut)),
      .init("reasons", .array(reasons.map { .string($0) })),
    ])
  }
}
