/* xml.h: a pull reader for the small XML answers of object stores: elements and text. No DTDs, no namespaces; what is
 * not well-formed is CORRUPT. Slices point into the document. */
#ifndef TARN_CODEC_XML_H
#define TARN_CODEC_XML_H

#include "base/cx.h"

typedef enum tarn_xml_kind { TARN_XML_OPEN, TARN_XML_CLOSE, TARN_XML_TEXT, TARN_XML_END } tarn_xml_kind;

enum { TARN_XML_DEPTH = 32 };

typedef struct tarn_xml {
    tarn_str rest;
    tarn_xml_kind kind;
    tarn_str name;                 /* OPEN, CLOSE: without a prefix's meaning, as written */
    tarn_str text;                 /* TEXT: as written, entities and all */
    tarn_str open[TARN_XML_DEPTH]; /* the elements around */
    int depth;
    bool empty; /* <a/>: its CLOSE comes next */
} tarn_xml;

void tarn_xml_init(tarn_xml *x, tarn_str document);
/* The next event; END once all elements are closed and nothing is left. */
TARN_MUST tarn_code tarn_xml_next(tarn_cx *cx, tarn_xml *x);
/* At an element's OPEN: its text, decoded, in `arena`; moves to its CLOSE. Elements inside are passed over. */
TARN_MUST tarn_code tarn_xml_text(tarn_cx *cx, tarn_xml *x, tarn_arena *arena, char **out);

#endif
