import Digest
import Testing

struct SHA256Tests {
  /// Vectors of FIPS 180-4's example page and of the empty text.
  @Test(arguments: [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
  ])
  func `known texts have their published digests`(text: String, hex: String) {
    #expect(SHA256.hash(text).hex == hex)
  }

  @Test func `a million letters a have their published digest`() {
    var running = SHA256()
    for _ in 0..<1000 { running.update([UInt8](repeating: 0x61, count: 1000)) }
    let digest = running.finish()

    #expect(digest.hex == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
  }

  @Test func `bytes cut anywhere give the same digest`() {
    let bytes = (0..<200).map { UInt8($0) }
    let whole = SHA256.hash(bytes)

    for cut in 0...bytes.count {
      var running = SHA256()
      running.update(Array(bytes[..<cut]))
      running.update(Array(bytes[cut...]))
      let digest = running.finish()
      #expect(digest == whole, "cut at \(cut)")
    }
  }
}
