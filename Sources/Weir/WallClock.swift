internal import Accounting
internal import Foundation

/// The machine's clock.
enum WallClock {
  /// The present, in whole microseconds.
  static func now() -> UTCInstant {
    UTCInstant(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000))
  }

  /// Who uses the machine: the actor of offline commands.
  static func user() -> String { "local:\(NSUserName())" }
}
