import Testing

/// Everything that runs real processes: one suite after the other, so that two chains never share
/// the processors.
@Suite("The programs together", .serialized)
enum Integration {}
