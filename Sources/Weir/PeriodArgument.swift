internal import Accounting
internal import ArgumentParser

/// Periods on the command line.
enum PeriodArgument {
  /// Throws wrong usage unless the text is `YYYY-MM`.
  static func check(_ text: String) throws {
    do {
      _ = try Period(parsing: text)
    } catch {
      throw ValidationError("\(error)")
    }
  }
}
