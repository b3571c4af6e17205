import HTTPCodec
import Metering
import Platform
import Usage

extension Worker {
  /// Sends a fixed answer of our own.
  func answer(_ connection: DownstreamConnection, _ answer: LocalAnswer) {
    self.answer(
      connection, status: answer.status, code: Self.bytes(of: answer.code),
      message: answer.message, end: answer.end)
  }

  /// Sends an answer of our own and lets go of the upstream. Only before a final response head was written.
  func answer(
    _ connection: DownstreamConnection, status: Int, code: [UInt8], message: StaticString,
    end: Quantity
  ) {
    let exchange = connection.exchange
    precondition(exchange.isOpen && exchange.phase != .responding, "answered in the wrong phase")
    dropUpstream(connection)
    exchange.phase = .answering
    exchange.answerEnd = end
    exchange.responseStatus = status
    exchange.record?.code = code
    if !exchange.request.isSourceDone || exchange.method == .connect || status == 400
      || isLastResponse(connection)
    {
      exchange.isKeepAlive = false
    }
    let output = connection.channel.output ?? buffers.take()
    connection.channel.output = output
    output.compact()
    let body = LocalAnswer.write(
      status: status, code: code, message: message,
      closes: !exchange.isKeepAlive, isHead: exchange.method == .head,
      date: HTTPDate.bytes(microseconds: clock.wallMicroseconds()), adding: answerFields,
      requestID: exchange.requestID,
      requestIDLine: policy.returnsRequestID ? policy.requestIDLine : [], to: output)
    answerFields.reset()
    guard let body else { preconditionFailure("a buffer holds an answer beside an interim head") }
    exchange.response = BodyRelay()
    exchange.response.leading = output.count - body
    exchange.response.body = body
    exchange.headRemaining = output.count - body
    connection.deadline = now + timeouts.body
  }

  private static func bytes(of text: StaticString) -> [UInt8] {
    text.withUTF8Buffer { unsafe Array($0) }
  }
}
