/// Random text from the kernel's generator.
enum Random {
  /// 64 random bits as 16 hexadecimal digits.
  static func hex64() -> String {
    let digits = String(UInt64.random(in: .min ... .max), radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
