/// Bounds on what a cost file may ask of memory. A row past them is a fault; the rest is read.
public struct CostFileLimits: Hashable, Sendable {
  /// Longest field; tags of real bills stay below 10 KiB.
  public var fieldBytesMax: Int
  /// Longest row, and longest line of a JSON Lines file.
  public var rowBytesMax: Int
  /// Most columns; FOCUS has 65 and providers add their own.
  public var columnsMax: Int
  /// Largest file of a form that is read as one JSON value (OpenCost).
  public var documentBytesMax: Int

  /// The default bounds, or others.
  public init(
    fieldBytesMax: Int = 256 * 1024, rowBytesMax: Int = 1024 * 1024, columnsMax: Int = 1024,
    documentBytesMax: Int = 16 * 1024 * 1024
  ) {
    self.fieldBytesMax = fieldBytesMax
    self.rowBytesMax = rowBytesMax
    self.columnsMax = columnsMax
    self.documentBytesMax = documentBytesMax
  }
}
