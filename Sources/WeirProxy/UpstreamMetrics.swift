import Proxy

/// What the watch over upstreams knows, as samples labelled with the upstream's name.
enum UpstreamMetrics {
  /// Calls `sample` for each, those of one metric together.
  static func render(
    _ boards: [UpstreamBoard],
    sample: (_ name: String, _ value: UInt64, _ label: String, _ isGauge: Bool) -> Void
  ) {
    for board in boards {
      sample("weir_upstream_addresses", UInt64(board.addressCounts.all), label(board), true)
    }
    for board in boards {
      let healthy = UInt64(board.addressCounts.healthy)
      sample("weir_upstream_healthy_addresses", healthy, label(board), true)
    }
    for board in boards {
      let counts = board.checkCounts
      let name = "weir_upstream_health_checks_total"
      sample(name, counts.good, label(board, "result", "good"), false)
      sample(name, counts.failed, label(board, "result", "failed"), false)
    }
    for board in boards {
      let counts = board.checkCounts
      let name = "weir_upstream_health_transitions_total"
      sample(name, counts.turnsUp, label(board, "to", "up"), false)
      sample(name, counts.turnsDown, label(board, "to", "down"), false)
    }
    for board in boards {
      let counts = board.resolutionCounts
      let name = "weir_upstream_resolutions_total"
      sample(name, counts.good, label(board, "result", "good"), false)
      sample(name, counts.failed, label(board, "result", "failed"), false)
    }
  }

  private static func label(_ board: UpstreamBoard) -> String {
    // Names of upstreams are free text in the configuration.
    let escaped = board.name.flatMap { character -> String in
      switch character {
      case "\\": "\\\\"
      case "\"": "\\\""
      case "\n": "\\n"
      default: String(character)
      }
    }
    return "upstream=\"\(String(escaped))\""
  }

  private static func label(_ board: UpstreamBoard, _ key: String, _ value: String) -> String {
    "\(label(board)),\(key)=\"\(value)\""
  }
}
