// swift-tools-version: 6.2
import PackageDescription

/// Settings of every Swift target of the house: Swift 6 language mode comes with the tools version.
let house: [SwiftSetting] = [
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableExperimentalFeature("Lifetimes"),
  .unsafeFlags(["-cross-module-optimization"], .when(configuration: .release)),
]

let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let lifecycle: Target.Dependency = .product(
  name: "ServiceLifecycle", package: "swift-service-lifecycle")
let arguments: Target.Dependency = .product(
  name: "ArgumentParser", package: "swift-argument-parser")

/// A test target that mirrors `Sources/<subject>`.
func tests(_ subject: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .testTarget(
    name: "\(subject)Tests", dependencies: [.init(stringLiteral: subject)] + dependencies,
    swiftSettings: house)
}

let package = Package(
  name: "weir",
  products: [
    .executable(name: "weir-proxy", targets: ["WeirProxy"]),
    .executable(name: "weir", targets: ["Weir"]),
  ],
  dependencies: [
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
  ],
  targets: [
    // C modules: system libraries, and shims in .c files for what their macros hide.
    .target(name: "CLinux"),
    .systemLibrary(
      name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(
      name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
    .target(name: "CCurlShims", dependencies: ["CCurl"]),

    // machine
    .target(name: "Platform", dependencies: ["CLinux"], swiftSettings: house),
    .target(name: "Digest", dependencies: ["COpenSSL"], swiftSettings: house),
    .target(name: "HTTPClient", dependencies: ["CCurl", "CCurlShims"], swiftSettings: house),

    // protocol
    .target(name: "HTTPCodec", swiftSettings: house),

    // domain
    .target(name: "Usage", dependencies: ["CLZ4"], swiftSettings: house),
    .target(name: "Metering", dependencies: ["Usage", "Platform"], swiftSettings: house),
    .target(name: "Accounting", dependencies: ["Digest"], swiftSettings: house),
    .target(
      name: "Store", dependencies: ["Accounting", "Usage", "Digest", grdb], swiftSettings: house),

    // services
    .target(
      name: "Proxy", dependencies: ["Platform", "HTTPCodec", "Metering", "Usage"],
      swiftSettings: house),
    .target(
      name: "Shipping",
      dependencies: ["Usage", "Metering", "Platform", "HTTPClient", logging],
      swiftSettings: house),
    .target(
      name: "Allocator",
      dependencies: [
        "Store", "Accounting", "Usage", "Digest", "CZlib", hummingbird, lifecycle, logging, yams,
      ],
      swiftSettings: house),

    // programs
    .executableTarget(
      name: "WeirProxy",
      dependencies: [
        "Proxy", "Shipping", "Metering", "Usage", "Platform", yams, logging, arguments,
      ],
      swiftSettings: house),
    .executableTarget(
      name: "Weir",
      dependencies: [
        "Allocator", "Store", "Accounting", "Usage", "HTTPClient", yams, logging, arguments,
      ],
      swiftSettings: house),

    // tests
    tests("Usage"),
  ]
)
