extension Schema {
  /// Who made a token: nobody's name for one made at the store, and for all that were there before.
  /// From format 2 to 3.
  static let thirdRegister = ["ALTER TABLE token ADD COLUMN created_by TEXT"]
}
