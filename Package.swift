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
  // Release only, docs/decisions/0003-release-flags.md: inlining across targets, and no exclusivity checks
  // at run time (debug and test builds have them).
  .unsafeFlags(
    ["-cross-module-optimization", "-enforce-exclusivity=unchecked"],
    .when(configuration: .release)),
]

let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
let sqlite: Target.Dependency = .product(name: "GRDBSQLite", package: "GRDB.swift")
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let lifecycle: Target.Dependency = .product(
  name: "ServiceLifecycle", package: "swift-service-lifecycle")
let arguments: Target.Dependency = .product(
  name: "ArgumentParser", package: "swift-argument-parser")

/// A target of the house; each opens with a README of its own.
func room(
  _ name: String, _ dependencies: [Target.Dependency] = [], path: String? = nil
) -> Target {
  .target(
    name: name, dependencies: dependencies, path: path, exclude: ["README.md"],
    swiftSettings: house)
}

/// A program of the house.
func program(
  _ name: String, _ dependencies: [Target.Dependency], path: String? = nil
) -> Target {
  .executableTarget(
    name: name, dependencies: dependencies, path: path, exclude: ["README.md"],
    swiftSettings: house)
}

/// A test target that mirrors `Sources/<subject>`.
func tests(
  _ subject: String, _ dependencies: [Target.Dependency] = [], exclude: [String] = []
) -> Target {
  .testTarget(
    name: "\(subject)Tests", dependencies: [.init(stringLiteral: subject)] + dependencies,
    exclude: exclude, swiftSettings: house)
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
      name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
    .target(name: "COpenSSLShims", dependencies: ["COpenSSL"]),
    .systemLibrary(
      name: "CNghttp2", pkgConfig: "libnghttp2", providers: [.apt(["libnghttp2-dev"])]),
    .systemLibrary(name: "CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
    .systemLibrary(
      name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
    .target(name: "CCurlShims", dependencies: ["CCurl"]),
    .systemLibrary(name: "CAres", pkgConfig: "libcares", providers: [.apt(["libc-ares-dev"])]),
    .target(name: "CAresShims", dependencies: ["CAres"]),
    .systemLibrary(
      name: "CPango", pkgConfig: "pangocairo",
      providers: [.apt(["libpango1.0-dev", "libcairo2-dev"])]),
    .target(name: "CPangoShims", dependencies: ["CPango"]),

    // machine
    room("Platform", ["CLinux", "CAresShims", "COpenSSL", "COpenSSLShims"]),
    room("Digest", ["COpenSSL"]),
    room("HTTPClient", ["CCurl", "CCurlShims"]),

    // protocol
    room("HTTPCodec", ["CNghttp2"]),

    // domain
    room("Usage", ["CLZ4"]),
    room("Metering", ["Usage", "Platform"]),
    room("Accounting", ["Digest"]),
    room("Store", ["Accounting", "Usage", "Digest", "CZstd", grdb, sqlite]),

    // services
    room("Proxy", ["Platform", "HTTPCodec", "Metering", "Usage"]),
    room("Shipping", ["Usage", "Metering", "Platform", "HTTPClient", logging]),
    room(
      "Allocator",
      [
        "Store", "Accounting", "Usage", "Digest", "HTTPClient", "CPangoShims", "CZlib", "CZstd",
        hummingbird, lifecycle, logging, yams,
      ]),

    // programs
    program(
      "WeirProxy",
      ["Proxy", "Shipping", "Metering", "Usage", "Platform", yams, logging, arguments]),
    program(
      "Weir",
      ["Allocator", "Store", "Accounting", "Usage", "HTTPClient", yams, logging, arguments]),

    // what the demo and the tests are made of
    room("PlainHTTP", path: "demo/PlainHTTP"),
    program("SampleApp", ["PlainHTTP"], path: "demo/SampleApp"),
    program("DemoTraffic", ["PlainHTTP"], path: "demo/Traffic"),
    room("TestSupport", ["PlainHTTP", "CNghttp2"], path: "Tests/TestSupport"),

    // benchmarks
    .executableTarget(
      name: "CodecBench", dependencies: ["Usage"], path: "bench/CodecBench", swiftSettings: house),
    .executableTarget(
      name: "AccountingBench", dependencies: ["Accounting"], path: "bench/AccountingBench",
      swiftSettings: house),
    .executableTarget(
      name: "MeterBench", dependencies: ["Metering", "Usage", "Platform"],
      path: "bench/MeterBench", swiftSettings: house),
    .executableTarget(
      name: "MonthBench", dependencies: ["Store", "Usage", "Digest", grdb, sqlite],
      path: "bench/accounting/MonthBench", swiftSettings: house),
    .executableTarget(
      name: "StatementBench", dependencies: ["Accounting", "Allocator", "Digest"],
      path: "bench/accounting/StatementBench", swiftSettings: house),

    // tests
    tests("Accounting", ["Digest"]),
    tests(
      "Allocator",
      [
        "Store", "Accounting", "Usage", "Digest", "HTTPClient", "CZlib", "CZstd", "TestSupport",
        hummingbird, yams, logging, grdb,
      ], exclude: ["FocusLint.py"]),
    tests("Digest"),
    tests("HTTPClient", ["TestSupport", "PlainHTTP"]),
    tests("HTTPCodec", ["TestSupport"], exclude: ["Corpus"]),
    tests("Metering", ["Platform", "Usage", "TestSupport"]),
    tests("Platform", ["TestSupport", "COpenSSL"]),
    tests("Proxy", ["Platform", "HTTPCodec", "Metering", "Usage", "TestSupport", "PlainHTTP"]),
    tests("Shipping", ["Metering", "Usage", "Platform", "TestSupport", "PlainHTTP", logging]),
    tests("Store", ["Accounting", "Usage", "Digest", grdb]),
    tests("TestSupport", ["PlainHTTP", "SampleApp", "DemoTraffic"]),
    .testTarget(name: "HouseTests", swiftSettings: house),
    tests("WeirProxy", ["Proxy", "Platform", "Metering", "Shipping", "Usage"]),
    tests("Weir", [arguments]),
    tests("Usage", exclude: ["Golden"]),
    .testTarget(
      name: "IntegrationTests",
      dependencies: [
        "TestSupport", "PlainHTTP", "Platform", "HTTPClient", "Usage", "Accounting", "WeirProxy",
        "Weir",
        "SampleApp",
        "DemoTraffic",
      ], swiftSettings: house),
  ]
)
