#include "CPangoShims.h"

#include <cairo/cairo-pdf.h>
#include <pango/pangocairo.h>
#include <stdlib.h>
#include <string.h>

struct weir_pdf {
  cairo_surface_t *surface;
  cairo_t *cairo;
  PangoContext *context;
  unsigned char *bytes;
  size_t length;
  size_t capacity;
};

// A text is a PangoLayout under another name.
static PangoLayout *layout_of(weir_pdf_text *text) { return (PangoLayout *)text; }

static cairo_status_t take(void *closure, const unsigned char *bytes, unsigned int length) {
  weir_pdf *pdf = closure;
  if (pdf->length + length > pdf->capacity) {
    size_t capacity = pdf->capacity ? pdf->capacity * 2 : 65536;
    while (capacity < pdf->length + length) capacity *= 2;
    unsigned char *grown = realloc(pdf->bytes, capacity);
    if (!grown) return CAIRO_STATUS_NO_MEMORY;
    pdf->bytes = grown;
    pdf->capacity = capacity;
  }
  memcpy(pdf->bytes + pdf->length, bytes, length);
  pdf->length += length;
  return CAIRO_STATUS_SUCCESS;
}

weir_pdf *weir_pdf_open(
    double width, double height, const char *title, const char *creator, const char *created) {
  weir_pdf *pdf = calloc(1, sizeof *pdf);
  if (!pdf) return NULL;
  pdf->surface = cairo_pdf_surface_create_for_stream(take, pdf, width, height);
  cairo_pdf_surface_restrict_to_version(pdf->surface, CAIRO_PDF_VERSION_1_5);
  cairo_pdf_surface_set_metadata(pdf->surface, CAIRO_PDF_METADATA_TITLE, title);
  cairo_pdf_surface_set_metadata(pdf->surface, CAIRO_PDF_METADATA_CREATOR, creator);
  cairo_pdf_surface_set_metadata(pdf->surface, CAIRO_PDF_METADATA_CREATE_DATE, created);
  pdf->cairo = cairo_create(pdf->surface);
  // The default font map belongs to the calling thread (pango 1.32.6 and later).
  pdf->context = pango_cairo_create_context(pdf->cairo);
  // Widths must not depend on the grid of some screen.
  pango_context_set_round_glyph_positions(pdf->context, FALSE);
  if (cairo_status(pdf->cairo) != CAIRO_STATUS_SUCCESS) {
    weir_pdf_close(pdf);
    return NULL;
  }
  return pdf;
}

void weir_pdf_next_page(weir_pdf *pdf) { cairo_show_page(pdf->cairo); }

const unsigned char *weir_pdf_finish(weir_pdf *pdf, size_t *length) {
  cairo_show_page(pdf->cairo);
  cairo_surface_finish(pdf->surface);
  *length = pdf->length;
  if (cairo_status(pdf->cairo) != CAIRO_STATUS_SUCCESS) return NULL;
  return cairo_surface_status(pdf->surface) == CAIRO_STATUS_SUCCESS ? pdf->bytes : NULL;
}

const char *weir_pdf_failure(weir_pdf *pdf) {
  cairo_status_t status = cairo_status(pdf->cairo);
  if (status == CAIRO_STATUS_SUCCESS) status = cairo_surface_status(pdf->surface);
  return cairo_status_to_string(status);
}

void weir_pdf_close(weir_pdf *pdf) {
  if (pdf->context) g_object_unref(pdf->context);
  if (pdf->cairo) cairo_destroy(pdf->cairo);
  if (pdf->surface) cairo_surface_destroy(pdf->surface);
  free(pdf->bytes);
  free(pdf);
}

weir_pdf_text *weir_pdf_text_new(
    weir_pdf *pdf, const char *bytes, int length, const weir_pdf_style *style) {
  PangoLayout *layout = pango_layout_new(pdf->context);
  PangoFontDescription *font = pango_font_description_new();
  pango_font_description_set_family(font, style->families);
  pango_font_description_set_absolute_size(font, style->size * PANGO_SCALE);
  pango_font_description_set_weight(font, style->is_bold ? PANGO_WEIGHT_BOLD : PANGO_WEIGHT_NORMAL);
  pango_layout_set_font_description(layout, font);
  pango_font_description_free(font);
  pango_layout_set_text(layout, bytes, length);
  pango_layout_set_width(layout, (int)(style->width * PANGO_SCALE));
  pango_layout_set_wrap(layout, PANGO_WRAP_WORD_CHAR);
  // Pango turns left and right around where a paragraph runs from right to left; a column does not.
  int is_rtl = pango_layout_get_direction(layout, 0) == PANGO_DIRECTION_RTL;
  pango_layout_set_alignment(
      layout, style->is_right != is_rtl ? PANGO_ALIGN_RIGHT : PANGO_ALIGN_LEFT);
  return (weir_pdf_text *)layout;
}

double weir_pdf_text_height(weir_pdf_text *text) {
  int width, height;
  pango_layout_get_size(layout_of(text), &width, &height);
  return (double)height / PANGO_SCALE;
}

double weir_pdf_text_width(weir_pdf_text *text) {
  PangoRectangle logical;
  pango_layout_get_extents(layout_of(text), NULL, &logical);
  return (double)logical.width / PANGO_SCALE;
}

void weir_pdf_text_draw(
    weir_pdf *pdf, weir_pdf_text *text, double x, double y, weir_pdf_colour colour) {
  cairo_set_source_rgb(pdf->cairo, colour.red, colour.green, colour.blue);
  cairo_move_to(pdf->cairo, x, y);
  pango_cairo_show_layout(pdf->cairo, layout_of(text));
}

void weir_pdf_text_free(weir_pdf_text *text) { g_object_unref(text); }

void weir_pdf_fill(
    weir_pdf *pdf, double x, double y, double width, double height, weir_pdf_colour colour) {
  cairo_set_source_rgb(pdf->cairo, colour.red, colour.green, colour.blue);
  cairo_rectangle(pdf->cairo, x, y, width, height);
  cairo_fill(pdf->cairo);
}
