/// The rules that a message can break, each with a stable name for answers, logs and counters.
///
/// `docs/reference/http1.md` lists them for users; a test compares the two.
public enum FaultCode: String, Sendable, CaseIterable {
  // Lines and bounds
  case bareLineFeed = "bare_line_feed"
  case bareCarriageReturn = "bare_carriage_return"
  case controlByte = "control_byte"
  case headTooLarge = "head_too_large"
  case tooManyFields = "too_many_fields"
  case targetTooLong = "target_too_long"

  // Request line
  case leadingEmptyLines = "leading_empty_lines"
  case requestLineMalformed = "request_line_malformed"
  case methodInvalid = "method_invalid"
  case targetInvalid = "target_invalid"
  case targetFormInvalid = "target_form_invalid"
  case versionMalformed = "version_malformed"
  case versionUnsupported = "version_unsupported"

  // Status line
  case statusLineMalformed = "status_line_malformed"
  case statusInvalid = "status_invalid"

  // Fields
  case fieldNameInvalid = "field_name_invalid"
  case fieldNameAlias = "field_name_alias"
  case fieldNameUnderscore = "field_name_underscore"
  case spaceBeforeColon = "space_before_colon"
  case lineFolding = "line_folding"
  case hostMissing = "host_missing"
  case hostDuplicate = "host_duplicate"
  case hostInvalid = "host_invalid"
  case connectionOptionInvalid = "connection_option_invalid"
  case connectionOptionForbidden = "connection_option_forbidden"
  case upgradeDuplicate = "upgrade_duplicate"

  // Framing
  case contentLengthInvalid = "content_length_invalid"
  case contentLengthDuplicate = "content_length_duplicate"
  case contentLengthAndTransferEncoding = "content_length_and_transfer_encoding"
  case transferEncodingInvalid = "transfer_encoding_invalid"
  case transferEncodingUnknown = "transfer_encoding_unknown"
  case transferEncodingChunkedNotLast = "transfer_encoding_chunked_not_last"
  case transferEncodingOnHTTP10 = "transfer_encoding_on_http10"

  // Chunks and trailers
  case chunkSizeInvalid = "chunk_size_invalid"
  case chunkExtensionInvalid = "chunk_extension_invalid"
  case chunkExtensionsTooLarge = "chunk_extensions_too_large"
  case chunkEndMissing = "chunk_end_missing"
  case trailersTooLarge = "trailers_too_large"
  case tooManyTrailers = "too_many_trailers"
  case trailersIncomplete = "trailers_incomplete"

  /// What to answer to a client that broke this rule.
  public var status: Int {
    switch self {
    case .targetTooLong: 414
    case .headTooLarge, .tooManyFields, .trailersTooLarge, .tooManyTrailers: 431
    case .transferEncodingUnknown: 501
    case .versionUnsupported: 505
    default: 400
    }
  }
}
