/// Values of drivers, kept while one period is allocated: pools often share a driver.
///
/// One for each allocation, used by one thread. Memory grows with the number of different drivers of
/// a policy.
final class DriverCache {
  /// What values depend on, beside the input; a driver's weight is not among it.
  private struct Key: Hashable {
    let source: PolicyDriver.Source
    let routes: [String]?
    let routeWeights: [String: Amount]
    let excluded: Set<String>
  }

  private var known: [Key: DriverValues] = [:]

  /// The values of a driver, made on the first question.
  func values(
    of driver: PolicyDriver, excluded: Set<String>,
    make: () throws(AccountingError) -> DriverValues
  ) throws(AccountingError) -> DriverValues {
    let key = Key(
      source: driver.source, routes: driver.routes, routeWeights: driver.routeWeights,
      excluded: excluded)
    if let values = known[key] { return values.with(driver) }
    let values = try make()
    known[key] = values
    return values
  }
}
