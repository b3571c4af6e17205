/// The version of this build, as CHANGELOG.md names it.
enum ProgramVersion {
  static let text = "0.1.0"
}
