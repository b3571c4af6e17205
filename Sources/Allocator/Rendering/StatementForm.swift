internal import Accounting

/// The forms of a statement.
enum StatementForm: String, CaseIterable {
  /// The document itself.
  case json
  /// One row a line.
  case csv
  /// One page.
  case html
  /// A4 pages, archived when first made.
  case pdf

  /// The media type.
  var mediaType: String {
    switch self {
    case .json: "application/json"
    case .csv: "text/csv"
    case .html: "text/html"
    case .pdf: "application/pdf"
    }
  }

  /// The forms that a list such as `json,pdf` names; all when it is nil.
  static func list(_ text: String?) throws(APIError) -> [StatementForm] {
    guard let text else { return allCases }
    var forms: Set<StatementForm> = []
    for name in text.split(separator: ",") {
      guard let form = StatementForm(rawValue: String(name)) else {
        throw .invalid(what: "forms must be some of json, csv, html and pdf")
      }
      forms.insert(form)
    }
    guard !forms.isEmpty else { throw .invalid(what: "forms names none") }
    return allCases.filter(forms.contains)
  }
}
