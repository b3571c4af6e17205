// A small door to pango and cairo: a PDF document in memory, texts that can be measured before they are
// placed, rules and boxes. GObject's macros and callbacks stay behind it.
// No feature macros here: they would make libc types differ between clang modules.
#pragma once
#include <stddef.h>

/// A document that is being drawn.
typedef struct weir_pdf weir_pdf;
/// A laid-out text of one document.
typedef struct weir_pdf_text weir_pdf_text;

/// How a text is laid out. Lengths are points.
typedef struct {
  /// A list of font families, the first that has a glyph wins.
  const char *families;
  double size;
  int is_bold;
  /// 0 left, 1 right, whatever the direction of the script.
  int is_right;
  /// Lines are broken to this width, within words when there is no other way.
  double width;
} weir_pdf_style;

/// A colour, each part 0 to 1.
typedef struct {
  double red, green, blue;
} weir_pdf_colour;

/// A document of pages of one size, or NULL. `created` is an ISO 8601 time: the clock is never asked.
weir_pdf *weir_pdf_open(double width, double height, const char *title, const char *creator, const char *created);
/// Ends the current page and begins another.
void weir_pdf_next_page(weir_pdf *pdf);
/// Ends the document. NULL on failure, else its bytes, which live until `weir_pdf_close`.
const unsigned char *weir_pdf_finish(weir_pdf *pdf, size_t *length);
/// What went wrong, a constant text.
const char *weir_pdf_failure(weir_pdf *pdf);
/// Frees the document; its texts must be freed before.
void weir_pdf_close(weir_pdf *pdf);

/// Lays out `length` bytes of UTF-8.
weir_pdf_text *weir_pdf_text_new(weir_pdf *pdf, const char *bytes, int length, const weir_pdf_style *style);
/// The height over all lines.
double weir_pdf_text_height(weir_pdf_text *text);
/// The width of the widest line.
double weir_pdf_text_width(weir_pdf_text *text);
/// Draws the text with its upper left corner at a place.
void weir_pdf_text_draw(weir_pdf *pdf, weir_pdf_text *text, double x, double y, weir_pdf_colour colour);
void weir_pdf_text_free(weir_pdf_text *text);

/// Fills a rectangle.
void weir_pdf_fill(weir_pdf *pdf, double x, double y, double width, double height, weir_pdf_colour colour);
