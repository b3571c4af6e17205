/// The one reversible way in which names of tenants and pools become file names and parts of accounts.
///
/// Lower-case letters and digits stand for themselves, a dash for `-` is written twice, and any other byte is
/// a dash with two lower-case hexadecimal digits. So no name differs from another by case alone, none
/// begins with a dot, and the form fits file systems, URLs, shells, hledger and Beancount.
public enum EscapedName {
  /// The escaped form of a name.
  public static func escape(_ name: String) -> String {
    var bytes: [UInt8] = []
    for byte in name.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
        bytes.append(byte)
      case UInt8(ascii: "-"): bytes.append(contentsOf: "--".utf8)
      default:
        let digits = Array("0123456789abcdef".utf8)
        bytes.append(UInt8(ascii: "-"))
        bytes.append(digits[Int(byte >> 4)])
        bytes.append(digits[Int(byte & 15)])
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The name of an escaped form; `nil` for a text that `escape` does not make.
  public static func unescape(_ text: String) -> String? {
    var bytes: [UInt8] = []
    var rest = Substring(text).utf8
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "-") else {
        bytes.append(byte)
        continue
      }
      guard let first = rest.popFirst() else { return nil }
      if first == UInt8(ascii: "-") {
        bytes.append(first)
      } else {
        guard let second = rest.popFirst(),
          let value = UInt8(String(decoding: [first, second], as: UTF8.self), radix: 16)
        else { return nil }
        bytes.append(value)
      }
    }
    guard let name = String(validating: bytes, as: UTF8.self), escape(name) == text else {
      return nil
    }
    return name
  }
}
