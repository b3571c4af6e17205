private import CLZ4

/// Compresses a payload into one LZ4 frame, block by block.
///
/// Blocks are independent and exactly `blockBytes` long but for the last, so the frame depends on the
/// content alone and not on how it was handed over. Memory beside the output: one block and its bound.
@safe struct LZ4FrameWriter: ~Copyable {
  /// The frame's block size, LZ4 code 5.
  static let blockBytes = 256 << 10

  /// What has been compressed so far, behind `reserved` zero bytes.
  private(set) var output: [UInt8]
  /// Bytes taken in so far.
  private(set) var inputBytes: UInt64 = 0
  private var block: [UInt8] = []
  private var scratch: [UInt8]
  private var failure: BatchError?
  private var preferences: LZ4F_preferences_t
  private let context: OpaquePointer

  /// Begins a frame behind `reserved` zero bytes.
  init(reserved: Int) throws(BatchError) {
    var preferences = LZ4F_preferences_t()
    preferences.frameInfo.blockSizeID = LZ4F_max256KB
    preferences.frameInfo.blockMode = LZ4F_blockIndependent
    preferences.frameInfo.contentChecksumFlag = LZ4F_contentChecksumEnabled
    preferences.autoFlush = 1
    var made: OpaquePointer?
    // Safe: the context is checked below and freed once, in deinit.
    let code = unsafe LZ4F_createCompressionContext(&made, UInt32(LZ4F_VERSION))
    guard LZ4F_isError(code) == 0, let context = unsafe made else {
      throw .compression("no memory for a compression context")
    }
    unsafe self.context = context
    // Safe: reads the preferences only.
    scratch = unsafe [UInt8](
      repeating: 0, count: LZ4F_compressBound(Self.blockBytes, &preferences) + 32)
    self.preferences = preferences
    output = [UInt8](repeating: 0, count: reserved)
    block.reserveCapacity(Self.blockBytes)
    // Safe: LZ4 writes at most the capacity it is told; the pointers live for this call.
    unsafe run { (context, scratch, _, preferences) in
      unsafe LZ4F_compressBegin(context, scratch.baseAddress, scratch.count, &preferences)
    }
  }

  deinit {
    // Safe: made in init, freed nowhere else.
    unsafe _ = LZ4F_freeCompressionContext(context)
  }

  /// Takes in one byte.
  @inline(__always)
  mutating func append(_ byte: UInt8) {
    block.append(byte)
    if block.count == Self.blockBytes { flush() }
  }

  /// Takes in bytes.
  mutating func append(_ bytes: ArraySlice<UInt8>) {
    for byte in bytes { append(byte) }
  }

  /// Ends the frame and hands it out.
  consuming func finish() throws(BatchError) -> (output: [UInt8], inputBytes: UInt64) {
    if !block.isEmpty { flush() }
    // Safe: LZ4 writes at most the capacity it is told; the pointers live for this call.
    unsafe run { (context, scratch, _, _) in
      unsafe LZ4F_compressEnd(context, scratch.baseAddress, scratch.count, nil)
    }
    if let failure { throw failure }
    return (output, inputBytes)
  }

  private mutating func flush() {
    inputBytes += UInt64(block.count)
    // Safe: source and destination are whole arrays, disjoint, alive for this call.
    unsafe run { (context, scratch, block, _) in
      unsafe LZ4F_compressUpdate(
        context, scratch.baseAddress, scratch.count, block.baseAddress, block.count, nil)
    }
    block.removeAll(keepingCapacity: true)
  }

  /// One call into LZ4 that fills `scratch`; its result is appended to the output.
  private mutating func run(
    _ step: (
      OpaquePointer, UnsafeMutableRawBufferPointer, UnsafeRawBufferPointer,
      inout LZ4F_preferences_t
    ) -> Int
  ) {
    // Safe: the buffers are lent to `step` for the length of the call.
    let written = unsafe block.withUnsafeBytes { source in
      unsafe scratch.withUnsafeMutableBytes { target in
        unsafe step(context, target, source, &preferences)
      }
    }
    if LZ4F_isError(written) != 0 {
      // Safe: LZ4 returns a constant string.
      failure = .compression(unsafe String(cString: LZ4F_getErrorName(written)))
      return
    }
    output.append(contentsOf: scratch[..<written])
  }
}
